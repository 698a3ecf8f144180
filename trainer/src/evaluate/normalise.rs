//! Takes a normalization that a card describes into the graph.

use anyhow::Result;
use ndarray::{ArrayD, IxDyn};
use pellucid_shared::card::Input;
use pellucid_shared::onnx::{GraphBuilder, Model};

/// The model as one of images in [0, 1]: where the card says that they are normalised before they are fed, nodes that do
/// so are put in front. A perturbation of the input is then one of pixels, whatever network it is.
///
/// # Errors
/// Where the model has more than one input.
pub fn normalising(model: &Model, input: &Input) -> Result<Model> {
    let (Some(mean), Some(std)) = (input.mean, input.std) else {
        return Ok(model.clone());
    };
    let image = model.input(None)?.name.clone();
    let mut graph = GraphBuilder::edit(model.clone());
    let constant =
        |values: [f32; 3]| ArrayD::from_shape_fn(IxDyn(&[1, 3, 1, 1]), |at| values[at[1]]);
    let mean = graph.floats("normalize.mean", &constant(mean));
    let std = graph.floats("normalize.std", &constant(std));
    let before = graph.graph().node.len();
    let centred = graph.node("Sub", "normalize.centred", &[&image, &mean], []);
    let normal = graph.node("Div", "normalize", &[&centred, &std], []);
    let nodes = &mut graph.graph_mut().node;
    for name in nodes[..before].iter_mut().flat_map(|node| &mut node.input) {
        if *name == image {
            name.clone_from(&normal);
        }
    }
    // What is read stands before its readers.
    nodes.rotate_right(2);
    Ok(graph.finish()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use ndarray::{Array3, Array4, Axis};
    use pellucid_shared::engine::{Engine, TractEngine};
    use pellucid_shared::image::Preprocessing;
    use pellucid_shared::zoo::{Architecture, Blueprint, build};

    use super::*;

    #[test]
    fn the_graph_does_what_the_card_says() {
        let model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 4)).unwrap();
        let input = Input {
            mean: Some([0.5, 0.25, 0.1]),
            std: Some([0.5, 2.0, 0.7]),
            ..Input::plain(Preprocessing::square(32))
        };
        let image = Array3::from_shape_fn((3, 32, 32), |(c, y, x)| {
            ((c * 31 + y * 7 + x * 3) % 17) as f32 / 17.0
        });
        let run = |model: &Model, image: Array3<f32>| {
            let batch: Array4<f32> = image.insert_axis(Axis(0));
            let mut engine = TractEngine::new(model).unwrap();
            let outputs = engine.run(&[("image", batch.view().into_dyn())]).unwrap();
            outputs["logits"].clone()
        };
        let outside = run(&model, input.normalise(image.clone()));
        let inside = run(&normalising(&model, &input).unwrap(), image.clone());
        for (outside, inside) in outside.iter().zip(&inside) {
            assert!((outside - inside).abs() < 1e-5, "{outside} {inside}");
        }
        let plain = Input::plain(Preprocessing::square(32));
        assert_eq!(normalising(&model, &plain).unwrap(), model);
    }
}
