//! Any bytes, read as a table of images and their classes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pellucid_fuzz::tabled(bytes));
