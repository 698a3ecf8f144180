//! Kinds that are text.

use super::FileKind;
use super::FileKind::{Html, Json, OpenVino, OtherPicture, Svg, Text, Xml};

/// As much of a file as is looked at.
const BEGINNING: usize = 4096;

pub(super) fn of(bytes: &[u8]) -> Option<FileKind> {
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    if matches!(beginning, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        return Some(Text);
    }
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // The end may part a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C' | '\x1B');
    if text.is_empty() || text.contains(odd) {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    Some(marked_up(&text.to_ascii_lowercase()).unwrap_or_else(|| plain(text)))
}

fn marked_up(text: &str) -> Option<FileKind> {
    if !text.starts_with('<') {
        return None;
    }
    // Comments and declarations may stand before the element that tells.
    let first = [
        "<svg",
        "<html",
        "<!doctype html",
        "<head",
        "<body",
        "<script",
        "<net ",
    ]
    .into_iter()
    .filter_map(|element| Some((text.find(element)?, element)))
    .min()?
    .1;
    Some(match first {
        "<svg" => Svg,
        "<net " => OpenVino,
        _ => Html,
    })
}

fn plain(text: &str) -> FileKind {
    let portable = ["P1", "P2", "P3"].iter().any(|magic| {
        let after = text
            .strip_prefix(magic)
            .and_then(|rest| rest.chars().next());
        after.is_some_and(|c| c.is_ascii_whitespace())
    });
    match text.chars().next() {
        Some('<') => Xml,
        Some('{' | '[') => Json,
        _ if portable => OtherPicture,
        _ => Text,
    }
}
