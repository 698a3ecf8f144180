//! The JavaScript between page and WebAssembly, made by wasm-bindgen as a library: its version is Cargo.lock's, like
//! the `wasm-bindgen` crate's that the viewer is compiled against.

use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeSet;
use std::path::Path;
use wasm_bindgen_cli_support::{Bindgen, Output};

/// One binary and its glue.
pub(super) struct Glue {
    output: Output,
}

/// Makes the glue for the binary at `wasm`.
pub(super) fn generate(wasm: &Path, name: &str) -> Result<Glue> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .out_name(name)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let output = bindgen.web(true).and_then(Bindgen::generate_output);
    let output = output.with_context(|| format!("wasm-bindgen failed on {}", wasm.display()))?;
    Ok(Glue { output })
}

impl Glue {
    /// Writes `NAME.js` and `NAME_bg.wasm` into a folder.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        self.output
            .emit(folder)
            .with_context(|| format!("{} could not be written", folder.display()))
    }

    /// Fails unless the other binary runs under this one's glue: the same JavaScript, the same imports and exports.
    pub(super) fn check_interchangeable(&self, other: &Self) -> Result<()> {
        let (ours, theirs) = (self.surface(), other.surface());
        if let Some(name) = ours.symmetric_difference(&theirs).next() {
            bail!("the viewer's two binaries differ in `{name}`: one glue cannot serve both");
        }
        let pairs = self.output.js().lines().zip(other.output.js().lines());
        match pairs.into_iter().find(|(ours, theirs)| ours != theirs) {
            None => Ok(()),
            Some((ours, theirs)) => Err(anyhow!(
                "one glue cannot serve both of the viewer's binaries: `{ours}`, but `{theirs}`"
            )),
        }
    }

    /// The names of all imports and exports.
    fn surface(&self) -> BTreeSet<String> {
        let module = self.output.wasm();
        let imports = module
            .imports
            .iter()
            .map(|import| format!("import {}.{}", import.module, import.name));
        imports
            .chain(
                module
                    .exports
                    .iter()
                    .map(|export| format!("export {}", export.name)),
            )
            .collect()
    }
}
