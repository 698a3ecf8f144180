//! The viewer, compiled to WebAssembly.

use crate::checkout::Checkout;
use crate::process::{self, Programs};
use anyhow::{Context, Result};
use std::path::PathBuf;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "site";

/// Which of WebAssembly's vector instructions a binary uses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variant {
    /// 128-bit SIMD: every browser since 2023.
    Simd,
    /// Relaxed SIMD besides (fused multiply-add): a fifth faster where there is hardware for it.
    Relaxed,
}

impl Variant {
    fn features(self) -> &'static str {
        match self {
            Self::Simd => "+simd128",
            Self::Relaxed => "+simd128,+relaxed-simd",
        }
    }
}

/// Compiles one variant and tells where it lies. The next variant overwrites it; what they were linked from, cargo
/// keeps apart by its flags.
pub(super) fn compile(
    variant: Variant,
    checkout: &Checkout,
    programs: &Programs,
) -> Result<PathBuf> {
    let mut command = checkout.cargo(programs);
    command.args([
        "build",
        "--package",
        "pellucid-viewer",
        "--lib",
        "--target",
        TARGET,
        "--profile",
        PROFILE,
    ]);
    // Set in full rather than added to: flags that the user has for native builds are not for this one.
    command
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(variant, checkout).join("\x1f"),
        )
        .env_remove("RUSTFLAGS");
    process::run(&mut command, "install Rust through rustup")
        .with_context(|| format!("the viewer ({}) could not be compiled", variant.features()))?;
    Ok(checkout
        .target_folder(programs)?
        .join(TARGET)
        .join(PROFILE)
        .join("pellucid_viewer.wasm"))
}

/// The compiler's flags. Messages of panics name source files: none of this machine's folders goes out with them.
fn flags(variant: Variant, checkout: &Checkout) -> Vec<String> {
    let mut flags = vec![
        "-C".to_owned(),
        format!("target-feature={}", variant.features()),
    ];
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(dirs::home_dir()?.join(".cargo")));
    if let Some(home) = cargo_home {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    flags.push(format!(
        "--remap-path-prefix={}=pellucid",
        checkout.root().display()
    ));
    flags
}
