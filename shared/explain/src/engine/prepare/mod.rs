//! What is written otherwise before a graph is handed to tract, which then loads it. One rule a file; the result is the same.

mod activation;
mod batch_normalization;
mod col2im;
mod constants;
mod names;
mod padding;
mod refused;
mod slicing;
#[cfg(test)]
mod tests;

pub(super) use names::told;
use onnx_edit::{GraphBuilder, Model, OnnxError, Shapes, infer_shapes, single_precision};

/// The model as tract is given it.
///
/// # Errors
/// Where it has an operator that tract would answer wrongly.
pub(super) fn prepared(model: Model) -> Result<Model, OnnxError> {
    let model = single_precision(model)?;
    let graph = model.graph();
    let concerned = refused::concerns(graph)
        || padding::concerns(graph)
        || slicing::concerns(graph)
        || batch_normalization::concerns(graph)
        || col2im::concerns(graph);
    let shapes = match concerned {
        true => infer_shapes(&model).unwrap_or_default(),
        false => Shapes::default(),
    };
    refused::check(graph, &shapes)?;
    let opset = model.opset();
    let mut builder = GraphBuilder::edit(model);
    constants::spell_out(builder.graph_mut());
    if activation::concerns(builder.graph()) {
        activation::write_out(&mut builder);
    }
    if concerned {
        batch_normalization::write_out(&mut builder, &shapes, opset);
        col2im::write_out(&mut builder, &shapes)?;
        slicing::pick(&mut builder, &shapes);
        padding::cut_before(&mut builder, &shapes);
    }
    names::number(builder.graph_mut());
    builder.finish()
}
