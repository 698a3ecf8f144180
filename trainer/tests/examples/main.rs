//! The commands that help texts show are run, in a folder that holds the files which they name.
//!
//! What would take hours is made small by [`CHEAPER`], word for word; nothing else is changed.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
#[path = "../../src/cli/examples/shown.rs"]
mod shown;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use shown::commands;

/// Figures of an example, and those with which the same takes seconds.
const CHEAPER: [(&str, &str); 11] = [
    ("phantom:1200", "phantom:36"),
    ("phantom:300", "phantom:12"),
    ("--count 300", "--count 6"),
    ("--count 900", "--count 6"),
    ("--count 500", "--count 3"),
    ("--size 256", "--size 64"),
    ("--most 25", "--most 2"),
    ("--samples 50", "--samples 2"),
    ("--window 50 --stride 25", "--window 50 --stride 40"),
    (
        "pack --data ham10000:HAM10000 --size 224",
        "pack --data ham10000:HAM10000 --size 48",
    ),
    // The tests' machine has no card; on a card the same is measured by `cargo xtask gpu`.
    ("--device cuda", "--device cpu"),
];

/// What is added to an example of a command, to the same end.
fn added(command: &str) -> &'static str {
    match command.split_whitespace().nth(1) {
        Some("train") if command.contains("--size") => " --epochs 1 --batch 8",
        Some("train") => " --epochs 1 --batch 8 --size 32",
        Some("evaluate") => " --steps 1 --queries 5",
        _ => "",
    }
}

/// `bench` and `check` take their minutes whatever they are asked for: tests of their own hold them.
const ELSEWHERE: [&str; 2] = ["bench", "check"];

fn pellucid(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pellucid"));
    command
        .current_dir(folder)
        .args(words.split_whitespace().skip(1));
    command
}

/// The help text of a command, or of the program.
fn help(folder: &Path, command: &str) -> String {
    let output = pellucid(folder, &format!("pellucid {command} --help"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{command} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs an example; a server is asked to end once it has told its address.
fn run(folder: &Path, example: &str) {
    let mut words = format!("{example}{}", added(example));
    for (dear, cheap) in CHEAPER {
        words = words.replace(dear, cheap);
    }
    if let Some((_, out)) = words.split_once("--out ") {
        // Two help texts begin with the same training.
        let out = folder.join(out.split_whitespace().next().unwrap());
        let _ = std::fs::remove_dir_all(out);
    }
    let mut command = pellucid(folder, &words);
    if words.starts_with("pellucid serve") {
        let port = if words.contains("--port") {
            ""
        } else {
            " --port 0"
        };
        let mut server = pellucid(folder, &(words + port))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("http://"), "{example}: {line}");
        server.kill().unwrap();
        server.wait().unwrap();
        return;
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the help's `{example}`, run as `{words}`: {said}"
    );
    for file in written(&words) {
        assert!(folder.join(file).is_file(), "`{example}` wrote no {file}");
    }
}

/// The files that the words ask for.
fn written(words: &str) -> Vec<&str> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let asked = words
        .windows(2)
        .filter(|pair| ["-o", "--raw", "--csv", "--plot"].contains(&pair[0]));
    asked.map(|pair| pair[1]).collect()
}

#[test]
fn the_examples_of_the_help_texts_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    files::lay_out(folder);
    let program = help(folder, "");
    // `train` first: others look at what it made.
    let names = program
        .lines()
        .skip_while(|line| line.trim() != "Commands:")
        .skip(1);
    let mut names: Vec<&str> = names
        .take_while(|line| !line.trim().is_empty())
        // What is further in goes on with a description.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help" && !ELSEWHERE.contains(name))
        .collect();
    names.sort_by_key(|name| *name != "train");
    assert!(names.len() >= 9 && names[0] == "train", "{names:?}");
    names.push("");
    for name in names {
        let examples = commands(&help(folder, name));
        assert!(!examples.is_empty(), "{name} shows no example");
        for example in examples {
            if !ELSEWHERE
                .iter()
                .any(|name| example.split_whitespace().nth(1) == Some(name))
            {
                run(folder, &example);
            }
        }
    }
}
