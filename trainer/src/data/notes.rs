//! What the user should know about data that can be used.

use std::sync::{Arc, Mutex};

/// Sentences about a dataset. All parts of it share them, and they are said once, by whoever reads images first.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Adds a sentence.
    pub(super) fn add(&self, note: String) {
        if let Ok(mut notes) = self.0.lock() {
            notes.push(note);
        }
    }

    /// What has not been said yet.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0
            .lock()
            .map(|mut notes| std::mem::take(&mut *notes))
            .unwrap_or_default()
    }
}
