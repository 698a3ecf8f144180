//! Folders: copied, listed and put in place whole.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder, sorted.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} could not be read", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("{} could not be read", folder.display()))?
            .path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Copies everything below `from` to `to`, which is made if need be.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} could not be made", to.display()))?;
    for file in files_below(from)? {
        let target = to.join(
            file.strip_prefix(from)
                .context("a file below a folder begins with its path")?,
        );
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("{} could not be made", folder.display()))?;
        }
        fs::copy(&file, &target).with_context(|| {
            format!(
                "{} could not be copied to {}",
                file.display(),
                target.display()
            )
        })?;
    }
    Ok(())
}

/// The folder that `out` lies in, made if need be.
pub(super) fn parent(out: &Path) -> Result<PathBuf> {
    let parent = match out.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => bail!("{} cannot hold a site", out.display()),
    };
    fs::create_dir_all(parent)
        .with_context(|| format!("{} could not be made", parent.display()))?;
    Ok(parent.to_owned())
}

/// Fails when `out` holds something that is no site of ours, because it would be replaced.
pub(super) fn check_replaceable(out: &Path) -> Result<()> {
    let empty =
        |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if out.exists() && !empty(out) && !out.join(super::ELEMENT).is_file() {
        bail!(
            "{} holds something other than a site: choose another folder with --out",
            out.display()
        );
    }
    Ok(())
}

/// Puts the finished site in its place. Whatever was there is replaced.
pub(super) fn put(site: &Path, out: &Path) -> Result<()> {
    let replace = || -> std::io::Result<()> {
        if out.exists() {
            fs::remove_dir_all(out)?;
        }
        fs::rename(site, out)
    };
    replace().with_context(|| format!("{} could not be put in place", out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_site_or_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        check_replaceable(&out).unwrap();
        fs::create_dir(&out).unwrap();
        check_replaceable(&out).unwrap();
        fs::write(out.join("letter.txt"), "dear").unwrap();
        let error = check_replaceable(&out).unwrap_err().to_string();
        assert!(error.contains("--out"), "{error}");
        fs::write(out.join("pellucid-viewer.js"), "").unwrap();
        check_replaceable(&out).unwrap();
    }

    #[test]
    fn a_new_site_leaves_nothing_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let (from, site, out) = (
            folder.path().join("from"),
            folder.path().join("site"),
            folder.path().join("out"),
        );
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/new"), "1").unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(out.join("old"), "").unwrap();
        copy(&from, &site).unwrap();
        put(&site, &out).unwrap();
        assert_eq!(files_below(&out).unwrap(), [out.join("deep/new")]);
        assert!(from.join("deep/new").exists() && !site.exists());
    }
}
