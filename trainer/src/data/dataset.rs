//! The images of a source, with what is known about each.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use pellucid_shared::card::Class;
use pellucid_shared::files;
use pellucid_shared::image::{Decoded, RgbImage, decode_noted};
use pellucid_shared::phantom::{self, PhantomOptions};
use pellucid_shared::said;

use super::{Notes, Part};

/// Images, their classes and what belongs together.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The classes; an item's label counts them from 0.
    pub classes: Vec<Class>,
    /// The images, in an order that depends on the data alone.
    pub items: Vec<Item>,
    /// What the user should know about the data.
    pub notes: Notes,
}

/// One image of a dataset.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name, unique in the dataset: `ISIC_0027419`.
    pub id: String,
    /// Where its pixels come from.
    pub picture: Picture,
    /// The index of its class.
    pub label: usize,
    /// What it shows, such as the lesion's id: images of one group never part between training and test.
    pub group: String,
    /// The file with the lesion's mask, where there is one.
    pub mask: Option<PathBuf>,
    /// The part to which the data themselves assign it; of data that assign parts, an image without one belongs to none.
    pub part: Option<Part>,
}

/// Where an image's pixels come from.
#[derive(Clone, Debug)]
pub enum Picture {
    /// An image file.
    File(PathBuf),
    /// A phantom, drawn when it is needed.
    Phantom {
        /// The seed of its population.
        population: u64,
        /// Its number in the population.
        index: u64,
    },
}

impl Dataset {
    /// The label of every item.
    #[must_use]
    pub fn labels(&self) -> Vec<usize> {
        self.items.iter().map(|item| item.label).collect()
    }

    /// The dataset of the items at these indices.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let items = indices
            .iter()
            .filter_map(|&index| self.items.get(index).cloned());
        Self {
            classes: self.classes.clone(),
            items: items.collect(),
            notes: self.notes.clone(),
        }
    }

    /// Whether the data themselves say which images are for training and which for the test.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.items.iter().any(|item| item.part.is_some())
    }

    /// The images of that part, where the data themselves assign parts; else all.
    #[must_use]
    pub fn own_part(self, part: Part) -> Self {
        if !self.has_parts() {
            return self;
        }
        let of_part = |index: &usize| self.items[*index].part == Some(part);
        self.select(&(0..self.items.len()).filter(of_part).collect::<Vec<_>>())
    }

    /// At most `most` of the images, as evenly from the classes as can be, the first of each; all of them where there are no
    /// more.
    #[must_use]
    pub fn first(&self, most: usize) -> Self {
        self.of_each_class(most, |_, quota| (0..quota).collect())
    }

    /// At most `most` of the images, as evenly from the classes as can be, spread over all of each class: the order of a list
    /// is seldom that of chance, and its beginning may be easier than the rest.
    #[must_use]
    pub fn sample(&self, most: usize) -> Self {
        self.of_each_class(most, |size, quota| {
            (0..quota).map(|place| place * size / quota).collect()
        })
    }

    /// At most `most` of the images: of a class with so many images and so large a quota those that `choose` says.
    fn of_each_class(&self, most: usize, choose: impl Fn(usize, usize) -> Vec<usize>) -> Self {
        let mut members = vec![vec![]; self.classes.len()];
        for (index, item) in self.items.iter().enumerate() {
            members[item.label].push(index);
        }
        let mut quotas = vec![0; members.len()];
        let mut room = most.min(self.items.len());
        while room > 0 {
            let open = quotas.iter_mut().zip(&members);
            let open = open.filter(|(quota, members)| **quota < members.len());
            for (quota, _) in open.take(room) {
                *quota += 1;
                room -= 1;
            }
        }
        let mut kept = vec![];
        for (members, quota) in members.iter().zip(quotas) {
            kept.extend(
                choose(members.len(), quota)
                    .into_iter()
                    .map(|place| members[place]),
            );
        }
        kept.sort_unstable();
        self.select(&kept)
    }

    /// How many images each class has.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for item in &self.items {
            counts[item.label] += 1;
        }
        counts
    }
}

/// A hundred megapixels of 16-bit RGBA, and some more: beyond that a file holds no image that would be read.
pub const MOST_IMAGE_BYTES: u64 = 1 << 30;

impl Picture {
    /// The pixels, upright and unscaled. A phantom is drawn at twice the `side` that it will be reduced to, so that its
    /// edges are as smooth as a photograph's. What is odd about a file that can be used is added to `notes`.
    ///
    /// # Errors
    /// Where the file cannot be read, or is truncated, damaged, too small, too large or no image; the error names it.
    pub fn read(&self, side: u32, notes: &Notes) -> Result<RgbImage> {
        match self {
            Self::File(path) => {
                let bytes = files::read(path, MOST_IMAGE_BYTES)
                    .with_context(|| format!("the image {} cannot be read", path.display()))?;
                let Decoded { image, note } = decode_noted(&bytes)
                    .with_context(|| format!("the image {} cannot be used", path.display()))?;
                if let Some(note) = note {
                    notes.add_image(path, note);
                }
                Ok(image)
            }
            Self::Phantom { population, index } => {
                let options = PhantomOptions::new(2 * side, *population);
                Ok(phantom::generate(*index, &options).image)
            }
        }
    }
}

/// The classes of these codes in their order, or all that are known.
pub(super) fn choose(known: &[Class], codes: Option<&[String]>) -> Result<Vec<Class>> {
    let Some(codes) = codes else {
        return Ok(known.to_vec());
    };
    let mut chosen: Vec<Class> = vec![];
    for code in codes {
        let class = known
            .iter()
            .find(|class| class.code == *code)
            .with_context(|| {
                let codes = list(known.iter().map(|class| &class.code));
                format!(
                    "there is no class `{}` in this data: choose --classes from {codes}",
                    said::name(code)
                )
            })?;
        ensure!(
            !chosen.contains(class),
            "--classes names the class `{}` twice: name it once",
            said::name(code)
        );
        chosen.push(class.clone());
    }
    ensure!(
        !chosen.is_empty(),
        "--classes is empty: name at least one class"
    );
    Ok(chosen)
}

/// Classes that a sentence lists: HAM10000's seven and some more.
const MOST_LISTED: usize = 12;

pub(super) fn list<'a>(codes: impl Iterator<Item = &'a String>) -> String {
    let codes: Vec<String> = codes.map(|code| said::name(code).to_string()).collect();
    match codes.len().checked_sub(MOST_LISTED) {
        None | Some(0) => codes.join(", "),
        Some(more) => format!("{} and {more} more", codes[..MOST_LISTED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phantoms(source: &str, classes: Option<&[String]>) -> Result<Dataset> {
        Dataset::open(&source.parse().unwrap(), classes, 5)
    }

    #[test]
    fn phantoms_carry_the_class_that_is_drawn() {
        let dataset = phantoms("phantom:9", None).unwrap();
        assert_eq!(dataset.counts(), [3, 3, 3]);
        for item in &dataset.items {
            let Picture::Phantom { population, index } = item.picture else {
                panic!("{item:?}")
            };
            let drawn = phantom::generate(index, &PhantomOptions::new(64, population));
            assert_eq!(drawn.class.code(), dataset.classes[item.label].code);
            assert_eq!(
                item.picture.read(32, &Notes::default()).unwrap(),
                drawn.image
            );
        }
    }

    #[test]
    fn classes_are_chosen_and_ordered_by_code() {
        let codes = ["bkl".to_owned(), "nv".to_owned()];
        let dataset = phantoms("phantom:9:2", Some(&codes)).unwrap();
        assert_eq!(dataset.counts(), [3, 3]);
        assert_eq!(dataset.classes[0].code, "bkl");
        assert!(dataset.items[0].id.starts_with("phantom-2-"));
        for (code, reason) in [("wart", "no class `wart`"), ("nv", "twice")] {
            let codes = ["nv".to_owned(), code.to_owned()];
            let error = phantoms("phantom:9", Some(&codes)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_part_takes_evenly_from_the_classes() {
        let dataset = phantoms("phantom:30", None).unwrap();
        let uneven = dataset.select(
            &(0..30)
                .filter(|i| dataset.items[*i].label != 1 || *i < 4)
                .collect::<Vec<_>>(),
        );
        for part in [Dataset::first, Dataset::sample] {
            assert_eq!(part(&dataset, 9).counts(), [3, 3, 3]);
            assert_eq!(part(&dataset, 7).items.len(), 7);
            assert_eq!(part(&dataset, 99).items.len(), 30);
            let counts = part(&uneven, 12).counts();
            assert_eq!(counts.iter().sum::<usize>(), 12);
            assert_eq!(counts[1], uneven.counts()[1]);
        }
    }

    #[test]
    fn a_sample_is_spread_over_each_class_and_the_first_are_the_first() {
        let dataset = phantoms("phantom:30", None).unwrap();
        let ids = |part: Dataset, label| -> Vec<String> {
            let items = part.items.into_iter().filter(|item| item.label == label);
            items.map(|item| item.id).collect()
        };
        for label in 0..3 {
            let all = ids(dataset.clone(), label);
            assert_eq!(ids(dataset.first(6), label), all[..2]);
            assert_eq!(
                ids(dataset.sample(6), label),
                [all[0].clone(), all[5].clone()]
            );
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        for kind in ["ham10000", "folder"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            for (bytes, said) in [(&b"PK\x03\x04"[..], "unpack it"), (b"a,b", "is a file")] {
                std::fs::write(&file, bytes).unwrap();
                let source = format!("{kind}:{}", file.path().display());
                let error = phantoms(&source, None).unwrap_err().to_string();
                assert!(error.contains(said), "{error}");
            }
            let error = phantoms(&format!("{kind}:/no/such/place"), None).unwrap_err();
            assert!(error.to_string().contains("/no/such/place"), "{error}");
        }
    }
}
