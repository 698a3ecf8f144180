//! Every number that a command takes has an upper limit, which the refusal names.

use clap::CommandFactory;
use clap::Parser;

use super::Arguments;

/// A line with what each command needs.
const LINES: &[&str] = &[
    #[cfg(feature = "torch")]
    "train --data phantom:30 --out run",
    "evaluate a.onnx --data phantom:30",
    "explain a.onnx a.png",
    "differentiate a.onnx --out b.onnx",
    "inspect a.onnx",
    "phantom drawn",
    "pack --data phantom:30 --out packed",
    "release a.onnx --out b.onnx",
    "report --model a.onnx --data phantom:30",
    "serve .",
    #[cfg(feature = "torch")]
    "check",
    #[cfg(feature = "torch")]
    "bench",
    #[cfg(feature = "torch")]
    "bench-worker --mode float32 --device cpu --size 32 --batch 2 --steps 1",
];

/// What may be any number: it decides what chance brings, and costs nothing.
const ANY: &[&str] = &["seed", "split-seed"];

fn parsed(line: &str, option: &str, value: &str) -> Result<(), String> {
    let words = line.split_whitespace();
    // Given once more, an option would be refused for that alone.
    let mut kept: Vec<&str> = vec!["pellucid"];
    let mut skip = false;
    let name = format!("--{option}");
    for word in words {
        if word == name {
            skip = true;
        } else if skip {
            skip = false;
        } else {
            kept.push(word);
        }
    }
    let given = format!("{name}={value}");
    kept.push(&given);
    // What is wanted beside it.
    for (with, more) in [("mean", "--std=1"), ("std", "--mean=0")] {
        if option == with {
            kept.push(more);
        }
    }
    let result = Arguments::try_parse_from(kept);
    result.map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_number_has_an_upper_limit_that_is_named() {
    let main = Arguments::command();
    let mut numbers = vec![];
    for command in main.get_subcommands() {
        let name = command.get_name();
        let line = LINES
            .iter()
            .find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no line for {name}"));
        for option in command
            .get_arguments()
            .filter_map(|argument| argument.get_long())
        {
            let takes = |value: &str| parsed(line, option, value).is_ok();
            let number = ["1", "2", "17", "64", "0.5"].into_iter().any(takes);
            // Names of files and values take everything.
            if !number || takes("x9y") || ANY.contains(&option) {
                continue;
            }
            numbers.push(format!("{name} --{option}"));
            for large in ["99999999999", "1e30", "inf", "99999999999999999999999999"] {
                // A mean may be anything that is a number of float32.
                if ["mean", "std"].contains(&option) && large != "inf" {
                    continue;
                }
                let refusal = parsed(line, option, large).expect_err(option);
                let limit = [
                    "from ",
                    "at most",
                    " in ",
                    "..=",
                    "three numbers",
                    "possible values: ",
                ];
                assert!(
                    limit.iter().any(|part| refusal.contains(part)),
                    "{name} --{option} {large}: {refusal}"
                );
            }
        }
    }
    // That numbers were found at all, of each kind.
    for known in [
        #[cfg(feature = "torch")]
        "train --balance",
        #[cfg(feature = "torch")]
        "train --lr",
        #[cfg(feature = "torch")]
        "bench-worker --size",
        "evaluate --epsilon",
        "explain --samples",
        "differentiate --opset",
        "differentiate --batch",
        "report --side",
        "serve --port",
    ] {
        assert!(
            numbers.iter().any(|found| found == known),
            "{known} is not among {numbers:?}"
        );
    }
}
