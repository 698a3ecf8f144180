//! `pellucid phantom`.
