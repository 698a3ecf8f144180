//! What the fuzz targets check, on the files that they begin from and on graphs out of chance: the targets' own code, so
//! that it compiles and holds with every run of the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub)]
mod fuzz;

use std::fs;
use std::path::Path;

use arbitrary::Unstructured;
use pellucid_shared::onnx::Model;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Graphs that are grown from chance.
const GRAPHS: u64 = 500;
/// Bytes that each is grown from.
const LONGEST: usize = 1024;

#[test]
fn the_seeds_of_differentiate_are_answered() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/differentiate");
    let mut seen = 0;
    for entry in fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        println!("{}", path.display());
        for length in [bytes.len(), bytes.len() / 2] {
            fuzz::differentiated(Model::parse(&bytes[..length]), length);
        }
        seen += 1;
    }
    assert!(seen > 40, "only {seen} seeds");
}

#[test]
fn graphs_out_of_chance_are_answered() {
    let mut grown = 0;
    for seed in 0..GRAPHS {
        let mut bytes = vec![0; LONGEST];
        ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
        if let Ok(proto) = fuzz::graph::model(&mut Unstructured::new(&bytes)) {
            fuzz::differentiated(fuzz::read(proto), seed as usize);
            grown += 1;
        }
    }
    assert!(grown * 2 > GRAPHS, "only {grown} graphs");
}
