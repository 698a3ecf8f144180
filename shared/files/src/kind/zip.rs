//! Zip archives, which many kinds of files are.

use super::FileKind;
use super::FileKind::{CoreMl, Keras, Npz, TorchCheckpoint, TorchExported, TorchScript, Zip};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// The record at the end, and the longest comment after it.
const LONGEST_END: usize = 22 + 65_535;
/// No archive that is told apart here lists more files before the one that tells.
const MOST_NAMES: usize = 20_000;

pub(super) fn of(bytes: &[u8]) -> Option<FileKind> {
    if !bytes.starts_with(LOCAL) && !bytes.starts_with(END) {
        return None;
    }
    let names = names(bytes);
    let ends = |ending: &str| names.iter().any(|name| name.ends_with(ending));
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    Some(
        if ends("archive_format") || ends("serialized_exported_program.json") {
            TorchExported
        } else if ends("data.pkl") {
            if has("/code/") || ends("constants.pkl") {
                TorchScript
            } else {
                TorchCheckpoint
            }
        } else if ends("model.weights.h5") {
            Keras
        } else if has(".mlmodel") || has(".mlpackage/") {
            CoreMl
        } else if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
            Npz
        } else {
            Zip
        },
    )
}

/// The names in the archive: of its list of contents, or, where the archive breaks off before that, the first one.
fn names(bytes: &[u8]) -> Vec<String> {
    let listed = listed(bytes).unwrap_or_default();
    if listed.is_empty() {
        return name(bytes, 26, 30).into_iter().collect();
    }
    listed
}

/// APPNOTE.TXT 6.3.10, 4.3.12 and 4.3.16.
fn listed(bytes: &[u8]) -> Option<Vec<String>> {
    let tail = bytes.len().saturating_sub(LONGEST_END);
    let end = tail + bytes[tail..].windows(4).rposition(|window| window == END)?;
    let mut at = number(bytes, end + 16, 4)?;
    let mut names = vec![];
    while names.len() < MOST_NAMES && bytes.get(at..)?.starts_with(CENTRAL) {
        names.push(name(&bytes[at..], 28, 46)?);
        let lengths = [28, 30, 32].map(|field| number(bytes, at + field, 2));
        at += 46 + lengths.into_iter().sum::<Option<usize>>()?;
    }
    Some(names)
}

/// The name in a header, whose length stands at `length`.
fn name(header: &[u8], length: usize, begin: usize) -> Option<String> {
    let length = number(header, length, 2)?;
    let name = header.get(begin..begin + length)?;
    Some(String::from_utf8_lossy(name).into_owned())
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte)),
    )
}
