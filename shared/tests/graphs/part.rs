//! Parts of whole networks.

use pellucid_shared::autodiff::{Options, differentiate};
use pellucid_shared::onnx::{Model, part};
use pellucid_shared::zoo::{Architecture, Blueprint, build};

#[test]
fn the_forward_half_of_a_differentiated_file_is_the_plain_model() {
    let plain = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap();
    let differentiated = differentiate(plain.clone(), &Options::default()).unwrap();
    let part = part(&differentiated, &["logits"]).unwrap();
    let operators = |model: &Model| -> Vec<String> {
        model
            .graph()
            .node
            .iter()
            .map(|n| n.op_type.clone())
            .collect()
    };
    assert_eq!(operators(&part), operators(&plain));
    assert_eq!(part.inputs(), plain.inputs());
    assert_eq!(part.outputs(), plain.outputs());
    assert_eq!(part.graph().initializer, plain.graph().initializer);
}

#[test]
fn a_value_inside_becomes_an_output_beside_the_logits() {
    let plain = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 7)).unwrap();
    let both = part(&plain, &["logits", "relu"]).unwrap();
    let names: Vec<_> = both.outputs().iter().map(|o| &o.name[..]).collect();
    assert_eq!(names, ["logits", "relu"]);
    assert!(part(&plain, &["no such value"]).is_err());
}
