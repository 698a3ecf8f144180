//! The protobuf types of `onnx-edit` are those of ONNX's own package.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Message, number and name of a field, and whether it is a list.
type Field = (String, u32, String, bool);

/// Every field that the package describes: one in a line.
const DESCRIBED: &str = "
from onnx import onnx_ml_pb2 as onnx
def walk(message):
    for field in message.fields:
        print(message.name, field.number, field.name, field.is_repeated if hasattr(field, 'is_repeated') else field.label == field.LABEL_REPEATED)
    for inner in message.nested_types:
        walk(inner)
for message in onnx.DESCRIPTOR.message_types_by_name.values():
    walk(message)
";

fn described() -> BTreeSet<Field> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join(".pellucid/reference/bin/python");
    let output = Command::new(python).args(["-c", DESCRIBED]).output();
    let output = output.expect("run `cargo xtask reference` first");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let field = |line: &str| {
        let [message, number, name, list] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        (
            message.to_owned(),
            number.parse().unwrap(),
            name.to_owned(),
            list == "True",
        )
    };
    text.lines().map(field).collect()
}

/// The fields of the generated types; those of a choice (`oneof`) stand in an enum, and have no names here.
fn generated() -> BTreeSet<Field> {
    let mut fields = BTreeSet::new();
    let (mut message, mut list, mut tag) = (String::new(), false, None);
    for line in include_str!("../shared/onnx/src/pb.rs")
        .lines()
        .map(str::trim)
    {
        let quoted = |after: &str| {
            line.split(after)
                .nth(1)
                .and_then(|rest| rest.split('"').next())
        };
        if let Some(name) = line.strip_prefix("pub struct ") {
            message = name.trim_end_matches([' ', '{']).to_owned();
        } else if let Some(tags) = quoted("tags = \"") {
            for number in tags.split(", ") {
                fields.insert((
                    message.clone(),
                    number.parse().unwrap(),
                    String::new(),
                    false,
                ));
            }
        } else if let Some(number) = quoted("tag = \"") {
            tag = Some(number.parse::<u32>().unwrap());
            list = line.contains("repeated");
        } else if let (Some(name), Some(number)) = (line.strip_prefix("pub "), tag) {
            let name = name.split(':').next().unwrap().trim_start_matches("r#");
            fields.insert((message.clone(), number, name.to_owned(), list));
            tag = None;
        } else if line.ends_with("),") {
            // A variant of a choice, whose number stands with the struct.
            tag = None;
        }
    }
    fields
}

#[test]
fn the_generated_types_are_current() {
    let ours = generated();
    assert!(ours.len() > 100, "{}", ours.len());
    let choices: BTreeSet<(String, u32)> = ours
        .iter()
        .filter(|(_, _, name, _)| name.is_empty())
        .map(|(message, number, ..)| (message.clone(), *number))
        .collect();
    let theirs: BTreeSet<Field> = described()
        .into_iter()
        // The type of ONNX's extension for classical machine learning, which no graph of tensors has.
        .filter(|(message, _, name, _)| message != "Opaque" && name != "opaque_type")
        .map(
            |(message, number, name, list)| match choices.contains(&(message.clone(), number)) {
                true => (message, number, String::new(), list),
                false => (message, number, name, list),
            },
        )
        .collect();
    let missing: Vec<&Field> = theirs.difference(&ours).collect();
    let foreign: Vec<&Field> = ours.difference(&theirs).collect();
    assert!(
        missing.is_empty() && foreign.is_empty(),
        "missing {missing:?}; not ONNX's {foreign:?}: shared/onnx/generate makes them anew"
    );
}
