//! Weights that were trained on ImageNet, where `cargo xtask deps --weights` puts them.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pellucid_shared::zoo::Architecture;

/// The folder in the user's cache; `xtask/src/deps/weights.rs` fills it.
const FOLDER: &str = "pellucid/imagenet-1";

/// The file with an architecture's weights.
///
/// # Errors
/// Where there are none of this architecture, or they have not been fetched.
pub(super) fn weights(architecture: Architecture) -> Result<PathBuf> {
    let name = architecture.name();
    if architecture != Architecture::EfficientnetLite0 {
        bail!(
            "ImageNet weights come along for efficientnet-lite0 alone: for {name} give --init a .safetensors file with torchvision's names"
        );
    }
    let cache = dirs::cache_dir().context(
        "your cache folder is unknown: set HOME or XDG_CACHE_HOME, or give --init a file",
    )?;
    let file = cache.join(FOLDER).join(format!("{name}.safetensors"));
    if !file.is_file() {
        bail!(
            "the ImageNet weights of {name} are not in {}: `cargo xtask deps --weights` brings them (17 MB)",
            file.display()
        );
    }
    Ok(file)
}
