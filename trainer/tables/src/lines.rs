//! The lines of a text: how long they are, and which a record begins in.

use csv::StringRecord;

/// The longest line, in bytes: what a row takes while it is read is bounded by it.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// The first line that is too long: its number from 1, and its length.
pub(crate) fn long_line(text: &str) -> Option<(u64, usize)> {
    let mut start = 0;
    for line in text.split_inclusive(['\r', '\n']) {
        if line.len() > LONGEST_LINE {
            let number = ends(&text.as_bytes()[..start]) + 1;
            return Some((number, line.trim_end_matches(['\r', '\n']).len()));
        }
        start += line.len();
    }
    None
}

/// A place in a text that moves on, and its line from 1. The reader's own count knows no line that ends with `\r` alone, and is that of
/// the end of the record before, behind which empty lines may stand.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str, first: u64) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: first,
        }
    }

    /// The line that a record begins in.
    pub(crate) fn of_record(&mut self, record: &StringRecord) -> u64 {
        let byte = record.position().map_or(0, csv::Position::byte);
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let passed = self.text.get(self.at..byte).unwrap_or_default();
        let empty = self.text.get(self.at + passed.len()..).unwrap_or_default();
        let empty = empty
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let next = self.at + passed.len() + empty.count();
        self.line += ends(&self.text[self.at..next]);
        self.at = next;
        self.line
    }
}

/// How many lines end in a text, with `\n`, `\r\n` or `\r`.
fn ends(text: &[u8]) -> u64 {
    let next = text.iter().skip(1).map(Some).chain([None]);
    let ended = |(byte, next): &(&u8, Option<&u8>)| match byte {
        b'\n' => true,
        b'\r' => *next != Some(&b'\n'),
        _ => false,
    };
    text.iter().zip(next).filter(ended).count() as u64
}
