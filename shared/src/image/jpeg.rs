//! Whether a JPEG file is whole.

/// True when the data stops before the end-of-image marker (ITU-T T.81, B.1.1). The decoder is lenient and would paint
/// what is missing grey, and a network would then be asked about that grey.
pub(super) fn ends_early(bytes: &[u8]) -> bool {
    const RESTART: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
    const TEMPORARY: u8 = 0x01;
    const START_OF_IMAGE: u8 = 0xD8;
    const END_OF_IMAGE: u8 = 0xD9;

    let mut at = 0;
    while let Some(&[prefix, marker]) = bytes.get(at..at + 2) {
        at += match (prefix, marker) {
            (0xFF, END_OF_IMAGE) => return false,
            (0xFF, 0xFF) => 1,
            (0xFF, 0x00 | TEMPORARY | START_OF_IMAGE) => 2,
            (0xFF, marker) if RESTART.contains(&marker) => 2,
            // A segment states its length, which counts the two bytes of the length itself. Skipping it skips a
            // thumbnail's end-of-image marker too.
            (0xFF, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return true,
            },
            // Entropy-coded data.
            _ => 1,
        };
    }
    true
}
