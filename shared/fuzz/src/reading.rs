//! Images, arrays and cards: what is read from files that others made, beside models.

use ndarray::ArrayD;
use pellucid_shared::card::Card;
use pellucid_shared::image::{
    ImageError, MAX_MEGAPIXELS, MIN_SIDE, Preprocessing, decode_mask, decode_noted, preprocess,
};
use pellucid_shared::kind::FileKind;
use pellucid_shared::npy::floats;

use super::tell;

/// Pixels beyond this are not resized: that would only measure the time of this harness.
const MOST_PIXELS: u64 = 1 << 20;

/// Decodes an image, upright and as a mask. Either fails with an error that says something, or there is a picture within the
/// bounds that are promised, and the network's input made of it lies between 0 and 1.
///
/// # Panics
/// Where that does not hold: a fault in `pellucid-shared`, or in a decoder that it uses.
pub fn pictured(bytes: &[u8]) {
    if let Some(kind) = FileKind::of(bytes) {
        assert!(!kind.name().is_empty());
    }
    let said = |error: &ImageError| tell(error);
    let decoded = match decode_noted(bytes) {
        Ok(decoded) => decoded,
        Err(error) => {
            said(&error);
            assert!(decode_mask(bytes).is_err());
            return;
        }
    };
    let (width, height) = decoded.image.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    assert!(width >= MIN_SIDE && height >= MIN_SIDE && pixels <= MAX_MEGAPIXELS * 1_000_000);
    if pixels > MOST_PIXELS {
        return;
    }
    let mask = decode_mask(bytes).expect("what is an image is a mask too");
    assert_eq!(mask.dimensions(), (width, height));
    let input = preprocess(&decoded.image, &Preprocessing::square(8));
    assert!(input.iter().all(|value| (0.0..=1.0).contains(value)));
}

/// Reads a card. Either fails with an error that says something, or the card can be written and is the same when it is read
/// again.
///
/// # Panics
/// Where that does not hold: a fault in `pellucid-shared`.
pub fn carded(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let card = match Card::parse(text) {
        Ok(card) => card,
        Err(error) => return tell(&error),
    };
    let written = card.to_json().expect("what was read can be written");
    let again = Card::parse(&written).expect("what was written can be read");
    assert_eq!(again, card);
    for class in &card.classes {
        assert!(card.class(&class.code).is_some());
    }
}

/// Reads an array. Either fails with an error that says something, or there are as many numbers as the shape says, those of
/// the file, and the array can be written and is the same when it is read again.
///
/// # Panics
/// Where that does not hold: a fault in `pellucid-shared`.
pub fn arrayed(bytes: &[u8]) {
    let array = match floats(bytes) {
        Ok(array) => array,
        Err(error) => return tell(&error),
    };
    assert_eq!(array.shape().iter().product::<usize>(), array.len());
    let (header, data) = bytes.split_at(bytes.len() - 4 * array.len());
    let bits = |array: &ArrayD<f32>| array.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    // In whatever order and of whatever end first: no number is lost, made up or changed.
    let mut found: Vec<u32> = bits(&array);
    let mut there: Vec<u32> = data
        .as_chunks()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect();
    if header.windows(3).any(|kind| kind == b">f4") {
        there.iter_mut().for_each(|bits| *bits = bits.swap_bytes());
    }
    found.sort_unstable();
    there.sort_unstable();
    assert_eq!(found, there);
    let again = floats(&written(&array)).expect("what was written can be read");
    assert_eq!(again.shape(), array.shape());
    assert_eq!(bits(&again), bits(&array));
}

/// The file that `numpy.save` makes of an array.
fn written(array: &ArrayD<f32>) -> Vec<u8> {
    let axes: String = array
        .shape()
        .iter()
        .map(|axis| format!("{axis}, "))
        .collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({axes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(array.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}
