//! Brotli beside every file that is worth it.

use super::folder;
use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use std::fs;
use std::path::Path;

/// The best that brotli can do: seconds per megabyte.
pub(super) const FULL: i32 = 11;
/// Quick, for tests.
pub(super) const LIGHT: i32 = 5;

/// Endings of the files that shrink. Weights and pictures do not.
const WORTH_IT: &[&str] = &["wasm", "js", "css", "html", "svg"];

/// Writes `FILE.br` beside every file below `site` that is worth it.
pub(super) fn beside(site: &Path, quality: i32) -> Result<()> {
    let files = folder::files_below(site)?;
    let worth_it = files.iter().filter(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| WORTH_IT.contains(&ending))
    });
    std::thread::scope(|scope| {
        let running: Vec<_> = worth_it
            .map(|path| scope.spawn(move || one(path, quality)))
            .collect();
        running.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| anyhow::bail!("brotli ended early"))
        })
    })
}

fn one(path: &Path, quality: i32) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("{} could not be read", path.display()))?;
    let parameters = BrotliEncoderParams {
        quality,
        lgwin: 24,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut packed, &parameters)
        .context("brotli failed")?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".br");
    fs::write(&beside, packed).with_context(|| format!("{} could not be written", beside.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_the_same_bytes_and_pictures_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = "let brotli = 'beside';\n".repeat(1000);
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/a.js"), &text).unwrap();
        fs::write(folder.path().join("a.png"), &text).unwrap();
        beside(folder.path(), FULL).unwrap();
        let packed = fs::read(folder.path().join("deep/a.js.br")).unwrap();
        assert!(packed.len() < text.len() / 10);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        assert!(!folder.path().join("a.png.br").exists());
    }
}
