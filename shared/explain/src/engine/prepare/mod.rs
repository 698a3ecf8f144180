//! What is written otherwise before a graph is handed to tract, which then loads it. One rule a file; the result is the same.

mod batch_normalization;
mod col2im;
mod constants;
mod names;
mod padding;
mod slicing;
#[cfg(test)]
mod tests;

pub(super) use names::told;
use onnx_edit::{GraphBuilder, Model, OnnxError, Shapes, infer_shapes, single_precision};

/// The model as tract is given it.
pub(super) fn prepared(model: Model) -> Result<Model, OnnxError> {
    let model = single_precision(model)?;
    let graph = model.graph();
    let concerned = padding::concerns(graph)
        || slicing::concerns(graph)
        || batch_normalization::concerns(graph)
        || col2im::concerns(graph);
    let shapes = match concerned {
        true => infer_shapes(&model).unwrap_or_default(),
        false => Shapes::default(),
    };
    let opset = model.opset();
    let mut builder = GraphBuilder::edit(model);
    constants::spell_out(builder.graph_mut());
    if concerned {
        batch_normalization::write_out(&mut builder, &shapes, opset);
        col2im::write_out(&mut builder, &shapes)?;
        slicing::pick(&mut builder, &shapes);
        padding::cut_before(&mut builder, &shapes);
    }
    names::number(builder.graph_mut());
    builder.finish()
}
