//! Parts of a model's graph: the forward half, and values inside it.

use crate::onnx::{GraphBuilder, Model, OnnxError, remove_unread};

/// The part of a model that computes `outputs`, values of whatever node: without a gradient that was appended, and without
/// heads that nobody asked for.
pub(crate) fn part(model: &Model, outputs: &[&str]) -> Result<Model, OnnxError> {
    let mut builder = GraphBuilder::edit(model.clone());
    let graph = builder.graph_mut();
    let wanted = outputs.iter().map(|&name| name.to_owned());
    let wanted = remove_unread(graph, wanted, |_| true);
    graph
        .initializer
        .retain(|tensor| wanted.contains(&tensor.name));
    graph.input.retain(|input| wanted.contains(&input.name));
    graph
        .output
        .retain(|output| outputs.contains(&&output.name[..]));
    for name in outputs {
        if builder
            .graph()
            .output
            .iter()
            .all(|output| output.name != *name)
        {
            builder.output(name, None);
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::{Options, differentiate};
    use crate::zoo::{Architecture, Blueprint, build};

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
}
