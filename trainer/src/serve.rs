//! The web server behind `pellucid serve`.
