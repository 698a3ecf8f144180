use ndarray::{ArrayD, IxDyn};

use super::*;
use crate::{AttributeValue, GraphBuilder, Shape, float_tensor, float_value};

fn fixed(size: usize) -> Batch {
    Batch::Fixed(NonZeroUsize::new(size).unwrap())
}

fn zeros(shape: &[usize]) -> ArrayD<f32> {
    ArrayD::zeros(IxDyn(shape))
}

/// A graph over the input `x`, whose output is what `build` returns.
fn graph(shape: &[usize], build: impl FnOnce(&mut GraphBuilder) -> String) -> Model {
    let mut graph = GraphBuilder::new("exported");
    let known: Vec<Dim> = shape.iter().map(|&d| Dim::Known(d)).collect();
    graph.input("x", &known);
    let y = build(&mut graph);
    graph.output(&y, Some(&[Dim::Known(shape[0]), Dim::Known(5)]));
    graph.finish().unwrap()
}

/// Flattened by a constant target, as exporters write it, and classified.
fn classifier(batch: usize) -> Model {
    graph(&[batch, 4, 2, 2], |g| {
        let target = g.ints("target", &[batch as i64, 16]);
        let flat = g.node("Reshape", "flat", &["x", &target], []);
        let weight = g.floats("weight", &zeros(&[5, 16]));
        g.node("Gemm", "y", &[&flat, &weight], [("transB", 1.into())])
    })
}

fn shapes(model: &Model) -> (Shape, Shape) {
    let declared = |value| declared_shape(value).unwrap();
    (declared(model.inputs()[0]), declared(&model.outputs()[0]))
}

#[test]
fn the_batch_of_inputs_and_outputs_is_set_and_the_target_follows() {
    let n = || Dim::Named("N".into());
    let [four, two, five] = [4, 2, 5].map(Dim::Known);
    for (model, batch, dim) in [
        (classifier(1), Batch::Open, n()),
        (classifier(1), fixed(8), Dim::Known(8)),
        (classifier(6), Batch::Open, n()),
        (classifier(6), fixed(1), Dim::Known(1)),
    ] {
        let set = set_batch(model, batch).unwrap();
        let expected = (
            vec![dim.clone(), four.clone(), two.clone(), two.clone()],
            vec![dim, five.clone()],
        );
        assert_eq!(shapes(&set), expected);
        assert!(
            set.initializer("target").is_none(),
            "the old target is left over"
        );
        assert_eq!(set.proto().graph.as_ref().unwrap().initializer.len(), 2);
        // An open batch can be fixed, and the other way round.
        let again = set_batch(set_batch(set, fixed(3)).unwrap(), Batch::Open).unwrap();
        assert_eq!(shapes(&again).1, [n(), five.clone()]);
    }
    let same = classifier(6);
    assert_eq!(set_batch(same.clone(), fixed(6)).unwrap(), same);
}

#[test]
fn a_target_that_another_node_needs_stays_for_it() {
    let model = graph(&[1, 4, 2, 2], |g| {
        let target = g.ints("target", &[1, 16]);
        let flat = g.node("Reshape", "flat", &["x", &target], []);
        let shift = g.floats("shift", &zeros(&[16]));
        let row = g.node("Reshape", "row", &[&shift, &target], []);
        let moved = g.node("Add", "moved", &[&flat, &row], []);
        let weight = g.floats("weight", &zeros(&[16, 5]));
        g.node("MatMul", "y", &[&moved, &weight], [])
    });
    let set = set_batch(model, Batch::Open).unwrap();
    let node = |name: &str| set.graph().node.iter().find(|n| n.name == name).unwrap();
    assert_eq!(node("row").input, ["shift", "target"]);
    assert_eq!(node("flat").input, ["x", "flat/shape"]);
    assert!(set.initializer("target").is_some());
}

#[test]
fn what_the_file_says_of_inner_values_is_forgotten() {
    let mut proto = classifier(1).into_proto();
    let stale = float_value("flat", Some(&[1, 16].map(Dim::Known)));
    proto.graph.as_mut().unwrap().value_info.push(stale);
    let set = set_batch(Model::from_proto(proto).unwrap(), Batch::Open).unwrap();
    assert!(set.graph().value_info.is_empty());
}

#[test]
fn a_node_that_holds_to_the_old_batch_is_named() {
    let classify = |g: &mut GraphBuilder, x: &str, width: usize| {
        let weight = g.floats("weight", &zeros(&[width, 5]));
        g.node("MatMul", "y", &[x, &weight], [])
    };
    // The class token of a vision transformer, repeated for the batch of the export.
    let token = || {
        graph(&[2, 6, 4], |g| {
            let token = g.floats("token", &zeros(&[2, 1, 4]));
            let tokens = g.node("Concat", "tokens", &[&token, "x"], [("axis", 1.into())]);
            let first = g.ints("first", &[0]);
            let class = g.node("Gather", "class", &[&tokens, &first], [("axis", 1.into())]);
            let class = g.node("Flatten", "flat", &[&class], []);
            classify(g, &class, 4)
        })
    };
    let added = || {
        graph(&[4, 16], |g| {
            let shift = g.floats("shift", &zeros(&[4, 16]));
            let moved = g.node("Add", "moved", &["x", &shift], []);
            classify(g, &moved, 16)
        })
    };
    let mean = graph(&[1, 16], |g| {
        let axes = [("axes", AttributeValue::from([0]))];
        let mean = g.node("ReduceMean", "mean", &["x"], axes);
        classify(g, &mean, 16)
    });
    let unknown = graph(&[1, 16], |g| {
        let other = g.node("NobodyKnowsThis", "beside", &[], []);
        let x = g.node("NobodyKnowsThis", "odd", &["x", &other], []);
        let x = g.node("Relu", "relu", &[&x], []);
        classify(g, &x, 16)
    });
    for (model, batch, name, why) in [
        (token(), Batch::Open, "tokens", "`x` is [N, 6, 4]"),
        (token(), fixed(8), "tokens", "do not fit together"),
        (added(), Batch::Open, "moved", "`moved` still [4, 16]"),
        (added(), fixed(8), "moved", "do not fit together"),
        (mean, Batch::Open, "mean", "`mean` still [1, 16]"),
        (unknown, Batch::Open, "odd", "cannot be inferred"),
    ] {
        let error = set_batch(model, batch).unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(&error, OnnxError::FixedBatch { node, .. } if node == name),
            "{text}"
        );
        assert!(
            text.contains(why) && text.contains("dynamic batch"),
            "{text}"
        );
    }
}

#[test]
fn inputs_that_name_no_batch_are_refused() {
    let with = |second: ValueInfoProto| {
        let mut proto = classifier(1).into_proto();
        proto.graph.as_mut().unwrap().input.push(second);
        set_batch(Model::from_proto(proto).unwrap(), Batch::Open)
    };
    let error = with(float_value("other", Some(&[Dim::Known(3)]))).unwrap_err();
    assert!(
        error.to_string().contains("`x` is 1, of `other` 3"),
        "{error}"
    );
    let error = with(float_value("other", None)).unwrap_err();
    assert!(
        error.to_string().contains("shape of its input `other`"),
        "{error}"
    );
    // A number, and a weight that is declared as an input, have no batch.
    assert!(with(float_value("other", Some(&[]))).is_ok());
    let mut proto = classifier(1).into_proto();
    let graph = proto.graph.as_mut().unwrap();
    graph
        .input
        .push(float_value("weight", Some(&[5, 16].map(Dim::Known))));
    graph.initializer.push(float_tensor("unread", &zeros(&[3])));
    assert!(set_batch(Model::from_proto(proto).unwrap(), Batch::Open).is_ok());
}

/// A class token of a batch of one, as exporters write it down: with any batch every image gets it.
#[test]
fn what_is_put_beside_one_image_is_put_beside_each() {
    let token = |batch: usize| {
        graph(&[batch, 3, 4], |g| {
            let token = g.floats("token", &ArrayD::from_elem(IxDyn(&[batch, 1, 4]), 0.5));
            let all = g.node("Concat", "all", &[&token, "x"], [("axis", 1.into())]);
            let weight = g.floats("weight", &zeros(&[4, 5]));
            let y = g.node("MatMul", "scores", &[&all, &weight], []);
            let axes = g.ints("axes", &[1]);
            g.node("ReduceSum", "y", &[&y, &axes], [("keepdims", 0.into())])
        })
    };
    let set = set_batch(token(1), Batch::Open).unwrap();
    let n = || Dim::Named("N".into());
    assert_eq!(shapes(&set).1, vec![n(), Dim::Known(5)]);
    let inner = crate::infer_shapes(&set).unwrap();
    assert_eq!(
        inner.get("all"),
        Some(&vec![n(), Dim::Known(4), Dim::Known(4)])
    );
    let fixed = set_batch(token(1), fixed(3)).unwrap();
    assert_eq!(shapes(&fixed).1, vec![Dim::Known(3), Dim::Known(5)]);
    // Tokens that differ between images are those images' alone.
    assert!(set_batch(token(2), Batch::Open).is_err());
}
