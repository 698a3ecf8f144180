//! Writes libtorch's folder into the binary as its run path, so that it starts without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by torch-sys, the crate that found libtorch; empty in a build without the feature `torch`.
    if let Some(folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!(
            "cargo:rustc-link-arg=-Wl,-rpath,{}",
            folder.to_string_lossy()
        );
    }
}
