//! A release: the site as an npm package and as a zip archive.

use super::folder;
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What the package is called.
const PACKAGE: &str = "pellucid-viewer";
/// This release.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The licences that lie in the root of the checkout.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// Endings of files that are packed already: compressing them again costs time and gains nothing.
const PACKED: &[&str] = &["br", "zip"];

/// Writes `npm/` and `pellucid-viewer-VERSION.zip` beside the site; their paths.
pub(super) fn write(site: &Path, beside: &Path, checkout: &Path) -> Result<[PathBuf; 2]> {
    let place = beside.join("npm");
    folder::check_replaceable(&place)?;
    let work = tempfile::Builder::new()
        .prefix(".release-")
        .tempdir_in(beside)
        .with_context(|| format!("{} cannot be written", beside.display()))?;
    let package = work.path().join("npm");
    folder::copy(site, &package)?;
    for licence in LICENCES {
        let from = checkout.join(licence);
        fs::copy(&from, package.join(licence))
            .with_context(|| format!("{} could not be copied", from.display()))?;
    }
    let text = serde_json::to_string_pretty(&description()).context("package.json")?;
    fs::write(package.join("package.json"), text + "\n").context("package.json")?;
    let archive = beside.join(format!("{PACKAGE}-{VERSION}.zip"));
    let unfinished = work.path().join("zip");
    pack(&package, &unfinished)?;
    fs::rename(&unfinished, &archive)
        .with_context(|| format!("{} could not be put in place", archive.display()))?;
    folder::put(&package, &place)?;
    Ok([place, archive])
}

/// `package.json`: plain modules with types, and nothing to install or to run.
fn description() -> serde_json::Value {
    json!({
        "name": PACKAGE,
        "version": VERSION,
        "description": "See what image classifiers look at, in the browser; no image leaves the page",
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "main": "./pellucid-viewer.js",
        "types": "./pellucid-viewer.d.ts",
        "exports": {
            ".": { "types": "./pellucid-viewer.d.ts", "default": "./pellucid-viewer.js" },
            "./*": "./*"
        },
        "sideEffects": true
    })
}

/// Packs a folder; the same files make the same archive, byte for byte.
fn pack(from: &Path, to: &Path) -> Result<()> {
    let file =
        fs::File::create(to).with_context(|| format!("{} could not be made", to.display()))?;
    let mut archive = ZipWriter::new(std::io::BufWriter::new(file));
    for path in folder::files_below(from)? {
        let name = path
            .strip_prefix(from)
            .context("a file below a folder begins with its path")?;
        let ending = path.extension().and_then(|ending| ending.to_str());
        let stored = ending.is_some_and(|ending| PACKED.contains(&ending));
        let options = SimpleFileOptions::default()
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .compression_method(if stored {
                CompressionMethod::Stored
            } else {
                CompressionMethod::Deflated
            });
        let bytes =
            fs::read(&path).with_context(|| format!("{} could not be read", path.display()))?;
        archive
            .start_file(format!("{PACKAGE}/{}", name.to_string_lossy()), options)
            .and_then(|()| archive.write_all(&bytes).map_err(Into::into))
            .with_context(|| format!("{} could not be packed", path.display()))?;
    }
    let mut file = archive
        .finish()
        .with_context(|| format!("{} could not be written", to.display()))?;
    file.flush()
        .with_context(|| format!("{} could not be written", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_release_holds_the_site_its_types_and_the_licences_and_is_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let (site, checkout) = (folder.path().join("site"), folder.path().join("checkout"));
        fs::create_dir_all(site.join("viewer-0")).unwrap();
        fs::create_dir(&checkout).unwrap();
        for (name, text) in [
            ("pellucid-viewer.js", "export {};"),
            ("viewer-0/element.js", "// much"),
            ("viewer-0/element.js.br", "packed"),
        ] {
            fs::write(site.join(name), text).unwrap();
        }
        for licence in LICENCES {
            fs::write(checkout.join(licence), licence).unwrap();
        }
        let [npm, archive] = write(&site, folder.path(), &checkout).unwrap();
        let text = fs::read_to_string(npm.join("package.json")).unwrap();
        let package: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(package["version"], VERSION);
        assert!(npm.join("LICENSE-MIT").is_file() && npm.join("viewer-0/element.js").is_file());
        let first = fs::read(&archive).unwrap();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&first)).unwrap();
        let mut text = String::new();
        let mut file = zip.by_name("pellucid-viewer/viewer-0/element.js").unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "// much");
        drop(file);
        assert!(zip.by_name("pellucid-viewer/package.json").is_ok());
        write(&site, folder.path(), &checkout).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), first);
        assert!(site.join("pellucid-viewer.js").is_file(), "the site stays");
    }
}
