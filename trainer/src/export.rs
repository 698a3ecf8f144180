//! Writing a model and proving that what was written is what was trained.
