//! `pellucid explain`.
