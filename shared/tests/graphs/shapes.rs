use ndarray::{ArrayD, IxDyn};

use pellucid_shared::engine::{Engine, TractEngine};
use pellucid_shared::onnx::{
    AttributeValue, Dim, Entry, GraphBuilder, Model, OnnxError, Shape, float_tensor, infer_shapes,
};

fn batch(rest: &[usize]) -> Shape {
    let rest = rest.iter().map(|&d| Dim::Known(d));
    std::iter::once(Dim::Named("N".into()))
        .chain(rest)
        .collect()
}

/// Adds the part of a graph from `x` on, and returns the value to look at.
type Part = fn(&mut GraphBuilder) -> String;

fn model(input: &[Dim], part: Part) -> (Model, String) {
    let mut graph = GraphBuilder::new("test");
    graph.input("x", input);
    let output = part(&mut graph);
    graph.output(&output, None);
    (graph.finish().unwrap(), output)
}

fn inferred(input: &[Dim], part: Part) -> Shape {
    let (model, output) = model(input, part);
    infer_shapes(&model).unwrap().get(&output).unwrap().clone()
}

/// What PyTorch exports for `x.view(x.shape[0] * windows, ...)` and back: the batch stays a name.
fn windows(g: &mut GraphBuilder) -> String {
    let zero = g.ints("zero", &[0]);
    let shape = g.node("Shape", "shape", &["x"], []);
    let n = g.node("Gather", "n", &[&shape, &zero], [("axis", 0.into())]);
    let sixteen = g.ints("sixteen", &[16]);
    let many = g.node("Mul", "many", &[&n, &sixteen], []);
    let rest = g.ints("rest", &[4, 3]);
    let target = g.node("Concat", "target", &[&many, &rest], [("axis", 0.into())]);
    let windows = g.node("Reshape", "windows", &["x", &target], []);
    let back = g.node("Div", "back", &[&many, &sixteen], []);
    let open = g.ints("open", &[-1]);
    let flat = g.node(
        "Concat",
        "flat_shape",
        &[&back, &open],
        [("axis", 0.into())],
    );
    g.node("Reshape", "flat", &[&windows, &flat], [])
}

#[test]
fn a_dynamic_batch_keeps_its_name_through_computed_shapes() {
    let (model, output) = model(&batch(&[3, 8, 8]), windows);
    let shapes = infer_shapes(&model).unwrap();
    let windows = shapes.get("windows").unwrap();
    assert_eq!(windows[0].to_string(), "16*N");
    assert_eq!(windows[1..], [4, 3].map(Dim::Known));
    assert_eq!(shapes.get(&output), Some(&batch(&[192])));
    let entries = [Entry::Named("N".into()), Entry::Known(-1)];
    assert_eq!(shapes.entries("flat_shape").unwrap(), entries);
    assert_eq!(shapes.constant("flat_shape"), None);
}

/// An upsampling whose size is computed in floats, as older exporters write it.
fn upsample(g: &mut GraphBuilder) -> String {
    let shape = g.node("Shape", "shape", &["x"], []);
    let (two, four, zero) = (
        g.ints("two", &[2]),
        g.ints("four", &[4]),
        g.ints("zero", &[0]),
    );
    let spatial = g.node("Slice", "spatial", &[&shape, &two, &four, &zero], []);
    let float = g.node("Cast", "float", &[&spatial], [("to", 1.into())]);
    let scale = g.scalar("scale", 1.5);
    let scaled = g.node("Mul", "scaled", &[&float, &scale], []);
    let floor = g.node("Floor", "floor", &[&scaled], []);
    let sizes = g.node("Cast", "sizes", &[&floor], [("to", 7.into())]);
    let kept = g.node("Slice", "kept", &[&shape, &zero, &two, &zero], []);
    let all = g.node("Concat", "all", &[&kept, &sizes], [("axis", 0.into())]);
    g.node(
        "Resize",
        "resized",
        &["x", "", "", &all],
        [("mode", "nearest".into())],
    )
}

#[test]
fn sizes_computed_in_floats_are_followed() {
    assert_eq!(inferred(&batch(&[3, 7, 8]), upsample), batch(&[3, 10, 12]));
}

/// `expand` as PyTorch writes it: `-1` keeps a dimension.
fn expand(g: &mut GraphBuilder) -> String {
    let token = g.floats("token", &ArrayD::zeros(IxDyn(&[1, 1, 5])));
    let shape = g.node("Shape", "shape", &["x"], [("end", 1.into())]);
    let keep = g.ints("keep", &[-1, -1]);
    let wanted = g.node("Concat", "wanted", &[&shape, &keep], [("axis", 0.into())]);
    let ones = {
        let name = g.node("Shape", "length_shape", &[&wanted], []);
        let filled = g.node("ConstantOfShape", "filled", &[&name], []);
        g.node("Cast", "none", &[&filled], [("to", 7.into())])
    };
    let one = g.ints("one", &[1]);
    let ones = g.node("Add", "ones", &[&ones, &one], []);
    let minus = g.node("Neg", "minus", &[&ones], []);
    let is_open = g.node("Equal", "is_open", &[&wanted, &minus], []);
    let target = g.node("Where", "target", &[&is_open, &ones, &wanted], []);
    g.node("Expand", "tokens", &[&token, &target], [])
}

#[test]
fn where_chooses_among_computed_sizes() {
    assert_eq!(inferred(&batch(&[3]), expand), batch(&[1, 5]));
}

/// Two ways of halving an image of open size, as in a residual block.
fn halves(g: &mut GraphBuilder) -> String {
    let wide = g.floats("wide", &ArrayD::zeros(IxDyn(&[4, 3, 3, 3])));
    let narrow = g.floats("narrow", &ArrayD::zeros(IxDyn(&[4, 3, 1, 1])));
    let stride = || ("strides", AttributeValue::from([2, 2]));
    let main = g.node(
        "Conv",
        "main",
        &["x", &wide],
        [stride(), ("pads", [1, 1, 1, 1].into())],
    );
    let short = g.node("Conv", "short", &["x", &narrow], [stride()]);
    g.node("Add", "sum", &[&main, &short], [])
}

#[test]
fn equal_geometries_of_an_open_size_are_seen_to_fit() {
    let open = [
        Dim::Named("N".into()),
        Dim::Known(3),
        Dim::Named("H".into()),
        Dim::Unknown,
    ];
    let shape = inferred(&open, halves);
    assert_eq!(shape[2].to_string(), "((H-1)/2+1)");
    assert_eq!(shape[3].to_string(), "((x#3-1)/2+1)");
}

#[test]
fn hostile_numbers_cost_nothing() {
    let huge = |g: &mut GraphBuilder| {
        let size = g.ints("size", &[i64::MAX, i64::MAX]);
        let filled = g.node("ConstantOfShape", "filled", &[&size], []);
        let zero = g.ints("none", &[0]);
        let limit = g.ints("limit", &[i64::MAX]);
        g.node("Range", "range", &[&zero, &limit, &limit], []);
        g.node("Expand", "wide", &[&filled, &size], [])
    };
    let limit = Dim::Known(i64::MAX as usize);
    assert_eq!(inferred(&batch(&[3]), huge), [limit.clone(), limit]);
    let pooled: Part = |g| {
        let attributes = [
            ("kernel_shape", [i64::MAX].into()),
            ("dilations", [i64::MAX].into()),
        ];
        g.node("MaxPool", "pooled", &["x"], attributes)
    };
    let (model, _) = model(&batch(&[3, 8]), pooled);
    assert!(matches!(infer_shapes(&model), Err(OnnxError::Node { .. })));
}

#[test]
fn contradictions_name_the_node() {
    let parts: [Part; 3] = [
        |g| {
            let to = g.ints("to", &[7]);
            g.node("Reshape", "bad", &["x", &to], [])
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[4, 5, 1, 1])));
            g.node("Conv", "bad", &["x", &w], [])
        },
        |g| g.node("Transpose", "bad", &["x"], [("perm", [0, 0, 1, 2].into())]),
    ];
    for (index, part) in parts.into_iter().enumerate() {
        let (model, _) = model(&[2, 3, 8, 8].map(Dim::Known), part);
        let error = infer_shapes(&model).unwrap_err();
        assert!(error.to_string().contains("node `bad`"), "{index}: {error}");
    }
}

/// A node of another domain that happens to be called like a standard operator is none.
#[test]
fn other_domains_have_operators_of_their_own() {
    let mut graph = GraphBuilder::new("test");
    graph.input("x", &batch(&[3]));
    let y = graph.node("Relu", "y", &["x"], []);
    graph.graph_mut().node[0].domain = "elsewhere".into();
    graph.output(&y, None);
    assert_eq!(
        infer_shapes(&graph.finish().unwrap()).unwrap().get(&y),
        None
    );
}

/// Whatever is inferred as a number is what tract gives when it runs the node.
#[test]
fn inferred_shapes_are_those_of_a_run() {
    let parts: [Part; 22] = [
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[4, 1, 3, 2])));
            g.node(
                "Conv",
                "y",
                &["x", &w],
                [
                    ("group", 4.into()),
                    ("strides", [2, 1].into()),
                    ("pads", [1, 0, 2, 1].into()),
                    ("dilations", [1, 2].into()),
                ],
            )
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[4, 4, 3, 2])));
            g.node(
                "Conv",
                "y",
                &["x", &w],
                [
                    ("auto_pad", "SAME_UPPER".into()),
                    ("strides", [2, 3].into()),
                ],
            )
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[4, 5, 3, 2])));
            g.node(
                "ConvTranspose",
                "y",
                &["x", &w],
                [
                    ("strides", [2, 3].into()),
                    ("pads", [1, 0, 1, 0].into()),
                    ("output_padding", [1, 0].into()),
                ],
            )
        },
        |g| {
            g.node(
                "MaxPool",
                "y",
                &["x"],
                [
                    ("kernel_shape", [3, 3].into()),
                    ("strides", [2, 2].into()),
                    ("ceil_mode", 1.into()),
                ],
            )
        },
        |g| {
            g.node(
                "AveragePool",
                "y",
                &["x"],
                [
                    ("kernel_shape", [2, 3].into()),
                    ("strides", [2, 2].into()),
                    ("auto_pad", "SAME_LOWER".into()),
                ],
            )
        },
        |g| g.node("GlobalAveragePool", "y", &["x"], []),
        |g| g.node("Flatten", "y", &["x"], [("axis", 2.into())]),
        |g| {
            let s = g.ints("s", &[0, -1, 3]);
            g.node("Reshape", "y", &["x", &s], [])
        },
        |g| g.node("Transpose", "y", &["x"], [("perm", [0, 2, 3, 1].into())]),
        |g| g.node("Concat", "y", &["x", "x"], [("axis", (-1).into())]),
        |g| {
            let [a, b, c, d] = [[0i64, 5], [i64::MAX, 0], [2, 3], [2, -1]].map(|v| g.ints("v", &v));
            g.node("Slice", "y", &["x", &a, &b, &c, &d], [])
        },
        |g| {
            let p = g.ints("p", &[0, 0, 1, 2, 0, 0, 3, 0]);
            g.node("Pad", "y", &["x", &p], [])
        },
        |g| {
            let r = g.ints("r", &[1, 2, 1, 3]);
            g.node("Tile", "y", &["x", &r], [])
        },
        |g| {
            let s = g.ints("s", &[3, 1, 1, 1, 1]);
            g.node("Expand", "y", &["x", &s], [])
        },
        |g| {
            let i = g.ints("i", &[2, 0, 1]);
            g.node("Gather", "y", &["x", &i], [("axis", 1.into())])
        },
        |g| {
            g.node(
                "ReduceMean",
                "y",
                &["x"],
                [("axes", [2, -1].into()), ("keepdims", 0.into())],
            )
        },
        |g| {
            let a = g.ints("a", &[-2]);
            g.node("ReduceSum", "y", &["x", &a], [])
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[6, 5])));
            g.node("MatMul", "y", &["x", &w], [])
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[6])));
            g.node("MatMul", "y", &["x", &w], [])
        },
        |g| {
            let w = g.floats("w", &ArrayD::zeros(IxDyn(&[4, 6, 5])));
            g.node(
                "Einsum",
                "y",
                &["x", &w],
                [("equation", "bcij,cjk->bick".into())],
            )
        },
        |g| {
            let a = g.ints("a", &[0, -1]);
            g.node("Unsqueeze", "y", &["x", &a], [])
        },
        |g| g.node("SpaceToDepth", "y", &["x"], [("blocksize", 2.into())]),
    ];
    for (index, part) in parts.into_iter().enumerate() {
        let (model, output) = model(&[2, 4, 6, 6].map(Dim::Known), part);
        let shape = infer_shapes(&model).unwrap().numbers(&output).unwrap();
        let mut engine = TractEngine::new(&model).unwrap();
        let zeros = ArrayD::zeros(IxDyn(&[2, 4, 6, 6]));
        let ran = engine.run(&[("x", zeros.view())]).unwrap();
        assert_eq!(ran[&output].shape(), shape, "part {index}");
    }
}

/// "Same" padding as `timm` computes it and PyTorch's older exporter writes it: from the size of what is padded, in floats, with
/// the pads in PyTorch's order turned round.
#[test]
fn pads_that_follow_from_the_size_of_what_is_padded_are_followed() {
    let (model, output) = model(&[1, 3, 15, 16].map(Dim::Known), |g| {
        let to = |kind: i64| [("to", AttributeValue::from(kind))];
        let shape = g.node("Shape", "shape", &["x"], []);
        let (stride, one) = (g.scalar("stride", 2.0), g.scalar("one", 1.0));
        let (reach, none) = (g.scalar("reach", 3.0), g.scalar("none", 0.0));
        let two = g.shared("two", float_tensor("", &ndarray::arr0(2.0).into_dyn()));
        let mut halves = vec![];
        for axis in [3, 2] {
            let index = g.ints("index", &[axis]);
            let size = g.node("Gather", "size", &[&shape, &index], []);
            let size = g.node("Cast", "float", &[&size], to(1));
            let steps = g.node("Div", "steps", &[&size, &stride], []);
            let steps = g.node("Ceil", "steps", &[&steps], []);
            let steps = g.node("Sub", "steps", &[&steps, &one], []);
            let span = g.node("Mul", "span", &[&steps, &stride], []);
            let span = g.node("Add", "span", &[&span, &reach], []);
            let pad = g.node("Sub", "pad", &[&span, &size], []);
            let pad = g.node("Clip", "pad", &[&pad, &none], []);
            let half = g.node("Div", "half", &[&pad, &two], []);
            let half = g.node("Floor", "half", &[&half], []);
            let rest = g.node("Sub", "rest", &[&pad, &half], []);
            halves.extend([half, rest].map(|value| g.node("Cast", "int", &[&value], to(7))));
        }
        let zeros = g.ints("zeros", &[0, 0, 0, 0]);
        let parts: Vec<&str> = halves
            .iter()
            .map(|name| &name[..])
            .chain([&zeros[..]])
            .collect();
        let pads = g.node("Concat", "pads", &parts, [("axis", 0.into())]);
        let pairs = g.ints("pairs", &[-1, 2]);
        let pads = g.node("Reshape", "pads", &[&pads, &pairs], []);
        let bounds = [
            ("from", -1),
            ("to", i64::MIN + 1),
            ("axis", 0),
            ("step", -1),
        ];
        let bounds = bounds.map(|(name, value)| g.ints(name, &[value]));
        let inputs = [&pads, &bounds[0], &bounds[1], &bounds[2], &bounds[3]];
        let pads = g.node("Slice", "pads", &inputs.map(|name| &name[..]), []);
        let pads = g.node("Transpose", "pads", &[&pads], [("perm", vec![1, 0].into())]);
        let flat = g.ints("flat", &[-1]);
        let pads = g.node("Reshape", "pads", &[&pads, &flat], []);
        g.node("Pad", "y", &["x", &pads], [])
    });
    let shapes = infer_shapes(&model).unwrap();
    assert_eq!(shapes.numbers(&output).unwrap(), [1, 3, 17, 17]);
}
