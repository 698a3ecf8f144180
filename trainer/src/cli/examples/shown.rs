//! What commands a text shows. The tests of the binary, which run them, include this file too.

/// The command lines of `pellucid` in a text, each in one line.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let mut joined = String::new();
    for line in text.lines() {
        match line.trim().strip_suffix('\\') {
            Some(begun) => joined += &format!("{} ", begun.trim_end()),
            None => joined += &format!("{}\n", line.trim()),
        }
    }
    let command = |line: &str| {
        let line = line.split(" && ").find_map(|part| {
            let part = part.trim().trim_start_matches("target/release/");
            part.strip_prefix("pellucid ").map(|_| part)
        })?;
        // What follows a gap, a pipe or a hash is for people or other programs.
        let ends = ["  ", " | ", " #"]
            .into_iter()
            .filter_map(|end| line.find(end));
        Some(line[..ends.min().unwrap_or(line.len())].to_owned())
    };
    joined.lines().filter_map(command).collect()
}
