//! Any bytes, read as a model file and differentiated.
#![no_main]

use pellucid_shared::onnx::Model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pellucid_fuzz::differentiated(Model::parse(bytes), bytes.len());
});
