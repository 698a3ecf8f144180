//! Unpacking wheels, which are zip archives.

use super::space;
use super::tables::{Wheel, target};
use crate::progress;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Component, Path};
use zip::ZipArchive;

/// Unpacks what is kept of the wheel at `archive` into `tree` and tells the size of each file by its path in `tree`.
pub(super) fn unpack(archive: &Path, wheel: &Wheel, tree: &Path) -> Result<BTreeMap<String, u64>> {
    let file = File::open(archive)
        .with_context(|| format!("{} could not be opened", archive.display()))?;
    let mut zip = ZipArchive::new(BufReader::new(file))
        .with_context(|| format!("{} is no wheel", wheel.file()))?;
    let chosen = choose(&mut zip, wheel)?;
    let bar = progress::bytes_bar(
        &format!("unpacking {}", wheel.project),
        chosen.values().map(|(_, size)| size).sum(),
    );
    let mut files = BTreeMap::new();
    for (target, (index, size)) in chosen {
        let mut source = zip
            .by_index(index)
            .with_context(|| format!("{target} in {}", wheel.file()))?;
        write(&mut source, &tree.join(&target))?;
        bar.inc(size);
        files.insert(target, size);
    }
    bar.finish_and_clear();
    Ok(files)
}

/// The files that are kept: index in the archive and size in bytes, by path in the bundle.
fn choose(
    zip: &mut ZipArchive<BufReader<File>>,
    wheel: &Wheel,
) -> Result<BTreeMap<String, (usize, u64)>> {
    let mut chosen = BTreeMap::new();
    let mut missing: Vec<_> = wheel.keep.iter().collect();
    for index in 0..zip.len() {
        let entry = zip
            .by_index_raw(index)
            .with_context(|| format!("entry {index} of {}", wheel.file()))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry
            .name()
            .with_context(|| format!("the name of entry {index} of {}", wheel.file()))?;
        let line = wheel
            .keep
            .iter()
            .find_map(|line| Some((line, target(&name, line)?)));
        let Some((line, target)) = line else {
            continue;
        };
        let mut parts = Path::new(&target).components();
        if !parts.all(|part| matches!(part, Component::Normal(_))) {
            bail!("{} would write outside its folder: {target}", wheel.file());
        }
        chosen.insert(target, (index, entry.size()));
        missing.retain(|other| *other != line);
    }
    match missing.first() {
        Some((from, _)) => bail!("{} lacks {from}", wheel.file()),
        None => Ok(chosen),
    }
}

fn write(source: &mut impl io::Read, path: &Path) -> Result<()> {
    let mut copy = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        io::copy(source, &mut File::create(path)?)?;
        Ok(())
    };
    copy().map_err(|error| space::explain(error, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_named_with_the_remedy() {
        // The kernel's own full device: every write to it fails with ENOSPC.
        let error = write(&mut &[0u8; 4096][..], Path::new("/dev/full"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("disk is full") && error.contains("XDG_CACHE_HOME"),
            "{error}"
        );
    }
}
