//! What the user should know about data that can be used.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use pellucid_shared::image::ImageNote;

use super::listing::readable;

/// Files that a sentence names.
const NAMED: usize = 3;

/// Sentences about a dataset. All parts of it share them, and each is said once, by whoever comes to it first.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Unsaid>>);

#[derive(Debug, Default)]
struct Unsaid {
    sentences: Vec<String>,
    /// Image files without an end, by name.
    without_end: BTreeSet<String>,
}

impl Notes {
    /// Adds a sentence.
    pub(super) fn add(&self, note: String) {
        if let Ok(mut unsaid) = self.0.lock() {
            unsaid.sentences.push(note);
        }
    }

    /// Adds what decoding an image file found odd about it. Files are counted, so that a folder of them is one sentence.
    pub(super) fn add_image(&self, path: &Path, note: ImageNote) {
        let ImageNote::NoEnd = note else {
            return self.add(format!("{}: {note}", path.display()));
        };
        if let Ok(mut unsaid) = self.0.lock() {
            unsaid.without_end.insert(readable(path));
        }
    }

    /// What has not been said yet.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let Ok(mut unsaid) = self.0.lock() else {
            return Vec::new();
        };
        let Unsaid {
            mut sentences,
            without_end,
        } = std::mem::take(&mut *unsaid);
        if !without_end.is_empty() {
            sentences.push(tell_of_ends(&without_end));
        }
        sentences
    }
}

fn tell_of_ends(names: &BTreeSet<String>) -> String {
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = match names.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "image files without their end, as after an interrupted copy, whose every row is there: {}{more}",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_an_end_are_one_sentence_that_is_said_once() {
        let notes = Notes::default();
        notes.add("first".into());
        for name in ["data/b.jpg", "data/a.jpg", "data/b.jpg"] {
            notes.add_image(Path::new(name), ImageNote::NoEnd);
        }
        let said = notes.clone().take();
        assert_eq!(said.len(), 2);
        assert_eq!(said[0], "first");
        assert!(said[1].ends_with(": a.jpg, b.jpg"), "{}", said[1]);
        assert!(notes.take().is_empty());
        for index in 0..5 {
            notes.add_image(Path::new(&format!("{index}.jpg")), ImageNote::NoEnd);
        }
        let said = notes.take();
        assert!(
            said[0].ends_with(": 0.jpg, 1.jpg, 2.jpg and 2 more"),
            "{said:?}"
        );
    }
}
