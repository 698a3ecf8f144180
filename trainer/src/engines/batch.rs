//! Another batch for a model, held to the answers that its file gives.

use anyhow::{Context, Result, ensure};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};
use pellucid_shared::engine::{Engine, Outputs, TractEngine};
use pellucid_shared::onnx::{Batch, Dim, Model, declared_shape, set_batch};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far an answer may be off, of the largest, when its image is one of several: rounding alone.
const SAME: f32 = 1e-3;
/// Models with more bytes are not tried: two engines would hold them several times.
const LARGEST: usize = 1 << 29;

/// The model with another batch, and why its answers were not compared with the file's, where they were not.
///
/// Where an exporter wrote sizes down, `Reshape` can be read in two ways, and the graph alone does not say which is meant. Two batches of chance
/// therefore go through the file one by one and through the opened graph at once, in tract.
///
/// # Errors
/// Where a node holds to the batch of the export, which is named, or an image's answer would be another.
pub fn with_batch(model: Model, batch: Batch) -> Result<(Model, Option<String>)> {
    if model.encoded_len() > LARGEST {
        let why = format!("it takes more than {} MiB", LARGEST >> 20);
        return Ok((set_batch(model, batch)?, Some(why)));
    }
    let changed = set_batch(model.clone(), batch)?;
    // Whatever size is wanted, it is read in the same way.
    let opened = match batch {
        Batch::Open => changed.clone(),
        Batch::Fixed(_) => match set_batch(model.clone(), Batch::Open) {
            Ok(opened) => opened,
            Err(error) => return Ok((changed, Some(error.to_string()))),
        },
    };
    let untried = compare(&model, &opened)?;
    Ok((changed, untried))
}

/// Compares; or says why that is not possible.
fn compare(file: &Model, opened: &Model) -> Result<Option<String>> {
    let inputs = file.inputs();
    let [input] = inputs[..] else {
        return Ok(Some("it has several inputs".to_owned()));
    };
    let shape: Option<Vec<usize>> = declared_shape(input)
        .and_then(|shape| shape.iter().map(Dim::known).collect())
        .filter(|shape: &Vec<usize>| !shape.is_empty());
    // An open batch is none to be held to.
    let Some(shape) = shape else {
        return Ok(None);
    };
    let batch = shape[0];
    let both = chance(&[&[2 * batch], &shape[1..]].concat());
    let answer = |model: &Model, images: ArrayViewD<'_, f32>| {
        TractEngine::new(model).and_then(|mut engine| engine.run(&[(&input.name, images)]))
    };
    for part in 0..2 {
        let own = Slice::from(part * batch..(part + 1) * batch);
        // What tract does not run of the file says nothing of the batch.
        let alone = match answer(file, both.slice_axis(Axis(0), own)) {
            Ok(alone) => alone,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let together = answer(opened, both.view())
            .context("with more images at a time than the file was made for it cannot be run")?;
        require_same(&alone, &together, own, batch)?;
    }
    Ok(None)
}

fn require_same(alone: &Outputs, together: &Outputs, own: Slice, batch: usize) -> Result<()> {
    for (name, alone) in alone {
        let Some(together) = together
            .get(name)
            .filter(|_| alone.shape().first() == Some(&batch))
        else {
            continue;
        };
        let rows = together.shape().first() == Some(&(2 * batch));
        let beside = together.slice_axis(Axis(0), if rows { own } else { Slice::from(..) });
        let largest = alone
            .iter()
            .fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let off = alone.iter().zip(&beside).map(|(a, b)| (a - b).abs());
        ensure!(
            alone.shape() == beside.shape() && off.fold(0.0, f32::max) <= SAME * largest,
            "it is made for {batch} images at a time, and with more its answers would be others: export it with a dynamic batch"
        );
    }
    Ok(())
}

/// Numbers between 0 and 1, the same each time.
fn chance(shape: &[usize]) -> ArrayD<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || random.random())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use pellucid_shared::onnx::GraphBuilder;

    /// Scores of `[batch, 4]` numbers; `mean` takes the batch's mean off first.
    fn scores(batch: usize, mean: bool) -> Model {
        let batch = Dim::Known(batch);
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
    fn a_batch_is_set_where_each_image_keeps_its_answer() {
        let eight = Batch::Fixed(8.try_into().unwrap());
        for (batch, first) in [
            (Batch::Open, Dim::Named("N".into())),
            (eight, Dim::Known(8)),
        ] {
            let (changed, untried) = with_batch(scores(2, false), batch).unwrap();
            assert_eq!(declared_shape(changed.inputs()[0]).unwrap()[0], first);
            assert_eq!(untried, None);
            // A mean over the batch can be given another, but then other images have their say.
            let mixed = with_batch(scores(2, true), batch).unwrap_err();
            assert!(
                mixed.to_string().contains("answers would be others"),
                "{mixed}"
            );
        }
    }

    /// Rows of images, which the second `Reshape` takes for tokens before the batch: every image would be made of all of them.
    #[test]
    fn a_reshape_that_is_read_otherwise_than_meant_is_refused() {
        let mut graph = GraphBuilder::new("rows");
        let x = graph.input("x", &[1, 5, 4].map(Dim::Known));
        let (flat, apart) = (graph.ints("flat", &[5, 4]), graph.ints("apart", &[5, 1, 4]));
        let rows = graph.node("Reshape", "rows", &[&x, &flat], []);
        let apart = graph.node("Reshape", "tokens", &[&rows, &apart], []);
        let order = [("perm", [1, 0, 2].into())];
        let y = graph.node("Transpose", "y", &[&apart], order);
        graph.output(&y, Some(&[1, 5, 4].map(Dim::Known)));
        let model = graph.finish().unwrap();
        assert!(
            set_batch(model.clone(), Batch::Open).is_ok(),
            "the graph alone does not tell"
        );
        let error = with_batch(model, Batch::Open).unwrap_err();
        assert!(
            error.to_string().contains("answers would be others"),
            "{error}"
        );
    }
}
