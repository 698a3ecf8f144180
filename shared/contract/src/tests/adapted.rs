//! The graph in one form, and with what is done to pixels inside.

use super::*;

#[test]
fn a_grey_network_is_explained_by_its_one_channel() {
    let mut graph = GraphBuilder::new("grey");
    graph.input("image", &[1, 1, 4, 4].map(Dim::Known));
    let flat = graph.node("Flatten", "flat", &["image"], []);
    let weights =
        ndarray::Array2::from_shape_fn((16, 2), |(i, k)| (i as f32 - 3.0) * (k as f32 + 0.5));
    let w = graph.floats("w", &weights.clone().into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let (contract, mut explainer) = explainer(graph.finish().unwrap(), &Wishes::default());
    assert_eq!(contract.input.channels, Some(Channels::Grey));
    let image = Array4::from_elem((1, 1, 4, 4), 0.5);
    let grad = explainer.gradient(image.view(), 1).unwrap().grad;
    close(
        &grad.into_iter().collect::<Vec<_>>(),
        &weights.column(1).to_vec(),
    );
}

/// What `of_pixels` puts into the graph is what `Input` does to an image before it is fed.
#[test]
fn pixels_in_the_graph_and_before_it_give_the_same_scores() {
    let logits = |model: &Model, image: ndarray::ArrayViewD<'_, f32>| {
        let mut engine = TractEngine::new(model).unwrap();
        let output = model.outputs()[0].name.clone();
        let mut outputs = engine.run(&[("image", image)]).unwrap();
        take(&mut outputs, &output)
            .unwrap()
            .into_iter()
            .collect::<Vec<f32>>()
    };
    let pixels = picture();
    for (takes, range) in [
        (Takes::Nchw, Range::Bytes),
        (Takes::Nhwc, Range::Signed),
        (Takes::Nhwc, Range::Unit),
    ] {
        for weights in [three(), vec![[1.0, -2.0, 0.5]]] {
            let wishes = Wishes {
                range: Some(range),
                normalization: Some(([0.5, 0.25, 0.1], [0.5, 2.0, 0.7])),
                ..Wishes::default()
            };
            let model = network(takes, &weights, append("Identity", vec![]));
            let contract = Contract::resolve(&model, &wishes).unwrap();
            let fed = contract
                .input
                .normalise(pixels.index_axis(ndarray::Axis(0), 0).to_owned());
            let (adapted, signature) = contract.adapt(model.clone()).unwrap();
            let outside = logits(
                &adapted,
                fed.insert_axis(ndarray::Axis(0)).view().into_dyn(),
            );
            let (inside, of_pixels) = contract.of_pixels(model).unwrap();
            let inside = logits(&inside, pixels.view().into_dyn());
            assert_eq!(
                (signature.classes, of_pixels.scores),
                (inside.len(), Scores::Softmax)
            );
            let wanted = contract.scores().probabilities(&outside).unwrap();
            close(&pellucid_cards::softmax(&inside), &wanted);
        }
    }
}

#[test]
fn a_grey_network_of_pixels_takes_colours() {
    let mut graph = GraphBuilder::new("grey");
    graph.input("image", &[1, 1, 4, 4].map(Dim::Known));
    let flat = graph.node("Flatten", "flat", &["image"], []);
    let w = graph.floats("w", &ndarray::Array2::from_elem((16, 2), 1.0).into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let model = graph.finish().unwrap();
    let wishes = Wishes {
        normalization: Some(([0.5; 3], [0.25; 3])),
        ..Wishes::default()
    };
    let contract = Contract::resolve(&model, &wishes).unwrap();
    let (model, signature) = contract.of_pixels(model).unwrap();
    assert_eq!(signature.shape[1], Dim::Known(3));
    let image = Array4::from_shape_fn((1, 3, 4, 4), |(_, c, _, _)| [0.2, 0.4, 0.6][c]);
    let mut engine = TractEngine::new(&model).unwrap();
    let mut outputs = engine.run(&[("image", image.view().into_dyn())]).unwrap();
    let luma = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6;
    let found: Vec<f32> = take(&mut outputs, "logits").unwrap().into_iter().collect();
    let wanted = 16.0 * (luma - 0.5) / 0.25;
    assert!((found[0] - wanted).abs() < 1e-4, "{found:?} for {wanted}");
    assert_eq!(arr2(&[[found[0]]]).len(), 1);
}

#[test]
fn bytes_become_floating_point_where_they_are_cast_anyway() {
    let mut graph = GraphBuilder::new("bytes");
    graph.input("image", &[1, 4, 4, 3].map(Dim::Known));
    let cast = graph.node("Cast", "cast", &["image"], [("to", 1.into())]);
    let flat = graph.node("Flatten", "flat", &[&cast], []);
    let w = graph.floats("w", &ndarray::Array2::from_elem((48, 2), 0.01).into_dyn());
    let logits = graph.node("MatMul", "logits", &[&flat, &w], []);
    graph.output(&logits, None);
    let mut proto = graph.finish().unwrap().into_proto();
    let input = &mut proto.graph.as_mut().unwrap().input[0];
    if let Some(onnx_edit::pb::type_proto::Value::TensorType(tensor)) =
        input.r#type.as_mut().unwrap().value.as_mut()
    {
        tensor.elem_type = onnx_edit::pb::tensor_proto::DataType::Uint8 as i32;
    }
    let model = Model::from_proto(proto).unwrap();
    let (contract, mut explainer) = explainer(model, &Wishes::default());
    assert_eq!(contract.input.range, Some(Range::Bytes));
    let image = Array4::from_elem((1, 3, 4, 4), 100.0);
    let found = explainer.gradient(image.view(), 0).unwrap();
    close(&found.logits, &[48.0, 48.0]);
    assert!(found.grad.iter().all(|slope| (slope - 0.01).abs() < 1e-7));
}
