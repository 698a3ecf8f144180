//! Writes libtorch's folder into the binary as its run path, so that it starts without `LD_LIBRARY_PATH`.

use std::path::Path;

fn main() {
    // Only the variable below decides; cargo runs this again by itself when the library that sets it is built anew.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // Set by torch-sys, the crate that found libtorch; absent in a build without the feature `torch`.
    if let Some(folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        // The user's cache folder itself, not the checkout's link to it: the binary may be moved elsewhere.
        let folder = Path::new(&folder)
            .canonicalize()
            .unwrap_or_else(|_| folder.clone().into());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
