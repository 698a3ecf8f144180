//! The models that the page offers: `models/manifest.json` and the files that it names.

use super::folder;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The file that lists the models.
const MANIFEST: &str = "manifest.json";

/// One model in the manifest, which is a JSON array of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What the page calls it.
    pub(crate) name: String,
    /// Its file in the manifest's folder.
    pub(crate) file: String,
}

/// Copies a folder of models. Where it has no manifest, one is made that lists every `.onnx` in it by its name. Each entry gets the
/// SHA-256 of its file, which the page holds what it downloads to, and keeps it by.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    folder::copy(from, to)?;
    let manifest = to.join(MANIFEST);
    if !manifest.exists() {
        write_manifest(to, &listed(to)?)?;
    }
    check(&manifest, to)?;
    write_hashes(&manifest, to)
}

/// Writes a manifest into a folder of models.
pub(crate) fn write_manifest(folder: &Path, entries: &[Entry]) -> Result<()> {
    let path = folder.join(MANIFEST);
    let json =
        serde_json::to_string_pretty(entries).context("the manifest cannot be written as JSON")?;
    fs::write(&path, json + "\n")
        .with_context(|| format!("{} could not be written", path.display()))
}

/// An entry for every `.onnx` in the folder, called by its file's stem with a capital.
fn listed(folder: &Path) -> Result<Vec<Entry>> {
    let entry = |path: &Path| -> Option<Entry> {
        let stem = path.file_stem()?.to_str()?;
        let file = path.file_name()?.to_str()?.to_owned();
        let mut letters = stem.chars();
        let name = letters.next()?.to_uppercase().chain(letters).collect();
        path.extension()
            .is_some_and(|ending| ending == "onnx")
            .then_some(Entry { name, file })
    };
    let entries: Vec<_> = folder::files_below(folder)?
        .iter()
        .filter_map(|path| entry(path))
        .collect();
    if entries.is_empty() {
        bail!("the folder of models holds no .onnx file");
    }
    Ok(entries)
}

/// Fails unless every file that the manifest names is there.
fn check(manifest: &Path, folder: &Path) -> Result<()> {
    let bytes =
        fs::read(manifest).with_context(|| format!("{} could not be read", manifest.display()))?;
    let entries: Vec<Entry> = serde_json::from_slice(&bytes)
        .context("manifest.json is not a list of {\"name\": ..., \"file\": ...}")?;
    match entries
        .iter()
        .find(|entry| !folder.join(&entry.file).is_file())
    {
        Some(entry) => bail!(
            "manifest.json names {}, which is not in its folder",
            entry.file
        ),
        None => Ok(()),
    }
}

/// Writes the SHA-256 of every model's file into its entry, beside whatever else stands there.
fn write_hashes(manifest: &Path, folder: &Path) -> Result<()> {
    let bytes =
        fs::read(manifest).with_context(|| format!("{} could not be read", manifest.display()))?;
    let mut entries: Vec<Map<String, Value>> =
        serde_json::from_slice(&bytes).context("manifest.json is not a list of models")?;
    for entry in &mut entries {
        let file = entry.get("file").and_then(Value::as_str);
        let file = file.context("an entry of manifest.json names no file")?;
        let found = sha256(&folder.join(file))?;
        if let Some(told) = entry.get("sha256")
            && told.as_str() != Some(&found)
        {
            bail!(
                "manifest.json says that the SHA-256 of {file} is {told}, but it is {found}: it is another file, or the \
                 manifest is older"
            );
        }
        entry.insert("sha256".to_owned(), Value::from(found));
    }
    let json =
        serde_json::to_string_pretty(&entries).context("the manifest cannot be written as JSON")?;
    fs::write(manifest, json + "\n")
        .with_context(|| format!("{} could not be written", manifest.display()))
}

/// A file's SHA-256 as 64 digits.
fn sha256(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{} could not be read", path.display()))?;
    let mut digits = String::new();
    for byte in Sha256::digest(&bytes) {
        write!(digits, "{byte:02x}").context("a hash in digits")?;
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_without_manifest_gets_one() {
        let from = folder_of(&[
            ("robust.onnx", ""),
            ("standard.onnx", ""),
            ("log.jsonl", ""),
        ]);
        let to = tempfile::tempdir().unwrap();
        copy(from.path(), to.path()).unwrap();
        let entries: Vec<Entry> =
            serde_json::from_slice(&fs::read(to.path().join(MANIFEST)).unwrap()).unwrap();
        let pairs: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.file.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [("Robust", "robust.onnx"), ("Standard", "standard.onnx")]
        );
        assert!(
            !from.path().join(MANIFEST).exists(),
            "the user's folder is left as it is"
        );
    }

    #[test]
    fn every_entry_gets_its_files_hash_and_keeps_what_else_it_says() {
        let manifest = r#"[{"name": "A", "file": "a.onnx", "card": "a.json"}]"#;
        let from = folder_of(&[(MANIFEST, manifest), ("a.onnx", "abc"), ("a.json", "{}")]);
        let to = tempfile::tempdir().unwrap();
        copy(from.path(), to.path()).unwrap();
        let written: Value =
            serde_json::from_slice(&fs::read(to.path().join(MANIFEST)).unwrap()).unwrap();
        // FIPS 180-4, example of one block.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(written[0]["sha256"], abc);
        assert_eq!(written[0]["card"], "a.json");
        // A hash that is told already has to be the file's.
        fs::write(to.path().join("a.onnx"), "abd").unwrap();
        let again = tempfile::tempdir().unwrap();
        let error = copy(to.path(), again.path()).unwrap_err().to_string();
        assert!(error.contains("another file"), "{error}");
    }

    #[test]
    fn a_manifest_must_name_files_that_are_there() {
        let to = tempfile::tempdir().unwrap();
        let from = folder_of(&[(MANIFEST, r#"[{"name": "Robust", "file": "robust.onnx"}]"#)]);
        let error = copy(from.path(), to.path()).unwrap_err().to_string();
        assert!(error.contains("robust.onnx"), "{error}");
        let from = folder_of(&[(MANIFEST, "{}")]);
        assert!(
            copy(from.path(), to.path())
                .unwrap_err()
                .to_string()
                .contains("not a list")
        );
        let to = tempfile::tempdir().unwrap();
        assert!(
            copy(folder_of(&[]).path(), to.path())
                .unwrap_err()
                .to_string()
                .contains("no .onnx")
        );
    }
}
