//! `pellucid inspect`.
