//! Bytes to text, and what stands between the fields of it.

/// What may stand between two fields.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The text of a file in UTF-8 or UTF-16, with a byte order mark or without; anything else is taken for Latin-1, of which
/// every byte is a character.
pub(crate) fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => sixteen(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => sixteen(rest, u16::from_be_bytes),
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 => sixteen(bytes, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a > 0 && *b > 0 => sixteen(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => eight(rest),
        _ => eight(bytes),
    }
}

fn sixteen(bytes: &[u8], from: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| from(*pair));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn eight(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// What parts the first line that says something into the most fields: what stands in quotes parts nothing.
pub(crate) fn delimiter(text: &str) -> u8 {
    let text = text.trim_start_matches(['\r', '\n', ' ']);
    // Of equals the last wins, which the comma shall be.
    let all = DELIMITERS.into_iter().rev();
    all.max_by_key(|delimiter| fields(text, *delimiter))
        .unwrap_or(b',')
}

/// How many fields a delimiter makes of a text's first record, and before that, whether it is what stands behind its quotes.
fn fields(text: &str, delimiter: u8) -> (bool, usize) {
    let (mut sound, mut fields, mut begins) = (true, 1, true);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if begins => {
                while let Some(inner) = bytes.next() {
                    if inner == b'"' && bytes.next_if_eq(&b'"').is_none() {
                        break;
                    }
                }
                let behind = [delimiter, b'\r', b'\n'];
                sound &= bytes.peek().is_none_or(|next| behind.contains(next));
                begins = false;
            }
            b'\r' | b'\n' => break,
            _ => {
                begins = byte == delimiter;
                fields += usize::from(begins);
            }
        }
    }
    (sound, fields)
}

/// The records of a text, of whatever lengths.
pub(crate) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// Excel reads and writes `sep=;` before everything else.
pub(crate) fn without_separator_line(text: &str) -> (&str, u64) {
    let first = text.split(['\r', '\n']).next().unwrap_or_default();
    if first.to_lowercase().trim_matches('"').starts_with("sep=") {
        let rest = &text[first.len()..];
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        (rest.strip_prefix('\n').unwrap_or(rest), 1)
    } else {
        (text, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotes_parts_nothing() {
        for (line, right) in [
            ("a,b", b','),
            ("\"Image, or its file, or its id\";dx", b';'),
            ("\n \n\"a;b;c\",dx\n1;2;3;4;5,6", b','),
            ("\"image\",\"dx;class;what\"", b','),
            ("\"\";\"a \"\",,,\"\" b\"", b';'),
            ("\"a\" ;b", b';'),
            ("\"a;b\r\n;c\",\"d\"\r\n1;2;3", b','),
            ("a\tb,c\td", b'\t'),
            ("a|b;c|d", b'|'),
            ("a;b,c", b','),
            ("", b','),
        ] {
            assert_eq!(delimiter(line), right, "{line}");
        }
    }

    #[test]
    fn excels_first_line_is_no_row() {
        for (text, rest) in [
            ("sep=;\r\na;b", "a;b"),
            ("\"SEP=;\"\n\na;b", "\na;b"),
            ("sep=;\ra;b", "a;b"),
            ("sep=;", ""),
        ] {
            assert_eq!(without_separator_line(text), (rest, 1));
        }
        assert_eq!(without_separator_line("a,sep=\nb"), ("a,sep=\nb", 0));
    }

    #[test]
    fn half_a_pair_of_bytes_is_left_out_and_half_a_character_replaced() {
        assert_eq!(text(b"\xFF\xFEa\0b"), "a");
        assert_eq!(text(b"\xFE\xFF\xD8\x00\0a"), "\u{FFFD}a");
        assert_eq!(text(b"\xE4"), "ä");
    }
}
