//! TIFF: a picture for people, or what a camera's sensor saw with a small picture in front.

use super::FileKind;
use super::FileKind::{CameraRaw, Tiff};

/// TIFF 6.0, section 8: bit 0 says that this is a reduced version of another picture in the file.
const NEW_SUBFILE_TYPE: u16 = 254;
/// Adobe's Digital Negative 1.0.0.0, chapter 4.
const DNG_VERSION: u16 = 50706;
/// More than any picture has.
const MOST_ENTRIES: usize = 512;

pub(super) fn of(bytes: &[u8]) -> Option<FileKind> {
    let little = match bytes.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        b"II+\0" | b"MM\0+" => return Some(Tiff),
        _ => return None,
    };
    let canon = bytes.get(8..10) == Some(b"CR");
    let raw = canon
        || first_directory(bytes, little).any(|(tag, value)| match tag {
            NEW_SUBFILE_TYPE => value & 1 == 1,
            tag => tag == DNG_VERSION,
        });
    Some(if raw { CameraRaw } else { Tiff })
}

/// The entries of the first directory: tag and value, the latter as a number where it is one.
fn first_directory(bytes: &[u8], little: bool) -> impl Iterator<Item = (u16, u32)> {
    let short = move |at: usize| {
        let pair = *bytes.get(at..)?.first_chunk()?;
        Some(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    let long = move |at: usize| {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(if little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    };
    let begin = long(4).map_or(usize::MAX - 2, |at| at as usize);
    let count = short(begin).map_or(0, usize::from).min(MOST_ENTRIES);
    (0..count).map_while(move |index| {
        let at = begin + 2 + 12 * index;
        Some((short(at)?, long(at + 8)?))
    })
}
