//! Kinds that begin with bytes of their own.

use super::FileKind;
use super::FileKind::*;
use super::{tiff, zip};

/// The first bytes of files, by kind. Longer beginnings stand before shorter ones.
const BEGINNINGS: &[(&[u8], FileKind)] = &[
    (b"\x89PNG\r\n\x1a\n", Png),
    (b"\xFF\xD8\xFF\xF7", RareJpeg),
    (b"\xFF\xD8\xFF", Jpeg),
    (b"GIF87a", Gif),
    (b"GIF89a", Gif),
    (b"\0\0\0\x0CjP  \r\n\x87\n", Jpeg2000),
    (b"\xFF\x4F\xFF\x51", Jpeg2000),
    (b"\0\0\0\x0CJXL \r\n\x87\n", JpegXl),
    (b"\xFF\x0A", JpegXl),
    (b"II\xBC\x01", RareJpeg),
    (b"%PDF", Pdf),
    (b"%!PS", PostScript),
    (b"\xC5\xD0\xD3\xC6", PostScript),
    (b"8BPS", Layered),
    (b"gimp xcf", Layered),
    (b"FUJIFILMCCD-RAW", CameraRaw),
    (b"IIRO", CameraRaw),
    (b"IIRS", CameraRaw),
    (b"MMOR", CameraRaw),
    (b"IIU\0", CameraRaw),
    (b"II\x1A\0\0\0HEAPCCDR", CameraRaw),
    (b"\0MRM", CameraRaw),
    (b"FOVb", CameraRaw),
    (b"\x76\x2F\x31\x01", OtherPicture),
    (b"#?RADIANCE", OtherPicture),
    (b"#?RGBE", OtherPicture),
    (b"DDS ", OtherPicture),
    (b"qoif", OtherPicture),
    (b"SIMPLE  =", OtherPicture),
    (b"farbfeld", OtherPicture),
    (b"\0\0\x01\0", OtherPicture),
    (b"\0\0\x02\0", OtherPicture),
    (b"\x1A\x45\xDF\xA3", Video),
    (b"\0\0\x01\xBA", Video),
    // The length and the digits of the magic number that `torch.save` pickled first.
    (b"\x80\x02\x8A\x0Al\xFC\x9CF\xF9 j\xA8P\x19", TorchLegacy),
    (b"\x89HDF\r\n\x1a\n", Hdf5),
    (b"GGUF", Gguf),
    (b"\x93NUMPY", Npy),
    (b"version https://git-lfs.github.com/spec/", GitLfsPointer),
    (b"version https://hawser.github.com/spec/", GitLfsPointer),
    (b"\x1F\x8B", Gzip),
    (b"7z\xBC\xAF\x27\x1C", Archive),
    (b"Rar!\x1A\x07", Archive),
    (b"\xFD7zXZ\0", Archive),
    (b"BZh", Archive),
    (b"\x28\xB5\x2F\xFD", Archive),
    (b"\x7FELF", Program),
    (b"MZ", Program),
    (b"\xCF\xFA\xED\xFE", Program),
    (b"\0asm", Program),
];

/// Bytes that stand further in: where, which, and the kind.
const WITHIN: &[(usize, &[u8], FileKind)] = &[
    (128, b"DICM", Dicom),
    (257, b"ustar", Archive),
    (344, b"n+1\0", OtherPicture),
    (344, b"ni1\0", OtherPicture),
];

pub(super) fn of(bytes: &[u8]) -> Option<FileKind> {
    let beginning = BEGINNINGS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, kind)| *kind);
    let within = || {
        let found = WITHIN
            .iter()
            .find(|(at, magic, _)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic)));
        found.map(|(_, _, kind)| *kind)
    };
    beginning
        .or_else(within)
        .or_else(|| tiff::of(bytes))
        .or_else(|| zip::of(bytes))
        .or_else(|| boxes(bytes))
        .or_else(|| riff(bytes))
        .or_else(|| flat_buffer(bytes))
        .or_else(|| bitmap(bytes))
        .or_else(|| dicom_without_preamble(bytes))
        .or_else(|| safetensors(bytes))
        .or_else(|| pickle(bytes))
        .or_else(|| table_of_tensorflow(bytes))
}

/// The ISO base media format says in its first box which brands it keeps to (ISO/IEC 14496-12, 4.3).
fn boxes(bytes: &[u8]) -> Option<FileKind> {
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let size = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let brands = bytes.get(8..size.clamp(8, bytes.len()))?;
    let has = |names: &[&[u8; 4]]| {
        brands
            .chunks_exact(4)
            .any(|brand| names.iter().any(|name| brand == *name))
    };
    Some(if has(&[b"avif", b"avis"]) {
        Avif
    } else if has(&[b"crx "]) {
        CameraRaw
    } else if has(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
    ]) {
        Heic
    } else {
        Video
    })
}

fn riff(bytes: &[u8]) -> Option<FileKind> {
    match (bytes.get(..4)?, bytes.get(8..12)?) {
        (b"RIFF", b"WEBP") => Some(WebP),
        (b"RIFF", b"AVI ") => Some(Video),
        _ => None,
    }
}

/// FlatBuffers begin with where their root lies, and name their schema after that; a message may hold the same letters there.
fn flat_buffer(bytes: &[u8]) -> Option<FileKind> {
    match (bytes.get(2..4)?, bytes.get(4..8)?) {
        (b"\0\0", b"TFL3") => Some(TfLite),
        (b"\0\0", b"ORTM") => Some(OrtFormat),
        _ => None,
    }
}

/// `BM`, and the length of one of the headers that there are: text begins so too.
fn bitmap(bytes: &[u8]) -> Option<FileKind> {
    let length = u32::from_le_bytes(*bytes.get(14..)?.first_chunk()?);
    let known = [12, 16, 40, 52, 56, 64, 108, 124].contains(&length);
    (bytes.starts_with(b"BM") && known).then_some(Bmp)
}

/// A file without preamble begins with an element of group 2 or 8, the value's type spelt out or its length within reason.
fn dicom_without_preamble(bytes: &[u8]) -> Option<FileKind> {
    let [group, _, element, _, a, b, c, d] = *bytes.first_chunk()?;
    let low = matches!(group, 2 | 8) && bytes[1] == 0 && bytes[3] == 0;
    let spelt = [b"UL", b"UI", b"CS", b"DA", b"OB"].contains(&&[a, b]);
    let implicit = matches!((group, element), (2, 0) | (8, 0 | 1 | 5 | 8))
        && (b, c, d) == (0, 0, 0)
        && (1..=64).contains(&a)
        && a % 2 == 0;
    (low && (spelt || implicit)).then_some(Dicom)
}

/// The length of the header as eight bytes, and the header, an object in JSON.
fn safetensors(bytes: &[u8]) -> Option<FileKind> {
    const LONGEST: u64 = 100_000_000;
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let object = [&b"{\""[..], b"{}", b"{ ", b"{\n"];
    let begins = object.iter().any(|begin| bytes[8..].starts_with(begin));
    ((2..=LONGEST).contains(&length) && begins).then_some(Safetensors)
}

/// Protocols 2 to 5 begin with their number and end with a full stop.
fn pickle(bytes: &[u8]) -> Option<FileKind> {
    let numbered = matches!(bytes, [0x80, 2..=5, ..]);
    let opcode = bytes
        .get(2)
        .is_some_and(|c| b"}](clcX\x8A\x95)N".contains(c));
    (numbered && opcode).then_some(Pickle)
}

/// The index of a TensorFlow checkpoint is a sorted table, known by its last eight bytes.
fn table_of_tensorflow(bytes: &[u8]) -> Option<FileKind> {
    bytes
        .ends_with(b"\x57\xFB\x80\x8B\x24\x75\x47\xDB")
        .then_some(TensorFlowCheckpoint)
}
