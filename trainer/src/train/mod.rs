//! Standard and adversarial training.
