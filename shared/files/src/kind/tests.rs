use std::fs;

use super::FileKind::*;
use super::*;

/// A zip archive of empty files with these names, stored.
fn archive(names: &[&str]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut list = vec![];
    for name in names {
        let at = (bytes.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        bytes.extend(b"PK\x03\x04\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend([&length[..], b"\0\0", name.as_bytes()].concat());
        list.extend(b"PK\x01\x02\x0A\0\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        list.extend([&length[..], &[0; 12], &at, name.as_bytes()].concat());
    }
    let (count, begin) = ((names.len() as u16).to_le_bytes(), bytes.len() as u32);
    let size = (list.len() as u32).to_le_bytes();
    bytes.extend(list);
    bytes.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &count[..],
            &count,
            &size,
            &begin.to_le_bytes(),
            b"\0\0",
        ]
        .concat(),
    );
    bytes
}

/// A TIFF file whose first directory holds one number.
fn tiff(little: bool, tag: u16, value: u32) -> Vec<u8> {
    let short = |x: u16| {
        if little {
            x.to_le_bytes()
        } else {
            x.to_be_bytes()
        }
    };
    let long = |x: u32| {
        if little {
            x.to_le_bytes()
        } else {
            x.to_be_bytes()
        }
    };
    let magic = if little { b"II*\0" } else { b"MM\0*" };
    [
        &magic[..],
        &long(8),
        &short(1),
        &short(tag),
        &short(4),
        &long(1),
        &long(value),
        &long(0),
    ]
    .concat()
}

fn with(offset: usize, magic: &[u8]) -> Vec<u8> {
    [&vec![0; offset], magic].concat()
}

/// Each with the beginning that its writer gives it.
fn samples() -> Vec<(FileKind, Vec<u8>)> {
    let boxed = |brands: &str| {
        let size = (8 + brands.len()) as u32;
        [
            &size.to_be_bytes()[..],
            b"ftyp",
            brands.as_bytes(),
            b"\0\0\0\x08mdat",
        ]
        .concat()
    };
    let header = br#"{"module.fc.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let safetensors = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    vec![
        (Empty, vec![]),
        (Png, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec()),
        (Jpeg, b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec()),
        (RareJpeg, b"\xFF\xD8\xFF\xF7\0\x0B".to_vec()),
        (Gif, b"GIF89a\x01\0".to_vec()),
        (WebP, b"RIFF\x10\0\0\0WEBPVP8 ".to_vec()),
        (Bmp, b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec()),
        (Tiff, tiff(true, 256, 64)),
        (Tiff, tiff(false, 254, 0)),
        (Tiff, b"II*\0\xFF\xFF\xFF\xFF".to_vec()),
        (CameraRaw, tiff(true, 254, 1)),
        (CameraRaw, tiff(false, 50706, 0x0104_0000)),
        (CameraRaw, b"II*\0\x10\0\0\0CR\x02\0".to_vec()),
        (CameraRaw, boxed("crx \0\0\0\x01crx isom")),
        (CameraRaw, b"FUJIFILMCCD-RAW 0201".to_vec()),
        (Heic, boxed("heic\0\0\0\0mif1heic")),
        (Heic, boxed("mif1\0\0\0\0mif1heic")),
        (Avif, boxed("avif\0\0\0\0avifmif1miaf")),
        (Avif, boxed("mif1\0\0\0\0avif")),
        (Video, boxed("isom\0\0\x02\0isomiso2mp41")),
        (Video, b"RIFF\x10\0\0\0AVI LIST".to_vec()),
        (
            Jpeg2000,
            b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 ".to_vec(),
        ),
        (Jpeg2000, b"\xFF\x4F\xFF\x51\0\x2F".to_vec()),
        (JpegXl, b"\xFF\x0A\xFA".to_vec()),
        (Dicom, with(128, b"DICM\x02\0\0\0UL\x04\0")),
        (Dicom, b"\x08\0\x05\0CS\x0A\0ISO_IR 100".to_vec()),
        (Dicom, b"\x08\0\x08\0\x16\0\0\0ORIGINAL\\PRIMARY".to_vec()),
        (Pdf, b"%PDF-1.7\n%\xE2\xE3".to_vec()),
        (
            Svg,
            b"<?xml version=\"1.0\"?>\n<!-- a -->\n<svg xmlns=\"x\"/>".to_vec(),
        ),
        (Svg, b"\xEF\xBB\xBF<svg/>".to_vec()),
        (OtherPicture, b"P3\n2 2\n255\n".to_vec()),
        (OtherPicture, with(344, b"n+1\0")),
        (
            TorchCheckpoint,
            archive(&["archive/data.pkl", "archive/data/0", "archive/version"]),
        ),
        (
            TorchCheckpoint,
            archive(&["model/data.pkl", "model/byteorder"]),
        ),
        (
            TorchCheckpoint,
            archive(&["archive/data.pkl", "archive/data/0"])[..60].to_vec(),
        ),
        (
            TorchScript,
            archive(&["net/data.pkl", "net/code/__torch__.py", "net/constants.pkl"]),
        ),
        (
            TorchExported,
            archive(&[
                "m/archive_format",
                "m/models/model.json",
                "m/data/weights/data.pkl",
            ]),
        ),
        (
            TorchLegacy,
            b"\x80\x02\x8A\x0Al\xFC\x9CF\xF9 j\xA8P\x19.\x80\x02M\xE9\x03.".to_vec(),
        ),
        (Pickle, b"\x80\x04\x95\x0E\0\0\0\0\0\0\0}".to_vec()),
        (Hdf5, b"\x89HDF\r\n\x1a\n\0\0".to_vec()),
        (
            Keras,
            archive(&["metadata.json", "config.json", "model.weights.h5"]),
        ),
        (TfLite, b"\x1C\0\0\0TFL3\x14\0".to_vec()),
        (OrtFormat, b"\x1C\0\0\0ORTM\x14\0".to_vec()),
        // node { name: "image" op: "Placeholder" …}
        (
            TensorFlowGraph,
            b"\x0A\x2A\x0A\x05image\x12\x0BPlaceholder*\x0B".to_vec(),
        ),
        // saved_model_schema_version: 1, meta_graphs { meta_info_def { … } }
        (
            SavedModel,
            b"\x08\x01\x12\xB2\x0E\x0A\x96\x05\x0A\x30\x0A".to_vec(),
        ),
        (
            CoreMl,
            b"\x08\x04\x12\x86\x01\x0A\x0F\x0A\x05image".to_vec(),
        ),
        (CoreMl, archive(&["model.mlpackage/Manifest.json"])),
        (
            OpenVino,
            b"<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">".to_vec(),
        ),
        (Safetensors, safetensors),
        (Gguf, b"GGUF\x03\0\0\0".to_vec()),
        (Npy, b"\x93NUMPY\x01\0".to_vec()),
        (Npz, archive(&["image.npy", "label.npy"])),
        (Onnx, b"\x08\x08\x12\x07pytorch\x1A\x052.9.0".to_vec()),
        (Onnx, b"\x08\x08\x3A\x20\x0A".to_vec()),
        (Onnx, b"\x08\x08\x12\x09ORTModule\x3A".to_vec()),
        (Onnx, b"\x08\x01\x12\x0CCNTK\x1A\x032.7".to_vec()),
        (
            GitLfsPointer,
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n".to_vec(),
        ),
        (Html, b"\n<!DOCTYPE HTML>\n<html lang=en>".to_vec()),
        (Html, b"<!-- saved from -->\n<html>".to_vec()),
        (Html, "<html><body><svg/>ä".into()),
        (
            Xml,
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied".to_vec(),
        ),
        (Json, b" {\"error\": \"not found\"}".to_vec()),
        (Json, b"[]".to_vec()),
        (Text, b"404: Not Found".to_vec()),
        (Text, "Größe;Name\r\n".into()),
        (Text, b"\xFF\xFEa\0b\0".to_vec()),
        (Zip, archive(&["a.txt"])),
        (Zip, archive(&[])),
        (Gzip, b"\x1F\x8B\x08\0".to_vec()),
        (Archive, with(257, b"ustar\0")),
        (Archive, b"7z\xBC\xAF\x27\x1C\0\x04".to_vec()),
        (Program, b"\x7FELF\x02\x01".to_vec()),
    ]
}

#[test]
fn each_kind_is_known_by_its_bytes() {
    for (kind, bytes) in samples() {
        assert_eq!(FileKind::of(&bytes), Some(kind), "{bytes:?}");
    }
}

#[test]
fn a_sentence_says_what_it_is_and_what_to_do() {
    for (kind, _) in samples() {
        for text in [kind.instead_of_a_model(), kind.instead_of_an_image()] {
            assert!(
                text.starts_with(kind.name()) && text.contains(": "),
                "{text}"
            );
            // The one sentence's full stop is put behind it.
            let ends = text
                .match_indices(['.', '?', '!'])
                .filter(|(at, _)| text[at + 1..].starts_with(' ') || at + 1 == text.len());
            assert_eq!(ends.count(), 0, "{text}");
            assert!(text.len() < 320, "{text}");
        }
        assert!(!(kind.is_model() && kind.is_picture()));
    }
}

#[test]
fn bytes_that_lie_about_themselves_are_survived() {
    for (_, bytes) in samples() {
        for length in 0..bytes.len() {
            let _ = FileKind::of(&bytes[..length]);
        }
        for at in 0..bytes.len().min(64) {
            let mut damaged = bytes.clone();
            damaged[at] = 0xFF;
            let _ = FileKind::of(&damaged);
        }
        if let Some(end) = bytes.len().checked_sub(12) {
            let mut damaged = bytes;
            damaged[end..].fill(0xFE);
            let _ = FileKind::of(&damaged);
        }
    }
}

#[test]
fn folders_are_known_by_what_lies_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(FileKind::of_folder(path), Some(Folder));
    fs::write(path.join("saved_model.pb"), "").unwrap();
    assert_eq!(FileKind::of_folder(path), Some(SavedModel));
    assert_eq!(FileKind::of_folder(&path.join("saved_model.pb")), None);
    assert_eq!(FileKind::of_folder(&path.join("none")), None);
    assert!(
        SavedModel
            .instead_of_a_model()
            .contains("tf2onnx.convert --saved-model")
    );
}
