//! The models that the page offers: `models/manifest.json` and the files that it names.

use super::folder;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
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

/// Copies a folder of models. Where it has no manifest, one is made that lists every `.onnx` in it by its name.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    folder::copy(from, to)?;
    let manifest = to.join(MANIFEST);
    if !manifest.exists() {
        write_manifest(to, &listed(to)?)?;
    }
    check(&manifest, to)
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
