//! Any text, read as a model card.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pellucid_fuzz::carded(bytes));
