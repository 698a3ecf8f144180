//! Images and cards: what is read from files that others made, beside models.

use pellucid_shared::card::Card;
use pellucid_shared::image::{
    ImageError, MAX_MEGAPIXELS, MIN_SIDE, Preprocessing, decode_mask, decode_noted, preprocess,
};
use pellucid_shared::kind::FileKind;

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
