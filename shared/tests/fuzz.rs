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
/// Changed copies of each file that is no model.
const MUTATIONS: usize = 50;

/// The files that a target begins from, whole.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            fs::read(path).unwrap()
        })
        .collect()
}

/// Runs a target on its seeds: whole, cut anywhere, and with some bytes changed.
fn seeds_are_answered(target: &str, least: usize, run: fn(&[u8])) {
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let seeds = seeds(target);
    assert!(seeds.len() >= least, "only {} seeds", seeds.len());
    for bytes in seeds {
        run(&bytes);
        for _ in 0..MUTATIONS {
            let mut changed = bytes.clone();
            if chance.random_bool(0.3) {
                changed.truncate(chance.random_range(0..bytes.len()));
            }
            for _ in 0..chance.random_range(0..4) {
                if let Some(byte) = changed.len().checked_sub(1) {
                    changed[chance.random_range(0..=byte)] = chance.random();
                }
            }
            run(&changed);
        }
    }
}

#[test]
fn images_are_answered() {
    seeds_are_answered("images", 20, fuzz::pictured);
}

#[test]
fn cards_are_answered() {
    seeds_are_answered("cards", 3, fuzz::carded);
}

#[test]
fn arrays_are_answered() {
    seeds_are_answered("arrays", 8, fuzz::arrayed);
}

#[test]
fn tables_are_answered() {
    seeds_are_answered("tables", 10, fuzz::tabled);
}

#[test]
fn the_seeds_of_differentiate_are_answered() {
    let seeds = seeds("differentiate");
    for bytes in &seeds {
        for length in [bytes.len(), bytes.len() / 2] {
            fuzz::differentiated(Model::parse(&bytes[..length]), length);
        }
    }
    let seen = seeds.len();
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
