//! `pellucid evaluate`.
