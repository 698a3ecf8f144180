//! The commands that help texts, README and documentation show are commands that there are.

mod shown;

use clap::CommandFactory;
use clap::Parser;

use self::shown::commands;
use super::Arguments;

fn assert_parsed(commands: &[String], place: &str) {
    for command in commands {
        let needs_torch = |name: &&str| command.split_whitespace().nth(1) == Some(name);
        if !cfg!(feature = "torch") && ["train", "check", "bench"].iter().any(needs_torch) {
            continue;
        }
        // A figure that stands for several.
        let command = command.replace("EPSILON", "1");
        let words = command.split_whitespace();
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{place} shows `{command}`: {error}");
        }
    }
}

#[test]
fn the_examples_of_every_help_text_are_commands() {
    let main = Arguments::command();
    let shown = main
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    for command in std::iter::once(&main).chain(shown) {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        // What clap breaks, for want of room, cannot be pasted any more.
        let mut shown = help.lines().filter(|line| line.starts_with("  "));
        let long = shown.find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{}", command.get_name());
        let found = commands(&help);
        assert!(!found.is_empty(), "{} shows no example", command.get_name());
        assert_parsed(&found, command.get_name());
    }
}

#[test]
fn the_commands_of_the_documentation_are_commands() {
    for (place, text, least) in [
        ("README.md", include_str!("../../../../README.md"), 4),
        (
            "docs/differentiate.md",
            include_str!("../../../../docs/differentiate.md"),
            2,
        ),
        (
            "docs/results.md",
            include_str!("../../../../docs/results.md"),
            5,
        ),
        (
            "docs/attribution.md",
            include_str!("../../../../docs/attribution.md"),
            0,
        ),
        (
            "docs/model-file.md",
            include_str!("../../../../docs/model-file.md"),
            0,
        ),
        (
            "docs/embedding.md",
            include_str!("../../../../docs/embedding.md"),
            0,
        ),
        (
            "docs/development.md",
            include_str!("../../../../docs/development.md"),
            0,
        ),
    ] {
        let found = commands(text);
        assert!(found.len() >= least, "{place}: {found:?}");
        assert_parsed(&found, place);
    }
}

#[test]
fn a_command_is_told_from_what_stands_around_it() {
    let text = "Examples:\n  cargo xtask site && pellucid serve dist/site\n  pellucid serve a --port 0    take one\n  \
                pellucid inspect a.onnx --json | jq .card\n  pellucid explain a.onnx \\\n      b.png -o c.png\nthe pellucid way";
    assert_eq!(
        commands(text),
        [
            "pellucid serve dist/site",
            "pellucid serve a --port 0",
            "pellucid inspect a.onnx --json",
            "pellucid explain a.onnx b.png -o c.png"
        ]
    );
}
