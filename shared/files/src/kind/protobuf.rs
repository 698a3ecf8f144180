//! Kinds that are protobuf messages, which have no first bytes of their own: known by their first fields.

use super::FileKind;

/// Fields 1, 2 and 7 as a tag: the number, and how the value is written.
const FIRST_VARINT: u8 = 0x08;
const FIRST_BYTES: u8 = 0x0A;
const SECOND_BYTES: u8 = 0x12;
const SEVENTH_BYTES: u8 = 0x3A;

pub(super) fn of(bytes: &[u8]) -> Option<FileKind> {
    match bytes {
        [FIRST_VARINT, version @ 1..=30, SECOND_BYTES, rest @ ..] => {
            // The second field is the producer's name in ONNX, and a message that begins with a message in the others.
            let (_, inner) = length_and_rest(rest)?;
            let message = inner.first() == Some(&FIRST_BYTES) && !is_name(rest);
            Some(match (message, version) {
                (false, _) => FileKind::Onnx,
                (true, 1) => FileKind::SavedModel,
                (true, _) => FileKind::CoreMl,
            })
        }
        [FIRST_VARINT, 3..=30, SEVENTH_BYTES, ..] => Some(FileKind::Onnx),
        // A TensorFlow graph is a list of nodes, each with a name and an operator's name.
        [FIRST_BYTES, rest @ ..] => {
            let (_, node) = length_and_rest(rest)?;
            let name = node.strip_prefix(&[FIRST_BYTES])?;
            let (length, name) = length_and_rest(name)?;
            let after = name.get(length..)?;
            let operator = after.strip_prefix(&[SECOND_BYTES])?;
            (is_text(&name[..length]) && is_name(operator)).then_some(FileKind::TensorFlowGraph)
        }
        _ => None,
    }
}

/// A varint that is a length, and what follows it.
fn length_and_rest(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[at + 1..]));
        }
    }
    None
}

/// Whether a length and so many printable characters stand here.
fn is_name(bytes: &[u8]) -> bool {
    let Some((length, rest)) = length_and_rest(bytes) else {
        return false;
    };
    rest.get(..length).is_some_and(is_text)
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| (0x20..0x7F).contains(byte))
}
