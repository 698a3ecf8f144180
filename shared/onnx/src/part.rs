//! Parts of a graph: the forward half of a differentiated one, and values inside it.

use super::{GraphBuilder, Model, OnnxError, remove_unread};

/// The part of a model that computes `outputs`, values of whatever node: without a gradient that was appended, and without
/// heads that nobody asked for. A value that the graph computes inside becomes an output.
///
/// # Errors
/// Where no node computes one of `outputs`.
pub fn part(model: &Model, outputs: &[&str]) -> Result<Model, OnnxError> {
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
