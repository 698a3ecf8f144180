use ndarray::{ArrayD, IxDyn, arr1};

use super::super::{Engine, TractEngine};
use super::*;
use onnx_edit::{AttributeValue, Dim};

fn run(model: &Model, x: &ArrayD<f32>) -> ArrayD<f32> {
    let mut engine = TractEngine::new(model).unwrap();
    engine.run(&[("x", x.view())]).unwrap().remove("y").unwrap()
}

#[test]
fn zeros_of_a_shape_are_in_single_precision() {
    let mut graph = GraphBuilder::new("zeros");
    graph.input("x", &[1, 3].map(Dim::Known));
    let shape = graph.ints("shape", &[1, 3]);
    let zeros = graph.node("ConstantOfShape", "zeros", &[&shape], []);
    graph.node("Add", "y", &["x", &zeros], []);
    graph.output("y", None);
    let x = ArrayD::from_elem(IxDyn(&[1, 3]), 2.5);
    assert_eq!(run(&graph.finish().unwrap(), &x), x);
}

/// tract makes `norm.scale` or the like of a node `norm`, whatever it calls its parts.
#[test]
fn a_weight_may_be_called_like_a_part_of_a_node() {
    for part in ["low", "low.cst", "axis", "scale", "bias", "cst", "zero"] {
        let mut graph = GraphBuilder::new("names");
        graph.input("x", &[1, 3].map(Dim::Known));
        let name = format!("relu.{part}");
        graph.floats(&name, &arr1(&[1.0, -5.0, 0.0]).into_dyn());
        graph.node("Relu", "relu", &["x"], []);
        graph.node("Add", "y", &["relu", &name], []);
        graph.output("y", None);
        let x = ArrayD::from_elem(IxDyn(&[1, 3]), 2.0);
        let y = run(&graph.finish().unwrap(), &x);
        assert_eq!(y.into_raw_vec_and_offset().0, [3.0, -3.0, 2.0]);
    }
}

#[test]
fn the_users_name_is_told_from_a_part_of_tracts() {
    assert_eq!(told("12 my relu .low"), "my relu");
    assert_eq!(told("12 relu "), "relu");
    assert_eq!(told("source"), "source");
}

/// By hand: each channel of `x` has mean 2 and variance 1.
#[test]
fn batch_normalization_by_its_own_statistics() {
    for opset in [17, 18] {
        let mut graph = GraphBuilder::new("norm");
        graph.input("x", &[2, 2].map(Dim::Known));
        let scale = graph.floats("scale", &arr1(&[2.0, 1.0]).into_dyn());
        let bias = graph.floats("bias", &arr1(&[0.0, 0.5]).into_dyn());
        let how: [(&str, AttributeValue); 2] =
            [("training_mode", 1.into()), ("epsilon", 0.0.into())];
        let inputs = ["x", &scale, &bias, &bias, &scale];
        graph.node("BatchNormalization", "y", &inputs, how);
        // Statistics that nobody reads, as exporters write them.
        let made = graph.graph_mut().node.last_mut().unwrap();
        made.output.extend(["mean".into(), "variance".into()]);
        graph.output("y", None);
        let mut proto = graph.finish().unwrap().into_proto();
        proto.opset_import[0].version = opset;
        let model = Model::from_proto(proto).unwrap();
        let x = ndarray::arr2(&[[1.0, 3.0], [3.0, 1.0]]).into_dyn();
        let y = run(&model, &x).into_raw_vec_and_offset().0;
        let expected = [-2.0, 1.5, 2.0, -0.5];
        assert!(
            y.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{y:?}"
        );
    }
}

#[test]
fn negative_pads_cut_off() {
    let mut graph = GraphBuilder::new("cut");
    graph.input("x", &[2, 3].map(Dim::Known));
    let pads = graph.ints("pads", &[-1, 2, 1, -2]);
    graph.node("Pad", "y", &["x", &pads], []);
    graph.output("y", None);
    let x = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
    let y = run(&graph.finish().unwrap(), &x);
    assert_eq!(y, ndarray::arr2(&[[0.0, 0.0, 4.0], [0.0; 3]]).into_dyn());
}

/// Every second row from the back and every third column: what NumPy's `x[::-2, 1:7:3]` takes.
#[test]
fn slices_by_steps_take_what_numpy_takes() {
    let mut graph = GraphBuilder::new("steps");
    graph.input("x", &[3, 8].map(Dim::Known));
    let ends = [i64::MIN + 1, 7];
    let given = [vec![-1, 1], ends.to_vec(), vec![0, 1], vec![-2, 3]];
    let given = given.map(|values| graph.ints("bounds", &values));
    let inputs = ["x", &given[0], &given[1], &given[2], &given[3]];
    graph.node("Slice", "y", &inputs, []);
    graph.output("y", None);
    let x = ndarray::Array2::from_shape_fn((3, 8), |(r, c)| (10 * r + c) as f32);
    let y = run(&graph.finish().unwrap(), &x.into_dyn());
    assert_eq!(y, ndarray::arr2(&[[21.0, 24.0], [1.0, 4.0]]).into_dyn());
}

/// By hand: `(x − 1) / √(3 + 1) · 2 + 5`, with a mean that the graph computes.
#[test]
fn batch_normalization_by_statistics_that_are_computed() {
    let mut graph = GraphBuilder::new("norm");
    graph.input("x", &[1, 1, 2].map(Dim::Known));
    let [two, three, five] = [2.0, 3.0, 5.0].map(|v| graph.floats("v", &arr1(&[v]).into_dyn()));
    let one = graph.node("Sub", "one", &[&three, &two], []);
    let how: [(&str, AttributeValue); 1] = [("epsilon", 1.0.into())];
    graph.node(
        "BatchNormalization",
        "y",
        &["x", &two, &five, &one, &three],
        how,
    );
    graph.output("y", None);
    let x = ArrayD::from_shape_vec(IxDyn(&[1, 1, 2]), vec![1.0, 3.0]).unwrap();
    let y = run(&graph.finish().unwrap(), &x);
    assert_eq!(y.into_raw_vec_and_offset().0, [5.0, 7.0]);
}

/// Blocks of 2 × 2 that overlap on an image of 2 × 4: by hand.
#[test]
fn blocks_are_laid_into_the_image_and_added_up() {
    let mut graph = GraphBuilder::new("col2im");
    graph.input("x", &[1, 4, 3].map(Dim::Known));
    let (image, block) = (graph.ints("image", &[2, 4]), graph.ints("block", &[2, 2]));
    graph.node("Col2Im", "y", &["x", &image, &block], []);
    graph.output("y", None);
    let mut proto = graph.finish().unwrap().into_proto();
    proto.opset_import[0].version = 18;
    let model = Model::from_proto(proto).unwrap();
    // Rows are elements of a block, columns the three blocks from left to right.
    let x = ndarray::arr3(&[[
        [1.0, 2.0, 3.0],
        [10.0, 20.0, 30.0],
        [0.5, 0.25, 0.0],
        [100.0, 200.0, 300.0],
    ]]);
    let y = run(&model, &x.into_dyn());
    assert_eq!(y.shape(), [1, 1, 2, 4]);
    let expected = [1.0, 12.0, 23.0, 30.0, 0.5, 100.25, 200.0, 300.0];
    assert_eq!(y.into_raw_vec_and_offset().0, expected);
}

/// By hand: strides of 3 leave the fourth column out, pads cut the first row off.
#[test]
fn blocks_apart_leave_zeros_between_and_behind() {
    let mut graph = GraphBuilder::new("col2im");
    graph.input("x", &[1, 4, 2].map(Dim::Known));
    let (image, block) = (graph.ints("image", &[1, 6]), graph.ints("block", &[2, 2]));
    let how: [(&str, AttributeValue); 2] = [
        ("strides", vec![1, 3].into()),
        ("pads", vec![1, 0, 0, 0].into()),
    ];
    graph.node("Col2Im", "y", &["x", &image, &block], how);
    graph.output("y", None);
    let mut proto = graph.finish().unwrap().into_proto();
    proto.opset_import[0].version = 18;
    let model = Model::from_proto(proto).unwrap();
    let x = ndarray::arr3(&[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]]);
    let y = run(&model, &x.into_dyn());
    assert_eq!(
        y.into_raw_vec_and_offset().0,
        [5.0, 7.0, 0.0, 6.0, 8.0, 0.0]
    );
}

/// ONNX's formulas, not tract's: `Celu` with its factor on the negative half, `Softplus` that does not overflow, `Selu` with all its digits.
#[test]
fn activations_are_those_of_the_specification() {
    let values = |op: &str, alpha: Option<f32>, points: &[f32]| -> Vec<f32> {
        let mut graph = GraphBuilder::new(op);
        let x = graph.input("x", &[Dim::Known(points.len())]);
        let attributes = alpha.map(|alpha| ("alpha", alpha.into()));
        let y = graph.node(op, "y", &[&x], attributes);
        graph.output(&y, None);
        let mut engine = TractEngine::new(&graph.finish().unwrap()).unwrap();
        let point = ndarray::arr1(points).into_dyn();
        let mut outputs = engine.run(&[("x", point.view())]).unwrap();
        outputs.remove("y").unwrap().iter().copied().collect()
    };
    let close =
        |found: f32, exact: f64| (f64::from(found) - exact).abs() < 4e-7 * exact.abs().max(0.1);
    let points = [-2.0_f32, -0.7, 0.4, 100.0];
    for (found, x) in values("Celu", Some(0.6), &points).into_iter().zip(points) {
        let x = f64::from(x);
        let exact = if x > 0.0 {
            x
        } else {
            0.6 * ((x / 0.6).exp() - 1.0)
        };
        assert!(close(found, exact), "{found} {exact}");
    }
    for (found, x) in values("Softplus", None, &points).into_iter().zip(points) {
        let x = f64::from(x);
        assert!(
            close(found, x.max(0.0) + (-x.abs()).exp().ln_1p()),
            "{found} {x}"
        );
    }
    for (found, x) in values("Selu", None, &points).into_iter().zip(points) {
        let x = f64::from(x);
        let (alpha, gamma) = (1.673_263_192_177_25, 1.050_701_022_148_13);
        let exact = gamma * if x > 0.0 { x } else { alpha * (x.exp() - 1.0) };
        assert!(close(found, exact), "{found} {exact}");
    }
}

#[test]
fn what_tract_answers_wrongly_is_refused_by_name() {
    let mut graph = GraphBuilder::new("pool");
    let x = graph.input("x", &[1, 2, 3, 3].map(Dim::Known));
    let y = graph.node("GlobalLpPool", "pooled", &[&x], []);
    graph.output(&y, None);
    let opened = TractEngine::new(&graph.finish().unwrap()).map(drop);
    let error = opened.unwrap_err();
    assert!(error.to_string().contains("another norm"), "{error}");
}
