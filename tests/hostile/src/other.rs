//! Pictures, arrays, cards and lists of labels.

use anyhow::Result;
use pellucid_shared::image::{RgbImage, encode_png};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::mutate;

/// A picture of 24×20 pixels as PNG.
pub(crate) fn picture() -> Result<Vec<u8>> {
    let mut picture = RgbImage::new(24, 20);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let ramp = |value: u32, by: u32| u8::try_from(value * by % 256).unwrap_or(0);
        pixel.0 = [ramp(x, 10), ramp(y, 12), ramp(x + y, 5)];
    }
    Ok(encode_png(&picture)?)
}

pub(crate) fn hostile_picture(chance: &mut ChaCha8Rng) -> Result<Vec<u8>> {
    let mut bytes = picture()?;
    if chance.random_ratio(1, 3) {
        // The size in the header, whose checksum is then wrong or not looked at.
        let at = chance.random_range(16..24);
        bytes[at] = chance.random();
    } else {
        mutate::bytes(chance, &mut bytes);
    }
    Ok(bytes)
}

/// An `.npy` file, its header or its numbers changed.
pub(crate) fn hostile_array(chance: &mut ChaCha8Rng) -> Vec<u8> {
    let pick =
        |chance: &mut ChaCha8Rng, all: &[&str]| all[chance.random_range(0..all.len())].to_owned();
    let kind = pick(
        chance,
        &[
            "'<f4'",
            "'<f4'",
            "'<f4'",
            "'>f4'",
            "'<f8'",
            "'|O'",
            "[('a', '<f4')]",
            "__import__('os')",
        ],
    );
    let order = pick(chance, &["False", "False", "True", "None", "1"]);
    let shape = pick(
        chance,
        &[
            "(1, 3, 16, 16)",
            "(1, 3, 16, 16)",
            "(0, 18446744073709551615, 16, 16)",
            "(1, 3, 9223372036854775807, 16)",
            "(1, 3, -16, 16)",
            "(768,)",
            "()",
            "(((((((((1))))))))",
        ],
    );
    let mut header = format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}");
    if chance.random_ratio(1, 12) {
        header = "(".repeat(60_000);
    }
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(
        u16::try_from(header.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes(),
    );
    bytes.extend(header.as_bytes());
    for index in 0..768_u16 {
        bytes.extend((f32::from(index) / 768.0).to_le_bytes());
    }
    match chance.random_range(0..4) {
        0 => drop(mutate::bytes(chance, &mut bytes)),
        1 => {
            let odd = [f32::NAN, f32::INFINITY, 3e38, 1e-45][chance.random_range(0..4)];
            let at = bytes.len() - 4 * chance.random_range(1..=768);
            bytes[at..at + 4].copy_from_slice(&odd.to_le_bytes());
        }
        _ => {}
    }
    bytes
}

/// A card, a number or text in it changed.
pub(crate) fn hostile_card(chance: &mut ChaCha8Rng) -> Vec<u8> {
    let numbers = [
        "0",
        "1",
        "-1",
        "1e-45",
        "3.5e38",
        "1e999",
        "16",
        "17",
        "1e9",
        "4294967296",
        "null",
        "\"\"",
        "[[]]",
    ];
    let mut pick = || numbers[chance.random_range(0..numbers.len())];
    let (version, size, mean, std) = (
        ["1", pick()],
        ["16", pick()],
        ["0.5", pick()],
        ["0.2", pick()],
    );
    let code = ["b", "a", "", "\\u001b[2J", "\\u202e"][chance.random_range(0..5)];
    let mut one = |of: [&str; 2]| of[usize::from(chance.random_ratio(1, 3))].to_owned();
    let text = format!(
        r#"{{"version": {}, "name": "{code}", "classes": [{{"code": "a"}}, {{"code": "{code}"}}, {{"code": "c"}}],
        "input": {{"size": {}, "crop": "center_square", "resize": "triangle", "mean": [{}, 0.5, 0.5], "std": [{}, 0.2, 0.2]}}}}"#,
        one(version),
        one(size),
        one(mean),
        one(std)
    );
    let mut bytes = text.into_bytes();
    match chance.random_range(0..10) {
        0 => drop(mutate::bytes(chance, &mut bytes)),
        1 => bytes = [b"[".repeat(100_000), b"]".repeat(100_000)].concat(),
        _ => {}
    }
    bytes
}

/// A file of class names.
pub(crate) fn hostile_labels(chance: &mut ChaCha8Rng) -> Vec<u8> {
    match chance.random_range(0..6) {
        0 => b"a\nb\nc\n".to_vec(),
        1 => "a\n\u{1b}[2J\u{202e}b\nc".into(),
        2 => b"\xff\xfe\x00a".to_vec(),
        3 => "x\n".repeat(100_000).into_bytes(),
        4 => ["x".repeat(1_000_000), "b\nc".into()]
            .join("\n")
            .into_bytes(),
        _ => vec![],
    }
}
