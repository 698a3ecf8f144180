//! A table of images: a row each, with the file, its class, and what else is known.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pellucid_shared::card::Class;
use pellucid_shared::said;
use pellucid_tables::{IMAGE_ENDINGS, Row, Table, without_image_ending};

use super::dataset::choose;
use super::{Dataset, Item, Notes, Part, Picture, identical};

/// `csv:FILE?image=COLUMN&label=COLUMN&…`: a table, and what its columns are called where the names do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvTable {
    /// The table.
    pub file: PathBuf,
    /// Columns by [role](ROLES), as the user named them.
    pub columns: Vec<(Role, String)>,
    /// The folder that the table's paths begin at; the table's own where it is empty.
    pub folder: PathBuf,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The image's file: a path, or a name with or without its ending.
    Image,
    /// The class.
    Label,
    /// What belongs together, such as the lesion or the patient: never parted between training and test.
    Group,
    /// Training, validation or test.
    Part,
    /// The file of the lesion's mask.
    Mask,
}

/// Each role's name on the command line, and the names of columns that are taken for it, the likeliest first.
const ROLES: [(Role, &str, &[&str]); 5] = [
    (
        Role::Image,
        "image",
        &[
            "image",
            "image_path",
            "path",
            "filepath",
            "file_path",
            "file",
            "filename",
            "file_name",
            "image_name",
            "image_id",
            "isic_id",
            "img",
            "img_id",
            "id",
            "name",
        ],
    ),
    (
        Role::Label,
        "label",
        &[
            "label",
            "class",
            "dx",
            "diagnosis",
            "target",
            "category",
            "benign_malignant",
            "y",
        ],
    ),
    (
        Role::Group,
        "group",
        &[
            "group",
            "lesion_id",
            "lesion",
            "patient_id",
            "patient",
            "subject_id",
            "subject",
            "case_id",
        ],
    ),
    (
        Role::Part,
        "split",
        &["split", "set", "subset", "part", "partition"],
    ),
    (
        Role::Mask,
        "mask",
        &[
            "mask",
            "mask_path",
            "mask_file",
            "segmentation",
            "segmentation_path",
        ],
    ),
];

/// What stands between the table's file and its columns.
const COLUMNS: char = '?';
const FOLDER: &str = "folder";

impl CsvTable {
    /// Reads `FILE?image=COLUMN&folder=FOLDER`; the error says what may be named.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (file, wishes) = text.split_once(COLUMNS).unwrap_or((text, ""));
        if file.is_empty() {
            return Err("`csv:` lacks the file: write csv:FILE".to_owned());
        }
        let mut listed = Self {
            file: file.into(),
            ..Self::default()
        };
        for wish in wishes.split('&').filter(|wish| !wish.is_empty()) {
            let (name, value) = wish.split_once('=').unwrap_or((wish, ""));
            let role = ROLES.iter().find(|(_, known, _)| *known == name);
            match role {
                _ if value.is_empty() => {
                    return Err(format!("`{wish}` names no column: write {name}=COLUMN"));
                }
                Some((role, ..)) => listed.columns.push((*role, value.to_owned())),
                None if name == FOLDER => listed.folder = value.into(),
                None => {
                    let known: Vec<&str> = ROLES.iter().map(|(_, name, _)| *name).collect();
                    return Err(format!(
                        "a table has no `{name}`: name {} or {FOLDER}, as in csv:FILE?image=COLUMN&label=COLUMN",
                        known.join(", ")
                    ));
                }
            }
        }
        Ok(listed)
    }

    /// Lists the images of the table. `codes` chooses classes and gives their order; without it they are all that occur, in the order of
    /// their names, numbers by size.
    pub(super) fn open(&self, codes: Option<&[String]>) -> Result<Dataset> {
        let place = self.file.display();
        let table =
            Table::read(&self.file).with_context(|| format!("the table {place} cannot be used"))?;
        let columns = Columns::of(&table, self)?;
        let labelled = |row: &Row<'_>| !row.field(columns.label).trim().is_empty();
        let known = classes(table.rows().map(|row| row.field(columns.label)));
        let classes = choose(&known, codes)?;
        let notes = Notes::default();
        let unlabelled = table.rows().filter(|row| !labelled(row)).count();
        if unlabelled > 0 {
            notes.add(format!(
                "{unlabelled} rows of {place} name no class and are left out"
            ));
        }
        let finder = Finder::new(self);
        let mut items = vec![];
        let mut missing = vec![];
        for row in table.rows().filter(labelled) {
            let label = row.field(columns.label).trim();
            let Some(label) = classes.iter().position(|class| class.code == label) else {
                continue;
            };
            let image = row.field(columns.image).trim();
            match finder.find(image) {
                Some(path) => items.push(columns.item(&row, path, label, &finder)?),
                None => missing.push(image),
            }
        }
        if let Some(first) = missing.first() {
            bail!(
                "{} of the {} images in {place} are missing, {} to begin with: paths begin at {}; csv:FILE?folder=FOLDER names another folder",
                missing.len(),
                missing.len() + items.len(),
                said::name(first),
                finder.folder.display()
            );
        }
        once_each(&items, &self.file)?;
        if columns.group.is_none() {
            notes.add(format!(
                "{place} does not say which images belong together, so that one lesion or patient may stand in training and test: name its column with ?group=COLUMN"
            ));
        }
        identical::join_groups(&mut items)?;
        Ok(Dataset {
            classes,
            items,
            notes,
        })
    }
}

impl fmt::Display for CsvTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "csv:{}", self.file.display())?;
        let mut before = COLUMNS;
        for (role, column) in &self.columns {
            let name = ROLES
                .iter()
                .find(|(known, ..)| known == role)
                .map_or("", |(_, name, _)| name);
            write!(formatter, "{before}{name}={column}")?;
            before = '&';
        }
        if !self.folder.as_os_str().is_empty() {
            write!(formatter, "{before}{FOLDER}={}", self.folder.display())?;
        }
        Ok(())
    }
}

/// Where each role's column is.
struct Columns {
    image: usize,
    label: usize,
    group: Option<usize>,
    part: Option<usize>,
    mask: Option<usize>,
}

impl Columns {
    fn of(table: &Table, listed: &CsvTable) -> Result<Self> {
        let place = table.path.display();
        let found = |wanted: Role| -> Result<Option<usize>> {
            let Some((_, _, usual)) = ROLES.iter().find(|(role, ..)| *role == wanted) else {
                return Ok(None);
            };
            let Some((_, named)) = listed.columns.iter().find(|(role, _)| *role == wanted) else {
                return Ok(table.column(usual)?);
            };
            let plain = named.trim().to_lowercase().replace([' ', '-', '.'], "_");
            let column = table.column(&[&plain])?;
            Ok(Some(column.with_context(|| {
                format!(
                    "{place} has no column `{}`: it has {}",
                    said::name(named),
                    names(table)
                )
            })?))
        };
        let needed = |role: Role, name: &str| -> Result<usize> {
            found(role)?.with_context(|| {
                format!(
                    "none of the columns of {place} is known to hold the {name}: name it, as in csv:FILE?{name}=COLUMN; there are {}",
                    names(table)
                )
            })
        };
        Ok(Self {
            image: needed(Role::Image, "image")?,
            label: needed(Role::Label, "label")?,
            group: found(Role::Group)?,
            part: found(Role::Part)?,
            mask: found(Role::Mask)?,
        })
    }

    fn item(&self, row: &Row<'_>, path: PathBuf, label: usize, finder: &Finder) -> Result<Item> {
        let field = |column: Option<usize>| {
            let text = column.map_or("", |column| row.field(column).trim());
            (!text.is_empty()).then_some(text)
        };
        let id = without_image_ending(row.field(self.image).trim()).to_owned();
        let part = field(self.part).map(|name| {
            Part::from_folder(name).with_context(|| {
                format!(
                    "line {} of the table puts an image into `{}`: write train, validation or test",
                    row.line(),
                    said::name(name)
                )
            })
        });
        let mask = field(self.mask).map(|name| {
            finder.find(name).with_context(|| {
                format!(
                    "the mask {} on line {} of the table is missing",
                    said::name(name),
                    row.line()
                )
            })
        });
        Ok(Item {
            group: field(self.group).map_or_else(|| id.clone(), str::to_owned),
            id,
            picture: Picture::File(path),
            label,
            mask: mask.transpose()?,
            part: part.transpose()?,
        })
    }
}

/// Columns that a sentence lists.
const MOST_LISTED: usize = 12;

fn names(table: &Table) -> String {
    let names = table.header.iter().take(MOST_LISTED);
    let names: Vec<String> = names.map(|name| said::name(name).to_string()).collect();
    match table.header.len().saturating_sub(MOST_LISTED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The classes that occur: numbers by their size, else by name.
fn classes<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<Class> {
    let mut codes: Vec<&str> = labels
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let numbers: Option<Vec<i64>> = codes.iter().map(|code| code.parse().ok()).collect();
    if numbers.is_some() {
        codes.sort_by_key(|code| code.parse::<i64>().unwrap_or_default());
    }
    let class = |code: &str| Class {
        code: code.to_owned(),
        name: String::new(),
    };
    codes.into_iter().map(class).collect()
}

/// Finds the files that a table names.
struct Finder {
    folder: PathBuf,
}

impl Finder {
    fn new(listed: &CsvTable) -> Self {
        let beside = listed
            .file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new("."));
        Self {
            folder: beside.join(&listed.folder),
        }
    }

    /// The file of that path or name, with an image's ending where it has none.
    fn find(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() {
            return None;
        }
        let plain = self.folder.join(name);
        if plain.is_file() {
            return Some(plain);
        }
        let with = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        let endings = IMAGE_ENDINGS
            .iter()
            .flat_map(|ending| [(*ending).to_owned(), ending.to_uppercase()]);
        endings
            .map(|ending| with(&ending))
            .find(|path| path.is_file())
    }
}

/// Refuses a table that lists an image twice: it would count twice, or be of two classes.
fn once_each(items: &[Item], table: &Path) -> Result<()> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for item in items {
        if let Some(before) = seen.insert(&item.id, item.label) {
            let how = if before == item.label {
                "twice"
            } else {
                "twice, as two classes"
            };
            bail!(
                "{} lists the image {} {how}: remove one of the rows",
                table.display(),
                said::name(&item.id)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::tree;
    use super::*;

    fn opened(files: &[&str], table: &str, wishes: &str) -> Result<Dataset> {
        let folder = tree(files);
        let path = folder.path().join("t.csv");
        fs::write(&path, table).unwrap();
        let source = format!("csv:{}{wishes}", path.display());
        let source: super::super::Source = source.parse().map_err(anyhow::Error::msg)?;
        assert_eq!(source.to_string().parse(), Ok(source.clone()));
        Dataset::open(&source, None, 0)
    }

    #[test]
    fn usual_names_of_columns_need_no_words() {
        let table = "Image ID;Diagnosis;Patient;Set\na;nevus;P1;train\nb.png;melanoma;P2;Test\nc;;P3;train\n";
        let data = opened(&["a.png", "b.png", "c.png"], table, "").unwrap();
        let codes: Vec<_> = data.classes.iter().map(|class| &class.code[..]).collect();
        assert_eq!(codes, ["melanoma", "nevus"]);
        let rows: Vec<_> = data
            .items
            .iter()
            .map(|i| (&i.id[..], i.label, &i.group[..], i.part))
            .collect();
        assert_eq!(
            rows,
            [
                ("a", 1, "P1", Some(Part::Train)),
                ("b", 0, "P2", Some(Part::Test))
            ]
        );
        assert_eq!(
            data.notes.take(),
            ["1 rows of ".to_owned() + &data_place(&data) + " name no class and are left out"]
        );
    }

    /// The table's path, out of an item's.
    fn data_place(data: &Dataset) -> String {
        let Picture::File(path) = &data.items[0].picture else {
            panic!()
        };
        path.with_file_name("t.csv").display().to_string()
    }

    #[test]
    fn unusual_ones_and_another_folder_are_named() {
        let table = "Foto,Befund,Fall\n1,10,x\n2,9,y\n";
        let wishes = "?image=Foto&label=Befund&group=Fall&folder=bilder";
        let data = opened(&["bilder/1.JPG", "bilder/2.jpeg"], table, wishes).unwrap();
        // Numbers by their size.
        assert_eq!([&data.classes[0].code, &data.classes[1].code], ["9", "10"]);
        assert_eq!([data.items[0].label, data.items[1].label], [1, 0]);
        assert_eq!(data.items[1].group, "y");
    }

    #[test]
    fn each_fault_is_a_sentence() {
        for (table, wishes, reason) in [
            ("a,b\n1,2\n", "", "hold the image"),
            ("image,b\n1,2\n", "", "hold the label"),
            ("image,label\n1,2\n", "?label=dx", "no column `dx`"),
            ("image,label\n1,2\n", "?colour=dx", "no `colour`"),
            ("image,label\n1,2\n", "?label=", "names no column"),
            ("image,label\n7,2\n", "", "1 of the 1 images"),
            ("image,label\n1,2\n1,2\n", "", "twice"),
            ("image,label\n1,2\n1,3\n", "", "two classes"),
            ("image,label,split\n1,2,holiday\n", "", "`holiday`"),
            ("image,label,mask\n1,2,m.png\n", "", "mask m.png"),
            ("image,label,label\n1,2,3\n", "", "label"),
        ] {
            let error = opened(&["1.png"], table, wishes).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(reason), "{table}{wishes}: {error}");
        }
    }

    #[test]
    fn images_of_which_nobody_says_what_belongs_together_are_told() {
        let data = opened(&["1.png"], "image,label\n1,2\n", "").unwrap();
        let told = data.notes.take();
        assert!(told[0].contains("?group=COLUMN"), "{told:?}");
    }
}
