//! `pellucid differentiate`.
