//! Whether a JPEG file is whole (ITU-T T.81).

const RESTART: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
const TEMPORARY: u8 = 0x01;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
/// Start-of-frame markers lie among these, with three others that are none.
const FRAMES: std::ops::RangeInclusive<u8> = 0xC0..=0xCF;
const NO_FRAMES: [u8; 3] = [0xC4, 0xC8, 0xCC];

/// True when the data stops before the end-of-image marker (B.1.1). The decoder is lenient and would paint what is missing
/// grey, and a network would then be asked about that grey.
pub(super) fn ends_early(bytes: &[u8]) -> bool {
    !Segments { bytes, at: 0 }.any(|(marker, _)| marker == END_OF_IMAGE)
}

/// A file without its end marker, continued in two ways that have no bit in common, each with an end marker. Where both
/// decode to the same picture, no pixel hangs on what is missing: only the end is. Beyond a scan's last block a decoder
/// reads nothing. Empty where whole scans are missing, which no continuation would show.
///
/// Zeros at the end are taken for unwritten disk space, not for data; since they may hide the second byte of a stuffed
/// 0xFF (B.1.1.5), that is tried too.
pub(super) fn continuations(bytes: &[u8]) -> Vec<[Vec<u8>; 2]> {
    if !has_every_scan(bytes) {
        return vec![];
    }
    let written = bytes.iter().rposition(|byte| ![0x00, 0xFF].contains(byte));
    let body = &bytes[..written.map_or(0, |last| last + 1)];
    let mut bodies = vec![body.to_vec()];
    if bytes[body.len()..].starts_with(&[0xFF, 0x00]) {
        bodies.push([body, &[0xFF, 0x00]].concat());
    }
    let continued =
        |body: &[u8], filling: u8| [body, &[filling; 16], &[0xFF, END_OF_IMAGE]].concat();
    bodies
        .iter()
        .map(|body| [0x35, 0xCA].map(|filling| continued(body, filling)))
        .collect()
}

/// Whether the scans bring every coefficient of every component down to its last bit (G.1.1.1): a progressive file that ends
/// between two scans holds a coarse picture alone.
fn has_every_scan(bytes: &[u8]) -> bool {
    const COEFFICIENTS: usize = 64;
    let mut sequential = true;
    // By component: its identifier, and which coefficients are complete.
    let mut components: Vec<(u8, [bool; COEFFICIENTS])> = vec![];
    for (marker, segment) in (Segments { bytes, at: 0 }) {
        if FRAMES.contains(&marker) && !NO_FRAMES.contains(&marker) {
            // 0xC2, 0xC6, 0xCA and 0xCE.
            sequential = marker % 4 != 2;
            let listed = segment.get(6..).unwrap_or_default().chunks_exact(3);
            components = listed.map(|c| (c[0], [false; COEFFICIENTS])).collect();
        } else if marker == START_OF_SCAN {
            let count = usize::from(segment.first().copied().unwrap_or(0));
            let Some(&[first, last, bits]) = segment.get(1 + 2 * count..4 + 2 * count) else {
                return false;
            };
            let last_bit = bits & 0x0F == 0;
            let band = if sequential {
                0..=63
            } else {
                first..=last.min(63)
            };
            for chosen in segment[1..=2 * count].chunks_exact(2) {
                for (id, complete) in &mut components {
                    if *id == chosen[0] && (sequential || last_bit) {
                        band.clone().for_each(|at| complete[usize::from(at)] = true);
                    }
                }
            }
        }
    }
    !components.is_empty()
        && components
            .iter()
            .all(|(_, complete)| complete.iter().all(|c| *c))
}

/// The markers of a file, each with the contents of its segment, between entropy-coded data.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let &[prefix, marker] = self.bytes.get(self.at..self.at + 2)? else {
                return None;
            };
            match (prefix, marker) {
                (0xFF, 0xFF) => self.at += 1,
                (0xFF, 0x00 | TEMPORARY | START_OF_IMAGE) => self.at += 2,
                (0xFF, marker) if RESTART.contains(&marker) => self.at += 2,
                (0xFF, END_OF_IMAGE) => {
                    self.at += 2;
                    return Some((END_OF_IMAGE, &[]));
                }
                (0xFF, marker) => {
                    // A segment states its length, which counts the two bytes of the length itself. Skipping it skips a
                    // thumbnail's end-of-image marker too.
                    let &[high, low] = self.bytes.get(self.at + 2..self.at + 4)? else {
                        return None;
                    };
                    let begin = self.at + 4;
                    self.at += 2 + usize::from(u16::from_be_bytes([high, low]));
                    return Some((marker, self.bytes.get(begin..self.at).unwrap_or_default()));
                }
                // Entropy-coded data.
                _ => self.at += 1,
            }
        }
    }
}
