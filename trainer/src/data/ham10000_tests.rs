use std::collections::HashSet;
use std::fs;

use super::super::testing::{png, real_data, tree};
use super::super::{Shares, Split};
use super::*;

const TABLE: &str = "lesion_id,image_id,dx,dx_type,age,sex,localization\n\
    L1,I1,nv,histo,80.0,male,back\nL2,I2,bkl,histo,,male,back\nL2,I3,bkl,histo,,male,back\n";
/// The same as ISIC 2018 hands it out.
const ONE_HOT: &str = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n\
    I1,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nI2,0.0,0.0,0.0,0.0,1.0,0.0,0.0\nI3,0.0,0.0,0.0,0.0,1.0,0.0,0.0\n";
const GROUPINGS: &str =
    "image,lesion_id,diagnosis_confirm_type\nI1,L1,histo\nI2,L2,histo\nI3,L2,histo\n";

const PUBLISHED: [&str; 4] = [
    "HAM10000_images_part_1/I1.jpg",
    "HAM10000_images_part_2/I2.jpg",
    "HAM10000_images_part_2/I3.jpg",
    "HAM10000_segmentations_lesion_tschandl/I2_segmentation.png",
];

/// A folder with these images, and tables by name.
fn folder(images: &[&str], tables: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tree(images);
    for (name, text) in tables {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn small(table: &str) -> tempfile::TempDir {
    folder(&PUBLISHED, &[("HAM10000_metadata", table)])
}

fn assert_small(dataset: &Dataset) {
    assert_eq!(dataset.counts(), [1, 0, 2]);
    let ids: Vec<&str> = dataset.items.iter().map(|item| &item.id[..]).collect();
    assert_eq!(ids, ["I1", "I2", "I3"]);
    assert_ne!(dataset.items[0].group, dataset.items[1].group);
    assert_eq!(dataset.items[1].group, dataset.items[2].group);
    assert!(
        dataset
            .items
            .iter()
            .all(|i| i.picture.read(32, &Notes::default()).is_ok())
    );
    assert!(dataset.notes.take().is_empty());
}

fn said(folder: &tempfile::TempDir) -> String {
    format!("{:#}", open(folder.path(), None).unwrap_err())
}

#[test]
fn the_published_layout_is_read() {
    for table in [TABLE.to_owned(), TABLE.replace(',', "\t")] {
        let dataset = open(small(&table).path(), None).unwrap();
        let masks: Vec<bool> = dataset.items.iter().map(|i| i.mask.is_some()).collect();
        assert_eq!(masks, [false, true, false]);
    }
    assert_small(&open(small(TABLE).path(), None).unwrap());
}

#[test]
fn the_images_may_lie_anywhere() {
    for places in [
        ["I1.jpg", "I2.jpg", "I3.jpg"],
        ["images/I1.jpg", "images/I2.JPG", "images/I3.png"],
        ["a/b/c/I1.jpg", "a/I2.jpg", "__MACOSX/../a/b/I3.jpg"],
        [
            "HAM10000_images_part_1/HAM10000_images_part_1/I1.jpg",
            "HAM10000_images_part_2/I2.jpg",
            "all/I3.jpg",
        ],
        ["nv/I1.jpg", "bkl/I2.jpg", "bkl/I3.jpg"],
    ] {
        for table in [
            "HAM10000_metadata.csv",
            "dataverse_files/HAM10000_metadata.tab",
            "data/ham10000_metadata (1).csv",
        ] {
            let found = folder(&places, &[(table, TABLE)]);
            fs::create_dir_all(found.path().join("__MACOSX/a")).unwrap();
            fs::write(found.path().join("__MACOSX/a/._I1.jpg"), "x").unwrap();
            assert_small(&open(found.path(), None).unwrap());
        }
    }
}

#[test]
fn tables_are_known_by_their_columns() {
    for table in [
        TABLE.replace(',', ";").replace("80.0", "80,0"),
        format!(
            "\u{feff}sep=;\r\n{}",
            TABLE.replace(',', ";").replace('\n', "\r\n")
        ),
        TABLE
            .replace(",dx,", ",Diagnosis,")
            .replace("image_id", "Image ID"),
        TABLE.replace("image_id", "isic_id").replace("I2", "I2.jpg"),
        TABLE
            .replace("nv", "Melanocytic nevi")
            .replace("bkl", "Benign keratosis-like lesions"),
        TABLE.replace("nv", "NV").replace("bkl", "BKL"),
        TABLE.replace('\n', ",,\n"),
    ] {
        for name in ["HAM10000_metadata.csv", "labels.csv", "sub/GroundTruth.tsv"] {
            let found = folder(
                &PUBLISHED,
                &[(name, &table), ("readme.txt", "Some words, and more.\n")],
            );
            assert_small(&open(found.path(), None).unwrap());
        }
    }
}

#[test]
fn isic_2018_is_read_with_its_lesions() {
    let images = [
        "ISIC2018_Task3_Training_Input/I1.jpg",
        "ISIC2018_Task3_Training_Input/I2.jpg",
        "ISIC2018_Task3_Training_Input/I3.jpg",
    ];
    let truth = "ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv";
    let groupings = ("ISIC2018_Task3_Training_LesionGroupings.csv", GROUPINGS);
    for table in [
        ONE_HOT.to_owned(),
        ONE_HOT.replace(',', ";").replace(".0", ",0"),
        ONE_HOT.replace(".0", ""),
        ONE_HOT
            .replace("VASC\n", "VASC,SCC,UNK\n")
            .replace(".0\n", ".0,0.0,0.0\n"),
    ] {
        assert_small(&open(folder(&images, &[(truth, &table), groupings]).path(), None).unwrap());
        assert_small(
            &open(
                folder(&images, &[("truth.csv", &table), groupings]).path(),
                None,
            )
            .unwrap(),
        );
    }
    // Without the other table nobody knows the lesions, which is said.
    let alone = open(folder(&images, &[(truth, ONE_HOT)]).path(), None).unwrap();
    assert_ne!(alone.items[1].group, alone.items[2].group);
    assert!(alone.notes.take()[0].contains("of 3 images nothing says which lesion"));
    for (row, reason) in [
        ("I3,0.2,0.1,0,0,0.7,0,0", "a table of truths, not of scores"),
        ("I3,1,0,0,0,1,0,0", "mel, bkl are all marked"),
        ("I3,0,0,0,0,0,0,0", "no class is marked"),
    ] {
        let table = ONE_HOT.replace("I3,0.0,0.0,0.0,0.0,1.0,0.0,0.0", row);
        let error = said(&folder(&images, &[(truth, &table)]));
        assert!(
            error.contains(reason) && error.contains("line 4"),
            "{error}"
        );
    }
}

#[test]
fn the_three_tables_of_isic_2018_are_its_split() {
    let mut images = vec![];
    let mut tables = vec![];
    for (part, first) in [("Training", 0), ("Validation", 10), ("Test", 20)] {
        let mut table = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n".to_owned();
        for (at, row) in ["1,0,0,0,0,0,0", "0,1,0,0,0,0,0", "0,0,0,0,1,0,0"]
            .iter()
            .enumerate()
        {
            let id = format!("ISIC_{}", first + at);
            table += &format!("{id},{row}\n");
            images.push(format!("ISIC2018_Task3_{part}_Input/{id}.jpg"));
        }
        tables.push((format!("ISIC2018_Task3_{part}_GroundTruth.csv"), table));
    }
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let tables: Vec<(&str, &str)> = tables.iter().map(|(n, t)| (&n[..], &t[..])).collect();
    let dataset = open(folder(&images, &tables).path(), None).unwrap();
    let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
    for (part, id) in [
        (Part::Train, "ISIC_0"),
        (Part::Validation, "ISIC_10"),
        (Part::Test, "ISIC_20"),
    ] {
        let part = dataset.select(&split.indices(part));
        assert_eq!((part.items.len(), &part.items[0].id[..]), (3, id));
    }
}

#[test]
fn each_fault_of_the_table_is_named() {
    for (table, reason) in [
        (
            TABLE.replace(",dx,", ",finding,"),
            "no column `dx`, only `lesion_id`",
        ),
        (TABLE.replace("image_id", "picture"), "no column `image_id`"),
        (TABLE.replace("nv", "wart"), "line 2 of"),
        (TABLE.replace("nv", "wart"), "unknown class `wart`"),
        (TABLE.replace("I3", "I2"), "a second time"),
        (TABLE.replace("L1,", ","), "lacks its lesion_id"),
        (TABLE.replace("I3", "I4"), "1 of the 3 images in"),
        (format!("{TABLE}L3\n"), "damaged"),
    ] {
        let error = said(&small(&table));
        assert!(error.contains(reason), "{error}");
    }
    let unknown = ["nv".to_owned(), "wart".to_owned()];
    let error = open(small(TABLE).path(), Some(&unknown))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("choose --classes from nv, mel, bkl, bcc"),
        "{error}"
    );
}

#[test]
fn what_is_not_there_is_named_for_what_it_is() {
    let some = &PUBLISHED[..1];
    let table = [("HAM10000_metadata.csv", TABLE)];
    for (images, more, reason) in [
        (some, &[][..], "1 images lie below"),
        (&[], &[], "there is no image below"),
        (
            some,
            &[("HAM10000_images_part_2.zip", "PK")],
            "HAM10000_images_part_2.zip is not unpacked yet",
        ),
        (
            some,
            &[("HAM10000_images_part_2.zip.crdownload", "PK")],
            "the download of",
        ),
    ] {
        let error = said(&folder(images, &[&table, more].concat()));
        assert!(
            error.contains("of the 3 images in") && error.contains(reason),
            "{error}"
        );
        assert!(
            error.contains(if images.is_empty() {
                "I1 to begin"
            } else {
                "I2 to begin"
            }),
            "{error}"
        );
    }
    for (images, tables, reason) in [
        (
            &[][..],
            &[][..],
            "holds no HAM10000_metadata.csv: give the folder",
        ),
        (&["nv/1.jpg", "mel/2.jpg"], &[], "give it as folder:"),
        (
            some,
            &[("notes.csv", "a,b\n1,2\n")],
            "no column `image_id`, only `a`, `b`",
        ),
        (
            some,
            &[("a.csv", TABLE), ("b.csv", TABLE)],
            "several tables of images",
        ),
        (
            some,
            &[("a.csv", "x\n"), ("b.csv", "y\n")],
            "has the columns image_id and dx",
        ),
    ] {
        let error = said(&folder(images, tables));
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn of_two_files_for_one_image_the_published_one_is_taken_or_both_are_named() {
    let small = folder(
        &[&PUBLISHED[..], &["resized/I1.jpg"]].concat(),
        &[("HAM10000_metadata.csv", TABLE)],
    );
    fs::write(small.path().join("resized/I1.jpg"), png(12, 7)).unwrap();
    let dataset = open(small.path(), None).unwrap();
    assert_eq!(
        dataset.items[0]
            .picture
            .read(32, &Notes::default())
            .unwrap()
            .width(),
        9
    );
    fs::create_dir(small.path().join("HAM10000_images_224")).unwrap();
    fs::rename(
        small.path().join("resized/I1.jpg"),
        small.path().join("HAM10000_images_224/I1.jpg"),
    )
    .unwrap();
    assert!(
        said(&small).contains("is there twice and not alike"),
        "{}",
        said(&small)
    );
}

#[test]
#[ignore = "needs the real images in ../shared/data"]
fn the_real_tables_have_the_published_numbers() {
    let data = real_data("ham10000");
    let codes: Vec<String> = CLASSES.iter().map(|(code, _)| (*code).into()).collect();
    let dataset = open(&data, Some(&codes)).unwrap();
    assert_eq!(dataset.counts(), [6705, 1113, 1099, 514, 327, 142, 115]);
    let lesions: HashSet<&str> = dataset.items.iter().map(|i| &i.group[..]).collect();
    assert_eq!(lesions.len(), 7470);
    assert!(dataset.items.iter().all(|item| item.mask.is_some()));
    assert_eq!(open(&data, None).unwrap().counts(), [6705, 1113, 1099]);
}
