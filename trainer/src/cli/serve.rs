//! `pellucid serve`.
