//! Which machines the wheels are for.

use anyhow::{Result, bail};

/// Fails unless this is Linux with glibc on x86-64, the only platform whose wheels are pinned.
pub(super) fn check(os: &str, arch: &str, glibc: bool) -> Result<()> {
    if (os, arch, glibc) != ("linux", "x86_64", true) {
        bail!(
            "libtorch and ONNX Runtime are fetched for Linux with glibc on x86_64 only, and this is {os} on {arch}: work in \
             such a container or virtual machine, or build without training \
             (`cargo build -p pellucid-trainer --no-default-features`) and set ORT_DYLIB_PATH to your own ONNX Runtime 1.28"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_platforms_are_told_what_to_do() {
        check("linux", "x86_64", true).unwrap();
        for (os, arch, glibc) in [
            ("macos", "aarch64", false),
            ("linux", "aarch64", true),
            ("linux", "x86_64", false),
        ] {
            let error = check(os, arch, glibc).unwrap_err().to_string();
            assert!(
                error.contains(os) && error.contains("--no-default-features"),
                "{error}"
            );
        }
    }
}
