//! Any bytes, decoded as an image.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pellucid_fuzz::pictured(bytes));
