//! A folder named by what is in it: no cache can mix the files of two releases.
//!
//! A browser that holds an older `pellucid-viewer.js` asks for the older folder, and one that holds the newer for the
//! newer: every file below it may be kept for good.

use super::{ELEMENT, FOLDER, folder};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of the hash that make the name, two digits each.
const BYTES: usize = 8;

/// Files that refer to the folder and keep their names.
const REFER: [&str; 4] = [ELEMENT, "index.html", "embed.html", "manifest.webmanifest"];

/// Names the viewer's folder by its contents, in the files that refer to it as well. Its new path.
pub(super) fn stamp(site: &Path) -> Result<PathBuf> {
    let plain = site.join(FOLDER);
    let name = format!("{FOLDER}-{}", digest(&plain)?);
    let stamped = site.join(&name);
    fs::rename(&plain, &stamped)
        .with_context(|| format!("{} could not be renamed", plain.display()))?;
    for file in REFER {
        refer(&site.join(file), &name)?;
    }
    Ok(stamped)
}

/// The beginning of the SHA-256 of all names and contents.
fn digest(viewer: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for path in folder::files_below(viewer)? {
        let bytes =
            fs::read(&path).with_context(|| format!("{} could not be read", path.display()))?;
        let name = path.strip_prefix(viewer).unwrap_or(&path);
        hash.update(name.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let mut digits = String::new();
    for byte in &hash.finalize()[..BYTES] {
        write!(digits, "{byte:02x}").context("a hash in digits")?;
    }
    Ok(digits)
}

/// Writes the folder's new name wherever a file loads something from it.
fn refer(file: &Path, name: &str) -> Result<()> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{} could not be read", file.display()))?;
    let changed = text
        .replace(&format!("\"{FOLDER}/"), &format!("\"{name}/"))
        .replace(&format!("\"./{FOLDER}/"), &format!("\"./{name}/"));
    ensure!(
        changed != text,
        "{} loads nothing from {FOLDER}/",
        file.display()
    );
    fs::write(file, changed).with_context(|| format!("{} could not be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(script: &str) -> tempfile::TempDir {
        let site = tempfile::tempdir().unwrap();
        fs::create_dir(site.path().join(FOLDER)).unwrap();
        fs::write(site.path().join("viewer/element.js"), script).unwrap();
        fs::write(site.path().join(ELEMENT), "import \"./viewer/element.js\";").unwrap();
        let page = "<link href=\"viewer/page.css\"><pellucid-viewer></pellucid-viewer>";
        fs::write(site.path().join("index.html"), page).unwrap();
        fs::write(site.path().join("embed.html"), page).unwrap();
        let icon = "{ \"src\": \"viewer/icon.svg\" }";
        fs::write(site.path().join("manifest.webmanifest"), icon).unwrap();
        site
    }

    #[test]
    fn other_contents_have_another_name_and_the_same_the_same() {
        let name = |script: &str| {
            let site = site(script);
            let stamped = stamp(site.path()).unwrap();
            assert!(stamped.join("element.js").is_file() && !site.path().join(FOLDER).exists());
            stamped.file_name().unwrap().to_str().unwrap().to_owned()
        };
        let (first, second) = (name("1"), name("2"));
        assert_ne!(first, second);
        assert_eq!(first, name("1"));
        assert_eq!(first.len(), "viewer-".len() + 2 * BYTES);
    }

    #[test]
    fn the_files_of_the_checkout_that_refer_to_it_are_all_there() {
        let site = tempfile::tempdir().unwrap();
        let www = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www");
        folder::copy(&www, site.path()).unwrap();
        let name = stamp(site.path()).unwrap();
        let name = name.file_name().unwrap().to_str().unwrap();
        for path in folder::files_below(site.path()).unwrap() {
            let beside = path.parent() == Some(site.path());
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                !beside || !text.contains("\"viewer/") && !text.contains("\"./viewer/"),
                "{} refers to {FOLDER}/ and not to {name}/",
                path.display()
            );
        }
    }

    #[test]
    fn what_refers_to_the_folder_follows_it() {
        let site = site("1");
        let stamped = stamp(site.path()).unwrap();
        let name = stamped.file_name().unwrap().to_str().unwrap();
        let read = |file: &str| fs::read_to_string(site.path().join(file)).unwrap();
        assert_eq!(read(ELEMENT), format!("import \"./{name}/element.js\";"));
        assert_eq!(
            read("index.html"),
            format!("<link href=\"{name}/page.css\"><pellucid-viewer></pellucid-viewer>")
        );
        fs::rename(&stamped, site.path().join(FOLDER)).unwrap();
        assert!(
            stamp(site.path())
                .unwrap_err()
                .to_string()
                .contains(ELEMENT)
        );
    }
}
