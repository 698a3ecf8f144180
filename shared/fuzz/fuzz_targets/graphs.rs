//! Small graphs of known operators with odd attributes and shapes, differentiated: what random bytes seldom reach.
#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::Corpus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    match pellucid_fuzz::graph::model(&mut Unstructured::new(bytes)) {
        Ok(proto) => {
            pellucid_fuzz::differentiated(pellucid_fuzz::read(proto), bytes.len());
            Corpus::Keep
        }
        Err(_) => Corpus::Reject,
    }
});
