//! Any bytes, read as an array of numpy's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pellucid_fuzz::arrayed(bytes));
