//! Paths that a file's code names.

/// The code without comments, and without a module of tests at its end.
pub(crate) fn code(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect();
    let is_inline = |at: usize| {
        let mut next = lines[at + 1..]
            .iter()
            .map(|line| line.trim())
            .skip_while(|line| line.starts_with("#["));
        next.next()
            .is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let mut marks = (0..lines.len()).filter(|&at| lines[at].trim() == "#[cfg(test)]");
    let end = marks.find(|&at| is_inline(at)).unwrap_or(lines.len());
    lines[..end].join("\n")
}

/// Every path that begins with `crate`, `super` or `self`, as its segments; lists in braces are taken apart.
pub(crate) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = vec![];
    for import in imports(code) {
        expand("", import, &mut found);
    }
    for (at, _) in code.match_indices("::") {
        let begin = code[..at]
            .rfind(|c: char| !is_name(c))
            .map_or(0, |before| before + 1);
        if ["crate", "super", "self"].contains(&&code[begin..at]) {
            let path = &code[begin..];
            let end = path
                .find(|c: char| !is_name(c) && c != ':')
                .unwrap_or(path.len());
            found.push(path[..end].trim_end_matches(':').to_owned());
        }
    }
    found
        .iter()
        .map(|path| {
            path.split("::")
                .map(|segment| segment.trim().to_owned())
                .collect()
        })
        .filter(|path: &Vec<String>| ["crate", "super", "self"].contains(&&path[0][..]))
        .collect()
}

/// The trees of the `use` declarations.
pub(crate) fn imports(code: &str) -> impl Iterator<Item = &str> {
    let begins = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].trim_end_matches(' ');
        before.is_empty() || before.ends_with(['\n', ')']) || before.ends_with("pub")
    });
    begins.filter_map(|(at, _)| code[at + 4..].split(';').next())
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
pub(crate) fn expand(prefix: &str, tree: &str, out: &mut Vec<String>) {
    let (mut depth, mut begin) = (0, 0);
    let mut parts = vec![];
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(&tree[std::mem::replace(&mut begin, at + 1)..at]),
            _ => {}
        }
    }
    parts.push(&tree[begin..]);
    for part in parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part.split_once('{') {
            Some((head, rest)) => expand(
                &format!("{prefix}{head}"),
                rest.trim_end_matches(['}', ' ', '\n']).trim(),
                out,
            ),
            None => out.push(format!(
                "{prefix}{}",
                part.split(" as ").next().unwrap_or(part)
            )),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn paths_are_taken_apart() {
    let text = "use super::{a::{B, c}, d as e};\npub(crate) use crate::f;\nlet x = super::g::H::new(); // super::comment::no\n#[cfg(test)]\nmod tests {\n use super::z;\n}";
    let mut found: Vec<String> = paths(&code(text))
        .iter()
        .map(|path| path.join("::"))
        .collect();
    found.sort();
    found.dedup();
    let expected = [
        "crate::f",
        "super",
        "super::a::B",
        "super::a::c",
        "super::d",
        "super::g::H::new",
    ];
    let found: Vec<&str> = found
        .iter()
        .map(|path| &path[..])
        .filter(|path| *path != "super")
        .collect();
    assert_eq!(
        found,
        expected
            .iter()
            .copied()
            .filter(|path| *path != "super")
            .collect::<Vec<_>>()
    );
}
