//! `cargo xtask deps`: libtorch, ONNX Runtime and what the compiler needs, ready for plain `cargo build`.

mod archive;
mod cache;
mod links;
mod pip;
mod platform;
mod space;
mod tables;
#[cfg(test)]
mod tests;
mod toolchain;
mod weights;

use crate::checkout::Checkout;
use crate::process::Programs;
use crate::sizes;
use anyhow::{Context, Result};
use std::time::Instant;
use tables::{Bundle, Flavour};

pub(crate) use cache::Cache;
pub(crate) use links::link;
pub(crate) use tables::TORCH_VERSION;
pub(crate) use toolchain::{add_wasm_target, check_cpp_compiler};

/// Fetch libtorch and ONNX Runtime, and check the compilers.
///
/// Both libraries come out of their PyPI wheels, through pip as you configured it, and each wheel is checked against
/// the SHA-256 in this source. They lie in your cache folder and serve every checkout; `.pellucid/` in this one links to
/// them, and `.cargo/config.toml` points the build there. Once they are there, this does nothing.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(
    after_help = "Examples:\n  cargo xtask deps          for a machine without a GPU (550 MB to download, 530 MB kept)\n  cargo xtask deps --cuda   for NVIDIA GPUs with a driver for CUDA 13 (2.8 GB to download, 3.8 GB kept)\n  cargo xtask deps --weights   ImageNet weights too, for `pellucid train --init imagenet` (17 MB)\n  XDG_CACHE_HOME=/big/disk cargo xtask deps"
)]
pub(crate) struct Arguments {
    /// Fetch the libraries' CUDA halves too. Later calls without it keep them linked.
    #[arg(long)]
    cuda: bool,
    /// Go back to the libraries without CUDA.
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// Fetch the weights that `pellucid train --init imagenet` begins with too.
    #[arg(long)]
    weights: bool,
}

/// Carries the chore out for this checkout and the user's cache folder.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let checkout = Checkout::here()?;
    let programs = Programs::on_path();
    platform::check(
        std::env::consts::OS,
        std::env::consts::ARCH,
        cfg!(target_env = "gnu"),
    )?;
    toolchain::check_cpp_compiler(&programs)?;
    toolchain::add_wasm_target(&programs, &checkout)?;
    let cache = Cache::of_user()?;
    for bundle in &chosen(arguments, &checkout)? {
        provide(bundle, &cache, &checkout, &programs)?;
    }
    if arguments.weights {
        weights::provide(&cache, &programs)?;
    }
    eprintln!(
        "dependencies are ready after {}",
        sizes::time(start.elapsed())
    );
    Ok(())
}

/// The bundles of the flavour asked for; without a word, of the one that is linked already, and the CPU's where there is
/// none yet.
fn chosen(arguments: &Arguments, checkout: &Checkout) -> Result<Vec<Bundle>> {
    let cuda = tables::bundles(Flavour::Cuda)?;
    if arguments.cuda || !arguments.cpu && links::is_linked(checkout, &cuda) {
        return Ok(cuda);
    }
    tables::bundles(Flavour::Cpu)
}

/// Brings one bundle into the cache, unless it is there, and links the checkout to it.
fn provide(bundle: &Bundle, cache: &Cache, checkout: &Checkout, programs: &Programs) -> Result<()> {
    let title = &bundle.place.title;
    let folder = cache
        .bundle(bundle, programs)
        .with_context(|| format!("{title} could not be fetched"))?;
    links::link(checkout, &bundle.place.link, &folder)?;
    eprintln!("{title} is ready in {}", folder.display());
    Ok(())
}
