//! `pellucid train`.
