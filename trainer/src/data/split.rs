//! Training, validation and test: parts of a dataset that share no lesion.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};
use pellucid_shared::files::write_atomic;
use pellucid_shared::said;
use pellucid_tables::Table;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Dataset, Item, Part, PerClass};

/// How much of the images goes to validation and test; the rest is for training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Share for validation, in (0, 1).
    pub validation: f64,
    /// Share for test, in (0, 1); with a fold, which decides it, of no account.
    pub test: f64,
    /// The fold that is the test, of a cross-validation.
    pub fold: Option<Fold>,
}

/// One of several parts of nearly equal size, without a lesion in common, of which each is the test once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Which, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

impl FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.trim().parse().ok()?, of.trim().parse().ok()?)));
        match parsed {
            Some((number, of)) if (2..=100).contains(&of) && (1..=of).contains(&number) => {
                Ok(Self { number, of })
            }
            _ => Err(format!(
                "`{text}` is no fold: write which of how many, such as 2/5, of 2 to 100"
            )),
        }
    }
}

impl fmt::Display for Fold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            validation: 0.15,
            test: 0.15,
            fold: None,
        }
    }
}

/// Which part each item of a dataset belongs to; none for items that a split file leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    parts: Vec<Option<Part>>,
}

const COLUMNS: [&str; 4] = ["image_id", "label", "group", "split"];

impl Split {
    /// Splits at random, class by class, so that every part holds every class in nearly the same share and all images of
    /// a group (a lesion) are in one part. The same seed gives the same split.
    ///
    /// Data that assign their images to parts themselves ([`Dataset::has_parts`]) are split as they say; a validation or test
    /// part that they lack is drawn from their training images.
    ///
    /// # Errors
    /// Where the shares leave no room for training, or a class has too few groups for every part that is drawn.
    pub fn stratified(dataset: &Dataset, shares: Shares, seed: u64) -> Result<Self> {
        let Shares {
            validation,
            mut test,
            fold,
        } = shares;
        if let Some(fold) = fold {
            test = 1.0 / fold.of as f64;
        }
        ensure!(
            validation > 0.0 && test > 0.0 && validation + test < 1.0,
            "validation {validation} and test {test} must be above 0 and leave something for training: choose 0.15 each"
        );
        let mut drawn = vec![(Part::Test, test), (Part::Validation, validation)];
        let mut parts = vec![Some(Part::Train); dataset.items.len()];
        if dataset.has_parts() {
            parts = dataset.items.iter().map(|item| item.part).collect();
            drawn.retain(|(part, _)| !parts.contains(&Some(*part)));
            ensure!(
                fold.is_none() || drawn.iter().any(|(part, _)| *part == Part::Test),
                "the data themselves say which images are the test: leave --fold out"
            );
        }
        for (label, class) in dataset.classes.iter().enumerate() {
            let open = |index: &usize| parts[*index] == Some(Part::Train);
            let mut groups = groups_of(dataset, label);
            groups.retain(|group| group.iter().all(open));
            ensure!(
                groups.len() > drawn.len(),
                "the class `{}` has {} separate images or lesions, and every part of the split needs one: add images, \
                 or leave the class out with --classes",
                said::name(&class.code),
                groups.len()
            );
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(label as u64);
            groups.shuffle(&mut rng);
            let images: usize = groups.iter().map(Vec::len).sum();
            if let Some(fold) = fold {
                ensure!(
                    groups.len() > fold.of,
                    "the class `{}` has {} separate images or lesions, too few for {} folds and a validation part: choose fewer folds",
                    said::name(&class.code),
                    groups.len(),
                    fold.of
                );
                for &index in take_fold(&mut groups, fold).iter().flatten() {
                    parts[index] = Some(Part::Test);
                }
            }
            // Each part takes groups until it has its share, and leaves one for each part behind it.
            let mut groups = groups.into_iter();
            let drawn: Vec<_> = (drawn.iter())
                .filter(|(part, _)| fold.is_none() || *part != Part::Test)
                .collect();
            for (place, (part, share)) in drawn.iter().enumerate() {
                let wanted = (share * images as f64).round().max(1.0) as usize;
                let mut taken = 0;
                let behind = drawn.len() - place;
                while taken < wanted && groups.len() > behind {
                    for index in groups.next().into_iter().flatten() {
                        parts[index] = Some(*part);
                        taken += 1;
                    }
                }
            }
        }
        Ok(Self { parts })
    }

    /// Reads a split that [`Split::write`] wrote, or one made by hand: a CSV with the columns `image_id`, `label`,
    /// `group` and `split`. Images of the dataset that it does not list belong to no part.
    ///
    /// # Errors
    /// Where the file cannot be read, lacks a column, names an image, class or part that there is not, or puts one group
    /// into two parts.
    pub fn read(path: &Path, dataset: &Dataset) -> Result<Self> {
        let place = path.display();
        let table =
            Table::read(path).with_context(|| format!("the split {place} cannot be used"))?;
        let mut columns = [0; COLUMNS.len()];
        for (column, name) in columns.iter_mut().zip(COLUMNS) {
            *column = table.column(&[name])?.with_context(|| {
                format!(
                    "the split {place} has no column `{name}`: it needs {}",
                    COLUMNS.join(", ")
                )
            })?;
        }
        let by_id: HashMap<&str, usize> = (0..)
            .zip(&dataset.items)
            .map(|(index, item)| (&item.id[..], index))
            .collect();
        let mut parts = vec![None; dataset.items.len()];
        for row in table.rows() {
            let [id, label, _, part] = columns.map(|column| row.field(column));
            let index = *by_id.get(id).with_context(|| {
                format!(
                    "the split {place} lists the image `{}`, which this data does not have: give the data and \
                     --classes that it was made from",
                    said::name(id)
                )
            })?;
            let code = &dataset.classes[dataset.items[index].label].code;
            ensure!(
                label == code,
                "the split {place} says that `{}` is `{}`, but the data say `{}`: correct one of them",
                said::name(id),
                said::name(label),
                said::name(code)
            );
            ensure!(
                parts[index].is_none(),
                "the split {place} lists `{}` twice: remove one of the rows",
                said::name(id)
            );
            parts[index] = Some(Part::from_name(part.trim()).with_context(|| {
                format!(
                    "the split {place} puts `{}` into `{}`: it must be train, validation or test",
                    said::name(id),
                    said::name(part)
                )
            })?);
        }
        let split = Self { parts };
        if let Some(group) = split.torn_group(&dataset.items) {
            bail!(
                "the split {place} has images of `{}` in two parts, so that a network would be tested on what it \
                 was trained on: put them into one",
                said::name(group)
            );
        }
        Ok(split)
    }

    /// Writes the split as a CSV: `image_id,label,group,split`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path, dataset: &Dataset) -> Result<()> {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(COLUMNS)?;
        for (item, part) in dataset.items.iter().zip(&self.parts) {
            if let Some(part) = part {
                let label = &dataset.classes[item.label].code;
                writer.write_record([&item.id, label, &item.group, &part.to_string()])?;
            }
        }
        let bytes = writer.into_inner().context("the split cannot be written")?;
        write_atomic(path, &bytes)
            .with_context(|| format!("the split {} cannot be written", path.display()))
    }

    /// Leaves training images out until no class has more than it may; which, the seed decides.
    ///
    /// # Errors
    /// Where a class is named that is none of the dataset's.
    pub fn limit(&mut self, dataset: &Dataset, most: &PerClass, seed: u64) -> Result<()> {
        let limits = most.limits(&dataset.classes).map_err(Error::msg)?;
        for (label, limit) in limits.into_iter().enumerate() {
            let of_class = |index: &usize| dataset.items[*index].label == label;
            let mut members = self.indices(Part::Train);
            members.retain(of_class);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(label as u64);
            members.shuffle(&mut rng);
            for &index in members.iter().skip(limit.unwrap_or(usize::MAX)) {
                self.parts[index] = None;
            }
        }
        Ok(())
    }

    /// The indices of a part's items, ascending.
    #[must_use]
    pub fn indices(&self, part: Part) -> Vec<usize> {
        let numbered = self.parts.iter().enumerate();
        numbered
            .filter(|(_, p)| **p == Some(part))
            .map(|(index, _)| index)
            .collect()
    }

    /// A group that is in two parts.
    fn torn_group<'a>(&self, items: &'a [Item]) -> Option<&'a str> {
        let mut part_of: HashMap<&str, Part> = HashMap::new();
        for (item, part) in items.iter().zip(&self.parts) {
            if let Some(part) = part
                && *part_of.entry(&item.group).or_insert(*part) != *part
            {
                return Some(&item.group);
            }
        }
        None
    }
}

/// The items of each group whose first item has this label, in the order of the groups' names.
fn groups_of(dataset: &Dataset, label: usize) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, item) in dataset.items.iter().enumerate() {
        groups.entry(&item.group).or_default().push(index);
    }
    groups
        .into_values()
        .filter(|group| dataset.items[group[0]].label == label)
        .collect()
}

/// Takes one of the folds out of shuffled groups. Each group goes to the fold that has the fewest images so far, whichever is asked for:
/// the folds of one shuffle have nothing in common and miss nothing.
fn take_fold(groups: &mut Vec<Vec<usize>>, fold: Fold) -> Vec<Vec<usize>> {
    let mut images = vec![0; fold.of];
    let mut taken = vec![];
    groups.retain(|group| {
        let smallest = (0..fold.of).min_by_key(|&fold| images[fold]);
        let into = smallest.unwrap_or_default();
        images[into] += group.len();
        let chosen = into + 1 == fold.number;
        if chosen {
            taken.push(group.clone());
        }
        !chosen
    });
    taken
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::real_data;
    use super::*;

    fn open(source: &str) -> Dataset {
        let source = source.parse().unwrap();
        Dataset::open(&source, None, 0).unwrap()
    }

    /// Ninety phantoms; every third shares its group with the one before.
    fn paired() -> Dataset {
        let mut dataset = open("phantom:90");
        let mut order: Vec<usize> = (0..90).collect();
        order.sort_by_key(|&i| dataset.items[i].label);
        for pair in order.chunks(3) {
            dataset.items[pair[1]].group = dataset.items[pair[0]].group.clone();
        }
        dataset
    }

    fn sizes(split: &Split) -> [usize; 3] {
        Part::ALL.map(|part| split.indices(part).len())
    }

    #[test]
    fn parts_are_stratified_and_tear_no_group() {
        let dataset = paired();
        let split = Split::stratified(&dataset, Shares::default(), 4).unwrap();
        assert_eq!(split.torn_group(&dataset.items), None);
        assert_eq!(sizes(&split).iter().sum::<usize>(), 90);
        for part in [Part::Validation, Part::Test] {
            let counts = dataset.select(&split.indices(part)).counts();
            // 15 % of 30 is 4.5; a pair may go one beyond.
            assert!(counts.iter().all(|c| (4..=6).contains(c)), "{counts:?}");
        }
        assert_eq!(
            split,
            Split::stratified(&dataset, Shares::default(), 4).unwrap()
        );
        assert_ne!(
            split,
            Split::stratified(&dataset, Shares::default(), 5).unwrap()
        );
    }

    #[test]
    fn every_part_has_every_class_however_rare() {
        let dataset = open("phantom:9");
        let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
        for part in Part::ALL {
            assert_eq!(dataset.select(&split.indices(part)).counts(), [1; 3]);
        }
        let error = Split::stratified(&open("phantom:8"), Shares::default(), 0).unwrap_err();
        assert!(error.to_string().contains("has 2 separate"), "{error}");
        let shares = Shares {
            validation: 0.5,
            test: 0.5,
            fold: None,
        };
        assert!(Split::stratified(&dataset, shares, 0).is_err());
    }

    #[test]
    fn every_image_is_in_the_test_of_one_fold() {
        let dataset = paired();
        let mut tested = vec![0; dataset.items.len()];
        for number in 1..=5 {
            let fold = Some(Fold { number, of: 5 });
            let shares = Shares {
                fold,
                ..Shares::default()
            };
            let split = Split::stratified(&dataset, shares, 4).unwrap();
            assert_eq!(split.torn_group(&dataset.items), None);
            let test = split.indices(Part::Test);
            let counts = dataset.select(&test).counts();
            // A fifth of 30; a pair may go one beyond.
            assert!(counts.iter().all(|c| (5..=7).contains(c)), "{counts:?}");
            let validation = dataset.select(&split.indices(Part::Validation)).counts();
            assert!(validation.iter().all(|&c| c > 0), "{validation:?}");
            test.into_iter().for_each(|index| tested[index] += 1);
        }
        assert!(tested.iter().all(|&times| times == 1), "{tested:?}");
    }

    #[test]
    fn folds_that_cannot_be_are_refused() {
        for text in ["", "2", "0/5", "6/5", "1/1", "1/101", "a/b", "1/5/2"] {
            assert!(text.parse::<Fold>().is_err(), "{text}");
        }
        let fold: Fold = "2/5".parse().unwrap();
        assert_eq!(fold.to_string(), "2/5");
        let shares = Shares {
            fold: Some(fold),
            ..Shares::default()
        };
        let error = Split::stratified(&open("phantom:12"), shares, 0).unwrap_err();
        assert!(error.to_string().contains("fewer folds"), "{error}");
    }

    #[test]
    fn classes_give_no_more_training_images_than_they_may() {
        let dataset = paired();
        let whole = Split::stratified(&dataset, Shares::default(), 4).unwrap();
        let limited = |most: &str, seed| {
            let mut split = whole.clone();
            split.limit(&dataset, &most.parse().unwrap(), seed)?;
            Ok::<_, Error>(split)
        };
        let counts = |split: &Split| dataset.select(&split.indices(Part::Train)).counts();
        let all = counts(&whole);
        assert_eq!(counts(&limited("7", 0).unwrap()), [7, 7, 7]);
        assert_eq!(
            counts(&limited("nv=5,bkl=900", 0).unwrap()),
            [5, all[1], all[2]]
        );
        for part in [Part::Validation, Part::Test] {
            assert_eq!(limited("7", 0).unwrap().indices(part), whole.indices(part));
        }
        assert_eq!(limited("7", 3).unwrap(), limited("7", 3).unwrap());
        assert_ne!(limited("7", 3).unwrap(), limited("7", 4).unwrap());
        assert!(limited("wart=3", 0).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.csv");
        let dataset = paired();
        let split = Split::stratified(&dataset, Shares::default(), 1).unwrap();
        split.write(&path, &dataset).unwrap();
        assert_eq!(Split::read(&path, &dataset).unwrap(), split);
        // A part of the rows leaves the other images out.
        let text = fs::read_to_string(&path).unwrap();
        let few: Vec<&str> = text.lines().take(11).collect();
        fs::write(&path, few.join("\n")).unwrap();
        let partial = Split::read(&path, &dataset).unwrap();
        assert_eq!(sizes(&partial).iter().sum::<usize>(), 10);
    }

    #[test]
    fn a_split_that_excel_saved_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.csv");
        let dataset = paired();
        let split = Split::stratified(&dataset, Shares::default(), 1).unwrap();
        split.write(&path, &dataset).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!("\u{feff}{}", text.replace(',', ";").replace('\n', "\r\n")),
        )
        .unwrap();
        assert_eq!(Split::read(&path, &dataset).unwrap(), split);
    }

    #[test]
    fn parts_are_known_by_the_usual_names() {
        for (name, part) in [
            ("train", Some(Part::Train)),
            ("01_Training", Some(Part::Train)),
            ("train_set", Some(Part::Train)),
            ("TrainData", Some(Part::Train)),
            ("valid", Some(Part::Validation)),
            ("Validation", Some(Part::Validation)),
            ("test-images", Some(Part::Test)),
            ("trainee", None),
            ("set", None),
            ("mel", None),
            ("", None),
        ] {
            assert_eq!(Part::from_folder(name), part, "{name}");
        }
    }

    #[test]
    fn each_fault_of_a_split_file_is_named() {
        let dataset = paired();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.csv");
        let (first, second) = (&dataset.items[0], &dataset.items[1]);
        let code = |item: &Item| dataset.classes[item.label].code.clone();
        let (id, a, b) = (&first.id, code(first), code(second));
        for (rows, reason) in [
            (
                format!("image_id,label,group\n{id},{a},g"),
                "no column `split`",
            ),
            (
                format!("image_id,label,group,split\nX1,{a},g,train"),
                "`X1`",
            ),
            (
                format!("image_id,label,group,split\n{id},{b},g,train"),
                "correct one",
            ),
            (
                format!("image_id,label,group,split\n{id},{a},g,dev"),
                "`dev`",
            ),
            (format!("image_id,label,group,split\n{id},{a},g"), "damaged"),
            (
                format!("image_id,label,group,split\n{id},{a},g,test\n{id},{a},g,train"),
                "twice",
            ),
        ] {
            fs::write(&path, rows).unwrap();
            let error = format!("{:#}", Split::read(&path, &dataset).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
        // However long a field is, and whatever it would do to a terminal.
        let field = format!("\u{1b}[2J\u{202e}{}", "x".repeat(9_000));
        for row in [
            format!("{field},{a},g,train"),
            format!("{id},{field},g,train"),
            format!("{id},{a},g,{field}"),
        ] {
            fs::write(&path, format!("image_id,label,group,split\n{row}")).unwrap();
            let error = format!("{:#}", Split::read(&path, &dataset).unwrap_err());
            assert!(error.len() < 500 + path.as_os_str().len(), "{error}");
            assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error}");
        }
        let twin = dataset.items.iter().position(|i| i.id != i.group);
        let twin = &dataset.items[twin.unwrap()];
        let whole = dataset.items.iter().find(|i| i.id == twin.group).unwrap();
        let label = code(twin);
        let rows = format!(
            "image_id,label,group,split\n{},{label},x,train\n{},{label},y,test",
            whole.id, twin.id
        );
        fs::write(&path, rows).unwrap();
        let error = Split::read(&path, &dataset).unwrap_err().to_string();
        assert!(error.contains("in two parts"), "{error}");
    }

    #[test]
    #[ignore = "needs the real images in ../shared/data"]
    fn no_real_lesion_is_torn_and_twins_stay_together() {
        for name in ["ham10000", "ham10000-224"] {
            let folder = real_data(name);
            let dataset = open(&format!("ham10000:{}", folder.display()));
            let split = Split::stratified(&dataset, Shares::default(), 0).unwrap();
            assert_eq!(split.torn_group(&dataset.items), None);
            let [train, validation, test] = sizes(&split).map(|size| size as f64);
            let all = dataset.items.len() as f64;
            assert!((train / all - 0.7).abs() < 0.01);
            assert!((validation / all - 0.15).abs() < 0.01);
            assert!((test / all - 0.15).abs() < 0.01);
            // The pairs of identical images (see the data's README).
            for pair in [
                ["ISIC_0024366", "ISIC_0029861"],
                ["ISIC_0024777", "ISIC_0029938"],
            ] {
                let groups: Vec<&str> = dataset
                    .items
                    .iter()
                    .filter(|item| pair.contains(&&item.id[..]))
                    .map(|item| &item.group[..])
                    .collect();
                assert!(groups.windows(2).all(|g| g[0] == g[1]), "{groups:?}");
            }
        }
    }
}
