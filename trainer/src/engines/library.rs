//! Where ONNX Runtime's library lies.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::PathBuf;

/// The release that `cargo xtask deps` brings. Later wheels send telemetry and are not used.
const RELEASE: &str = "onnxruntime-1.28.0";

/// The library, or the sentence that says where it was looked for and how to get it.
pub(super) fn find() -> Result<PathBuf, String> {
    let places = places(
        std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from),
        std::env::current_exe().ok(),
        dirs::cache_dir(),
    );
    first(places)
}

/// Set by hand or by cargo; beside the executable, as an unpacked release has it; where `cargo xtask deps` puts it.
fn places(
    variable: Option<PathBuf>,
    executable: Option<PathBuf>,
    cache: Option<PathBuf>,
) -> Vec<PathBuf> {
    let file = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let folder = executable.as_deref().and_then(std::path::Path::parent);
    let folders = [
        folder.map(PathBuf::from),
        folder.map(|f| f.join("lib")),
        cache.map(|c| c.join("pellucid").join(RELEASE)),
    ];
    let variable = variable.filter(|path| !path.as_os_str().is_empty());
    variable
        .into_iter()
        .chain(folders.into_iter().flatten().map(|f| f.join(&file)))
        .collect()
}

fn first(places: Vec<PathBuf>) -> Result<PathBuf, String> {
    places
        .iter()
        .find(|path| path.is_file())
        .cloned()
        .ok_or_else(|| {
            let places: Vec<_> = places.iter().map(|p| p.display().to_string()).collect();
            format!(
                "ONNX Runtime's library is not installed: run `cargo xtask deps`, or choose another engine (looked for {})",
                places.join(", ")
            )
        })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_executables_folder_and_that_before_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let all = || {
            places(
                Some(at("mine.so")),
                Some(at("bin/pellucid")),
                Some(at("cache")),
            )
        };

        let error = first(all()).unwrap_err();
        assert!(error.contains("cargo xtask deps"), "{error}");
        assert!(error.contains("mine.so"), "{error}");

        for file in [
            "cache/pellucid/onnxruntime-1.28.0/libonnxruntime.so",
            "bin/lib/libonnxruntime.so",
            "bin/libonnxruntime.so",
            "mine.so",
        ] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), b"").unwrap();
            assert_eq!(first(all()).unwrap(), at(file));
        }
        assert_eq!(
            places(Some(PathBuf::new()), None, None),
            Vec::<PathBuf>::new()
        );
    }
}
