//! `cargo xtask site`: the viewer as a folder of static files.

mod compress;
mod folder;
mod glue;
mod models;
mod release;
mod version;
mod wasm;

use crate::checkout::Checkout;
use crate::deps;
use crate::process::Programs;
use crate::sizes;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wasm::Variant;

pub(crate) use models::{Entry, write_manifest};

/// The name that the page loads the viewer's program by.
const NAME: &str = "pellucid_viewer";
/// The module that other pages load; what it loads lies in a folder beside it.
const ELEMENT: &str = "pellucid-viewer.js";
/// That folder, as it is called in `www`; the site's carries its version.
const FOLDER: &str = "viewer";
/// The most that the viewer may weigh in brotli, in bytes.
const LARGEST_WASM: u64 = 3_000_000;

/// Build the viewer's site: static files for any web server.
///
/// The viewer is compiled to WebAssembly twice, with SIMD and with relaxed SIMD, and the page picks at load what the
/// browser can run. Beside every file that is worth it lies its brotli (`.br`), which `pellucid serve` sends; the site
/// works as well without them.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  cargo xtask site --models runs/demo/models\n  cargo xtask site --release    the npm package and the zip archive too\n  cargo xtask site --fast --out /tmp/site    \
                  for a quick look: no relaxed SIMD, light compression\n  pellucid serve dist/site"
)]
pub(crate) struct Chore {
    #[command(flatten)]
    site: Arguments,
    /// Make an npm package (`npm/`) and a zip archive of the site as well, beside it.
    #[arg(long, conflicts_with = "fast")]
    release: bool,
}

// What a site is made of, and where it goes. No documentation: clap would take it for the chore's.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Where the site goes; an older one there is replaced when the new one is whole.
    #[arg(long, default_value = "dist/site", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// A folder of .onnx files for the page to offer, and the manifest.json that names them (one is made if there is none).
    #[arg(long, value_name = "DIR")]
    pub(crate) models: Option<PathBuf>,
    /// A folder of images for the page to offer as samples.
    #[arg(long, value_name = "DIR")]
    pub(crate) samples: Option<PathBuf>,
    /// Build the SIMD binary only (it serves under both names) and compress lightly.
    #[arg(long)]
    pub(crate) fast: bool,
}

/// Carries the chore out for this checkout.
pub(crate) fn run(chore: &Chore) -> Result<()> {
    let checkout = Checkout::here()?;
    build(&chore.site, &checkout, &Programs::on_path())?;
    if chore.release {
        let out = &chore.site.out;
        for made in release::write(out, &folder::parent(out)?, checkout.root())? {
            eprintln!("  {}", made.display());
        }
    }
    Ok(())
}

/// Builds the site beside its place and puts it there when it is whole.
pub(crate) fn build(arguments: &Arguments, checkout: &Checkout, programs: &Programs) -> Result<()> {
    let start = Instant::now();
    folder::check_replaceable(&arguments.out)?;
    deps::add_wasm_target(programs, checkout)?;
    let parent = folder::parent(&arguments.out)?;
    let work = tempfile::Builder::new()
        .prefix(".site-")
        .tempdir_in(&parent)
        .with_context(|| format!("{} cannot be written", parent.display()))?;
    let site = work.path().join("site");
    folder::copy(&checkout.root().join("www"), &site)?;
    if let Some(from) = &arguments.models {
        models::copy(from, &site.join("models"))?;
    }
    if let Some(from) = &arguments.samples {
        folder::copy(from, &site.join("samples"))?;
    }
    let program = site.join(FOLDER);
    write_viewer(arguments.fast, checkout, programs, work.path(), &program)?;
    let viewer = version::stamp(&site)?;
    let quality = if arguments.fast {
        compress::LIGHT
    } else {
        compress::FULL
    };
    compress::beside(&site, quality)?;
    print_sizes(&viewer)?;
    check_weight(&viewer)?;
    folder::put(&site, &arguments.out)?;
    eprintln!(
        "the site is in {} after {}",
        arguments.out.display(),
        sizes::time(start.elapsed())
    );
    Ok(())
}

/// Compiles the viewer and writes its glue and binaries into a folder.
fn write_viewer(
    fast: bool,
    checkout: &Checkout,
    programs: &Programs,
    work: &Path,
    folder: &Path,
) -> Result<()> {
    let mut simd = glue::generate(&wasm::compile(Variant::Simd, checkout, programs)?, NAME)?;
    simd.write(folder)?;
    let relaxed = folder.join(format!("{NAME}_relaxed_bg.wasm"));
    if fast {
        fs::copy(folder.join(format!("{NAME}_bg.wasm")), &relaxed)
            .with_context(|| format!("{} could not be written", relaxed.display()))?;
        return Ok(());
    }
    let mut other = glue::generate(&wasm::compile(Variant::Relaxed, checkout, programs)?, NAME)?;
    other.check_interchangeable(&simd)?;
    let beside = work.join("relaxed");
    other.write(&beside)?;
    fs::rename(beside.join(format!("{NAME}_bg.wasm")), &relaxed)
        .with_context(|| format!("{} could not be written", relaxed.display()))
}

/// The weight of each of the viewer's files.
fn print_sizes(folder: &Path) -> Result<()> {
    for name in [
        format!("{NAME}_bg.wasm"),
        format!("{NAME}_relaxed_bg.wasm"),
        format!("{NAME}.js"),
    ] {
        let (plain, packed) = (
            size(&folder.join(&name))?,
            size(&folder.join(format!("{name}.br")))?,
        );
        eprintln!(
            "  {name}: {}, {} in brotli",
            sizes::bytes(plain),
            sizes::bytes(packed)
        );
    }
    Ok(())
}

/// Fails when a binary is heavier in brotli than the page's visitors should have to bear.
fn check_weight(folder: &Path) -> Result<()> {
    for name in [
        format!("{NAME}_bg.wasm.br"),
        format!("{NAME}_relaxed_bg.wasm.br"),
    ] {
        let weight = size(&folder.join(&name))?;
        if weight > LARGEST_WASM {
            bail!(
                "{name} weighs {}, more than the {} that are allowed: find what grew (`cargo tree -p pellucid-viewer --target \
                 wasm32-unknown-unknown`) before raising the limit",
                sizes::bytes(weight),
                sizes::bytes(LARGEST_WASM)
            );
        }
    }
    Ok(())
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)
        .with_context(|| format!("{} is missing", path.display()))?
        .len())
}
