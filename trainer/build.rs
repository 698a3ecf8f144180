//! Compiles the shim over libtorch, and writes libtorch's folder into the binary as its run path, so that it starts
//! without `LD_LIBRARY_PATH`.

use std::env;
use std::path::Path;

const SHIM: &str = "src/torch/shim.cpp";

fn main() {
    // Only the variable below decides; cargo runs this again by itself when the library that sets it is built anew.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // Set by torch-sys, the crate that found libtorch; absent in a build without the feature `torch`.
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    // The user's cache folder itself, not the checkout's link to it: the binary may be moved elsewhere.
    let folder = Path::new(&folder)
        .canonicalize()
        .unwrap_or_else(|_| folder.clone().into());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    // The tests' crate uses this script too, and links the trainer's shim with the trainer.
    if env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == "pellucid-trainer") {
        compile_shim(&folder);
    }
}

fn compile_shim(libraries: &Path) {
    println!("cargo:rerun-if-changed={SHIM}");
    let headers = libraries.with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include(&headers)
        .include(headers.join("torch/csrc/api/include"))
        // libtorch's headers warn by the hundred.
        .warnings(false)
        .file(SHIM)
        .compile("pellucid_shim");
}
