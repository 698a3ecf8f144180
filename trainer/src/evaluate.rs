//! Accuracy, clean and attacked.
