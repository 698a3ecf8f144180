//! Arrows between modules run one way, and between rooms as `docs/architecture.md` lists them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod imports;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::Crate;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Who imports whom, by module.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// What is left of a graph when whoever imports nobody that is left is taken away, again and again: its circles, and what leads
/// into them.
fn circles(mut arrows: Arrows) -> Arrows {
    loop {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        let before = arrows.len();
        arrows.retain(|_, to| {
            to.retain(|module| left.contains(module));
            !to.is_empty()
        });
        if arrows.len() == before {
            return arrows;
        }
    }
}

#[test]
fn no_module_is_imported_by_what_it_imports() {
    let mut seen = 0;
    for folder in [
        "shared/files",
        "shared/onnx",
        "shared/autodiff",
        "shared/images",
        "shared/cards",
        "shared/zoo",
        "shared/phantoms",
        "shared/kernels",
        "shared/explain",
        "shared/contract",
        "trainer",
        "wasm-viewer",
        "xtask",
    ] {
        let source = Crate::read(&root().join(folder).join("src"));
        let arrows = source.arrows();
        seen += arrows.len();
        assert_eq!(circles(arrows), Arrows::new(), "in {folder}");
    }
    assert!(
        seen > 200,
        "only {seen} modules import others: is the test blind?"
    );
}

/// What a crate's manifest says it depends on, of this workspace, tests aside.
fn neighbours(manifest: &str) -> Option<(String, BTreeSet<String>)> {
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = \""))?;
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n")?;
    let dependencies = dependencies.split("\n[").next()?.lines();
    let own = dependencies
        .filter_map(|line| line.split(['.', ' ']).next())
        .filter(|name| name.starts_with("pellucid-") || name.starts_with("onnx-"));
    Some((
        name.trim_end_matches('"').to_owned(),
        own.map(str::to_owned).collect(),
    ))
}

/// Cargo forbids circles between crates; which arrows there are is listed.
#[test]
fn crates_know_whom_the_architecture_says() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let list = page.split("```crates").nth(1).unwrap();
    let list = list.split("```").next().unwrap().trim();
    let listed: Arrows = list
        .lines()
        .map(|line| {
            let (name, knows) = line.split_once('→').unwrap();
            let knows = knows
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            (name.trim().to_owned(), knows.map(str::to_owned).collect())
        })
        .collect();
    let folders = [
        "shared/files",
        "shared/onnx",
        "shared/autodiff",
        "shared/images",
        "shared/phantoms",
        "shared/kernels",
        "shared/zoo",
        "shared/cards",
        "shared/explain",
        "shared/contract",
        "shared",
        "trainer/tables",
        "trainer",
        "wasm-viewer",
    ];
    let found: Arrows = folders
        .into_iter()
        .map(|folder| {
            let manifest = root().join(folder).join("Cargo.toml");
            neighbours(&std::fs::read_to_string(manifest).unwrap()).unwrap()
        })
        .collect();
    assert_eq!(
        found, listed,
        "left what the manifests say, right docs/architecture.md"
    );
}

/// The arrows between rooms (the modules of a crate's root) are listed, so that a new one is somebody's decision.
#[test]
fn rooms_know_whom_the_architecture_says() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let lists = page
        .split("```rooms")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut seen = 0;
    for list in lists {
        let mut lines = list.trim().lines();
        let folder = lines.next().unwrap().trim();
        let listed: Arrows = lines
            .map(|line| {
                let (room, knows) = line.split_once("→").unwrap_or((line, ""));
                let knows = knows
                    .split_whitespace()
                    .map(|name| name.trim_matches(',').to_owned());
                (room.trim().to_owned(), knows.collect())
            })
            .collect();
        let source = Crate::read(&root().join(folder).join("src"));
        assert_eq!(
            source.rooms(),
            listed,
            "{folder}: left what the source does, right what docs/architecture.md says"
        );
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_circle_is_seen() {
    let arrow =
        |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|&t| t.to_owned()).collect());
    let arrows: Arrows = [
        arrow("a", &["b"]),
        arrow("b", &["c"]),
        arrow("c", &["b", "d"]),
        arrow("e", &["d"]),
    ]
    .into();
    let left = circles(arrows);
    assert!(
        left.contains_key("b") && left.contains_key("c") && !left.contains_key("e"),
        "{left:?}"
    );
}
