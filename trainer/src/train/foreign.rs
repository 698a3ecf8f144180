//! Graphs that nobody here has exported: their batch, and what of them a training changes.

use anyhow::{Context, Result, ensure};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};
use pellucid_shared::engine::{Engine, TractEngine, take};
use pellucid_shared::onnx::{Batch, Dim, Model, declared_shape, set_batch};
use pellucid_shared::said;

use crate::torch::survey;

/// How far an answer may be off, of the largest, when its image is one of several: rounding alone.
const SAME: f32 = 1e-3;

/// The model for any number of images at a time, if every image still gets the answer that it gets in the file.
///
/// # Errors
/// Where a node holds to the batch that the file was exported with; the error names it.
pub(super) fn open_batch(model: Model) -> Result<Model> {
    let shape = declared_shape(model.input(None)?).unwrap_or_default();
    let Some(Some(batch)) = shape.first().map(Dim::known) else {
        return Ok(model);
    };
    let opened = set_batch(model.clone(), Batch::Open)
        .context("it is made for one number of images at a time")?;
    // Where the image's size is open there is nothing to try with.
    if let Some(image) = shape[1..]
        .iter()
        .map(Dim::known)
        .collect::<Option<Vec<_>>>()
    {
        require_same_answers(&model, &opened, batch, &image)?;
    }
    Ok(opened)
}

/// Tries two batches of images of a made-up pattern, each in the file and both at once in the opened graph.
fn require_same_answers(file: &Model, opened: &Model, batch: usize, image: &[usize]) -> Result<()> {
    let (input, output) = (&file.input(None)?.name, &file.output(None)?.name);
    let images = |batches: usize| {
        let shape = [&[batch * batches], image].concat();
        let mut state = 1_u32;
        ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0
        })
    };
    let both = images(2);
    let answers = |model: &Model, images: ArrayViewD<'_, f32>| -> Result<ArrayD<f32>> {
        let mut outputs = TractEngine::new(model)?.run(&[(input, images)])?;
        Ok(take(&mut outputs, output)?)
    };
    let together = answers(opened, both.view())?;
    for (part, begin) in [0, batch].into_iter().enumerate() {
        let own = Slice::from(begin..begin + batch);
        let alone = answers(file, both.slice_axis(Axis(0), own))?;
        let beside = together.slice_axis(Axis(0), own);
        let largest = alone
            .iter()
            .fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let off = alone.iter().zip(beside.iter()).map(|(a, b)| (a - b).abs());
        ensure!(
            alone.shape() == beside.shape() && off.fold(0.0, f32::max) <= SAME * largest,
            "it is made for {batch} images at a time, and with more its answers would be others (batch {})",
            part + 1
        );
    }
    Ok(())
}

/// What a foreign graph's training changes, and what it leaves as it is.
pub(super) fn what_is_learnt(model: &Model) -> Vec<String> {
    let survey = survey(model);
    let mut told = vec![format!(
        "learnt: {} numbers in {} tensors",
        survey.learnt, survey.tensors
    )];
    if !survey.fixed.is_empty() {
        let names = said::names(survey.fixed.iter().map(|name| &name[..]));
        told.push(format!("not learnt: {names}"));
    }
    let normalized = |op: &str| op.ends_with("Normalization");
    let nodes = &model.graph().node;
    let convolutions = nodes.iter().filter(|node| node.op_type == "Conv").count();
    if convolutions > 0 && !nodes.iter().any(|node| normalized(&node.op_type)) {
        told.push(format!(
            "no normalization beside {convolutions} convolutions: if the network had batch normalizations, its exporter has folded them away, and their statistics do not adapt"
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use pellucid_shared::onnx::GraphBuilder;

    /// Scores of `[batch, 4]` numbers; `mean` takes the batch's mean off first.
    fn scores(batch: Dim, mean: bool) -> Model {
        let mut graph = GraphBuilder::new("scores");
        let mut x = graph.input("x", &[batch.clone(), Dim::Known(4)]);
        if mean {
            let axes = [("axes", [0].into())];
            let middle = graph.node("ReduceMean", "middle", &[&x], axes);
            x = graph.node("Sub", "rest", &[&x, &middle], []);
        }
        let weights = Array2::from_shape_fn((4, 3), |(row, column)| (row * column) as f32 - 1.0);
        let weights = graph.floats("weights", &weights.into_dyn());
        let y = graph.node("MatMul", "y", &[&x, &weights], []);
        graph.output(&y, Some(&[batch, Dim::Known(3)]));
        graph.finish().unwrap()
    }

    #[test]
    fn a_batch_is_opened_where_each_image_keeps_its_answer() {
        let opened = open_batch(scores(Dim::Known(2), false)).unwrap();
        let shape = declared_shape(opened.inputs()[0]).unwrap();
        assert_eq!(shape[0], Dim::Named("N".into()));
        // A mean over the batch can be opened, but then other images have their say.
        let mixed = open_batch(scores(Dim::Known(2), true)).unwrap_err();
        assert!(
            mixed.to_string().contains("answers would be others"),
            "{mixed}"
        );
    }

    #[test]
    fn what_is_not_learnt_is_named() {
        let told = what_is_learnt(&scores(Dim::Known(1), false));
        assert_eq!(told, ["learnt: 12 numbers in 1 tensors"]);
    }
}
