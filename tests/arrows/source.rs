//! The modules of a crate, and which of them names which.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::Arrows;
use super::imports::{code, expand, imports, paths};

/// A module's path within its crate; the root's is empty.
type Module = Vec<String>;

pub(crate) struct Crate {
    /// The code of each module.
    modules: BTreeMap<Module, String>,
    /// What a module hands on of its children: by name, the child.
    handed_on: HashMap<Module, HashMap<String, Module>>,
}

impl Crate {
    /// Reads the sources under a folder; files of tests are left out, which may look anywhere.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        collect(folder, &[], &mut modules);
        let mut handed_on: HashMap<Module, HashMap<String, Module>> = HashMap::new();
        for (module, text) in &modules {
            for tree in imports(text) {
                let mut trees = vec![];
                expand("", tree, &mut trees);
                for path in trees {
                    let path: Module = path
                        .split("::")
                        .map(|segment| segment.trim().to_owned())
                        .collect();
                    let child = [&module[..], &path[..1]].concat();
                    if path.len() > 1 && modules.contains_key(&child) {
                        let from = [&module[..], &path[..path.len() - 1]].concat();
                        let name = path[path.len() - 1].clone();
                        handed_on
                            .entry(module.clone())
                            .or_default()
                            .insert(name, from);
                    }
                }
            }
        }
        Self { modules, handed_on }
    }

    /// The module in which a path ends that is named in another.
    fn resolve(&self, within: &Module, path: &[String]) -> Module {
        let mut at = match &path[0][..] {
            "crate" => vec![],
            _ => within.clone(),
        };
        let mut rest = path;
        while let Some(("crate" | "super" | "self", further)) =
            rest.split_first().map(|(first, rest)| (&first[..], rest))
        {
            if rest[0] == "super" {
                at.pop();
            }
            rest = further;
        }
        // A chain of re-exports is short.
        for _ in 0..9 {
            let Some((next, further)) = rest.split_first() else {
                break;
            };
            let child = [&at[..], std::slice::from_ref(next)].concat();
            if self.modules.contains_key(&child) {
                (at, rest) = (child, further);
                continue;
            }
            let Some(from) = self.handed_on.get(&at).and_then(|names| names.get(next)) else {
                break;
            };
            let mut from = from.clone();
            while !self.modules.contains_key(&from) {
                from.pop();
            }
            if from == at {
                break;
            }
            at = from;
        }
        at
    }

    fn pairs(&self) -> impl Iterator<Item = (&Module, Module)> {
        self.modules.iter().flat_map(|(module, text)| {
            let to = paths(text)
                .into_iter()
                .map(|path| self.resolve(module, &path));
            to.map(move |to| (module, to))
        })
    }

    /// Who names whom. A module and those within it are one house: they may name each other.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, to) in self.pairs() {
            if !from.starts_with(&to) && !to.starts_with(from) {
                arrows
                    .entry(from.join("::"))
                    .or_default()
                    .insert(to.join("::"));
            }
        }
        arrows
    }

    /// Which of the root's modules knows which.
    pub(crate) fn rooms(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, to) in self.pairs() {
            if let (Some(from), Some(to)) = (from.first(), to.first())
                && from != to
            {
                arrows.entry(from.clone()).or_default().insert(to.clone());
            }
        }
        arrows
    }
}

fn collect(folder: &Path, within: &[String], modules: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["tests", "testing", "shown"].contains(&&name[..]) {
            continue;
        }
        if path.is_dir() {
            collect(&path, &[within, &[name]].concat(), modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = match &name[..] {
                "lib" | "main" | "mod" => within.to_vec(),
                _ => [within, &[name]].concat(),
            };
            let text = code(&std::fs::read_to_string(&path).unwrap());
            modules.entry(module).or_default().push_str(&text);
        }
    }
}
