//! The compilers: Rust for WebAssembly, and C++ for torch-sys.

use crate::checkout::Checkout;
use crate::process::{self, Programs};
use anyhow::{Result, bail};

const WASM: &str = "wasm32-unknown-unknown";

/// Fails unless there is a C++ compiler where the `cc` crate looks for one.
pub(crate) fn check_cpp_compiler(programs: &Programs) -> Result<()> {
    let name = std::env::var_os("CXX")
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "c++".into());
    let remedy = "torch-sys needs a C++17 compiler; install one (on Debian and Ubuntu: `apt-get install g++`) and run \
                  `cargo xtask deps` again";
    // `CXX` may hold flags after the program's name.
    let words = name.to_string_lossy().into_owned();
    let mut words = words.split_whitespace();
    let output = process::capture(
        programs
            .command(words.next().unwrap_or("c++"))
            .args(words)
            .arg("--version"),
        remedy,
    )?;
    if !output.status.success() {
        bail!("the C++ compiler {} does not run: {remedy}", name.display());
    }
    Ok(())
}

/// Adds Rust's standard library for WebAssembly to the toolchain that `rust-toolchain.toml` names, if it is missing.
pub(crate) fn add_wasm_target(programs: &Programs, checkout: &Checkout) -> Result<()> {
    let mut rustc = programs.command("rustc");
    rustc
        .args(["--print", "target-libdir", "--target", WASM])
        .current_dir(checkout.root());
    let remedy = "install Rust through rustup and run `cargo xtask deps` again";
    let output = process::capture(&mut rustc, remedy)?;
    if output.status.success() && std::path::Path::new(process::printed(&output.stdout)?).is_dir() {
        return Ok(());
    }
    let remedy = format!(
        "it adds the target {WASM}, which the viewer is built for; install Rust through rustup, or add that target's \
         standard library by your system's own means (on Debian and Ubuntu: `apt-get install libstd-rust-dev-wasm32`), and \
         run `cargo xtask deps` again"
    );
    process::run(
        programs
            .command("rustup")
            .args(["target", "add", WASM])
            .current_dir(checkout.root()),
        &remedy,
    )
}
