//! Names and texts of other people's, as they stand in a message: short, on one line, and without characters that steer a
//! terminal or turn the reading direction. Every error's words and everything that is printed go through here.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write as _};

/// The most characters of a name that are shown.
pub const LONGEST_NAME: usize = 80;
/// The most names that a message lists.
pub const MOST_NAMES: usize = 5;
/// The most characters of an explanation within a message.
const LONGEST_REASON: usize = 400;
/// The most characters of a whole message.
const LONGEST_SENTENCE: usize = 900;

/// Whether a character is not shown as it is: it controls the terminal, breaks the line, or turns the direction of what stands
/// around it. Source: Unicode Standard Annex #9 (bidirectional formatting) and section 23 (control codes).
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A name of a node, value, tensor, file or class as a message shows it: at most [`LONGEST_NAME`] characters.
#[must_use]
pub fn name(text: &str) -> Said<'_> {
    Said {
        text,
        most: LONGEST_NAME,
    }
}

/// A reason that comes from elsewhere, on one line.
#[must_use]
pub fn reason(text: &str) -> Said<'_> {
    Said {
        text,
        most: LONGEST_REASON,
    }
}

/// Names in a row: at most [`MOST_NAMES`], and how many more there are.
#[must_use]
pub fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    list(all.into_iter().map(|text| name(text).to_string()))
}

/// As [`names`], for what is put into words already.
#[must_use]
pub fn list(all: impl IntoIterator<Item = String>) -> String {
    let mut all = all.into_iter();
    let mut text = all.by_ref().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    match all.count() {
        0 => {}
        more => drop(write!(text, " and {more} more")),
    }
    text
}

/// A whole message on one line.
#[must_use]
pub fn sentence(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Said {
        text: &words,
        most: LONGEST_SENTENCE,
    }
    .to_string()
}

/// An error and its causes in one sentence.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    joined(causes.map(ToString::to_string))
}

/// What an error and its causes say, behind each other. A wrapper that shows its cause by itself says it once.
pub fn joined(causes: impl IntoIterator<Item = String>) -> String {
    let mut parts: Vec<String> = vec![];
    for cause in causes {
        if !parts.iter().any(|said| said.contains(&cause)) {
            parts.push(cause);
        }
    }
    parts.join(": ")
}

/// Text of several lines, such as a report, with everything hidden made visible but the ends of its lines.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && c != '\n';
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match hidden(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// JSON with everything hidden in its strings written as `\uXXXX`, which means the same.
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Text that is shown on one line, cut where it is too long.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    text: &'a str,
    most: usize,
}

impl Display for Said<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut left = self.most;
        for c in self.text.chars() {
            if left == 0 {
                return f.write_char('…');
            }
            left -= 1;
            match is_hidden(c) {
                true => write!(f, "{}", c.escape_unicode())?,
                false => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_the_reading_direction_is_spelled_out() {
        let odd = "\u{1b}[31mred\n\u{202e}txt.exe\u{7f}\u{9b}1m\u{feff}";
        let shown = name(odd).to_string();
        assert_eq!(
            shown,
            "\\u{1b}[31mred\\u{a}\\u{202e}txt.exe\\u{7f}\\u{9b}1m\\u{feff}"
        );
        assert_eq!(visible("a\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(visible("müßig 数\n"), "müßig 数\n");
    }

    #[test]
    fn json_says_the_same_after_its_hidden_characters_are_spelled_out() {
        let text = "a\u{202e}b\u{9b}\u{e0041}\"\\";
        let json = serde_json::to_string(text).unwrap();
        let shown = visible_json(&json);
        assert!(!shown.contains(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn names_are_cut_and_lists_are_short() {
        let long = "x".repeat(100_000);
        assert_eq!(name(&long).to_string().chars().count(), LONGEST_NAME + 1);
        assert!(sentence(&long).chars().count() <= LONGEST_SENTENCE + 1);
        assert_eq!(names(["a", "b"]), "a, b");
        assert_eq!(
            names(["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
    }
}
