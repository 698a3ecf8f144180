//! Small files that would take gigabytes or hours, and numbers beyond all bounds. What the fuzz targets (`fuzz/`) find ends up
//! here.

use pellucid_shared::autodiff::{AutodiffError, GRAD};
use pellucid_shared::onnx::pb::NodeProto;
use pellucid_shared::onnx::{AttributeValue, Model, declared_shape, float_value, int_tensor};

use super::{gradient, known, model, node, says, weight, with};

/// Each of these asks for gigabytes in a few bytes.
#[test]
fn tables_that_a_gradient_needs_are_bounded() {
    let resize = |scale: f32| {
        let mut scales = weight("scales", &[3]);
        scales.float_data = vec![1.0, 1.0, scale];
        let resized = with(
            node("", "Resize", "big", &["x", "", "scales"], &["y"]),
            "mode",
            "linear",
        );
        model(&[1, 1, 30_000], vec![resized], vec![scales])
    };
    let sizes = int_tensor("sizes", &[1, 1, 1 << 21]);
    let sized = node("", "Resize", "big", &["x", "", "", "sizes"], &["y"]);
    let sized = with(sized, "mode", "cubic");
    let einsum = |size: usize| {
        let diagonal = with(
            node("", "Einsum", "big", &["x"], &["y"]),
            "equation",
            "ii->i",
        );
        model(&[size, size], vec![diagonal], vec![])
    };
    let normalization = with(
        node("", "LayerNormalization", "big", &["x", "s"], &["y"]),
        "axis",
        -(1i64 << 40),
    );
    let mut open = model(&[1, 2], vec![normalization], vec![weight("s", &[2])]);
    open.graph.as_mut().unwrap().input[0] = float_value("x", None);
    let lrn = with(node("", "LRN", "big", &["x"], &["y"]), "size", 3);
    let pads = int_tensor("pads", &[0, 1 << 40, 0, 1 << 40]);
    let padded = with(
        node("", "Pad", "big", &["x", "pads"], &["y"]),
        "mode",
        "edge",
    );
    let mut pooled = node("", "AveragePool", "big", &["x"], &["y"]);
    for (name, value) in [
        ("kernel_shape", 1i64 << 40),
        ("strides", 1),
        ("ceil_mode", 1),
    ] {
        let value: AttributeValue = if name == "ceil_mode" {
            value.into()
        } else {
            [value].into()
        };
        pooled = with(pooled, name, value);
    }
    let cases = [
        resize(4.0),
        model(&[1, 1, 4], vec![sized], vec![sizes]),
        einsum(1 << 20),
        open,
        model(&[1, 1 << 20, 2], vec![lrn], vec![]),
        model(&[1, 4], vec![padded], vec![pads]),
        model(&[1, 1, 1 << 41], vec![pooled], vec![]),
    ];
    for proto in cases {
        let op = proto.graph.as_ref().unwrap().node[0].op_type.clone();
        let error = gradient(proto).unwrap_err();
        assert!(
            matches!(error, AutodiffError::Unsupported { .. }),
            "{op}: {error}"
        );
        says(&error, &["`big`"]);
    }
    // Many tables, each of which would pass, are bounded together.
    let many: Vec<NodeProto> = (0..40)
        .map(|index| {
            let (from, to) = (format!("v{index}"), format!("v{}", index + 1));
            let from = if index == 0 { "x" } else { &from };
            let to = if index == 39 { "y" } else { &to };
            with(
                node("", "LRN", &format!("lrn{index}"), &[from], &[to]),
                "size",
                3,
            )
        })
        .collect();
    let error = gradient(model(&[1, 2000, 2], many, vec![])).unwrap_err();
    says(&error, &["`lrn", "needs a table of 4000000 numbers"]);
}

#[test]
fn numbers_beyond_all_bounds_do_not_overflow() {
    let far = i64::MAX >> 1;
    let ints = |name: &str, values: &[i64]| int_tensor(name, values);
    let pads = ints("i", &[0, i64::MIN, 0, i64::MIN]);
    let cases = [
        model(
            &[1 << 62, 4],
            vec![node("", "Pad", "", &["x", "i"], &["y"])],
            vec![pads.clone()],
        ),
        model(
            &[2, 4],
            vec![with(
                node("", "Pad", "", &["x", "i"], &["y"]),
                "mode",
                "wrap",
            )],
            vec![pads],
        ),
        model(
            &[far as usize, 2],
            vec![with(
                node("", "Concat", "", &["x", "x", "x"], &["y"]),
                "axis",
                0,
            )],
            vec![],
        ),
        model(
            &[1 << 62, 1 << 62, 4],
            vec![node("", "GlobalAveragePool", "", &["x"], &["y"])],
            vec![],
        ),
        model(
            &[1 << 40, 1 << 40, 1 << 40],
            vec![with(
                node("", "ReduceMean", "", &["x"], &["y"]),
                "keepdims",
                0,
            )],
            vec![],
        ),
        model(
            &[1 << 40, 1 << 40],
            vec![node("", "Gather", "", &["x", "x"], &["y"])],
            vec![],
        ),
        model(
            &[1, 1, far as usize],
            vec![with(
                node("", "ConvTranspose", "", &["x", "w"], &["y"]),
                "strides",
                [far],
            )],
            vec![weight("w", &[1, 1, 1])],
        ),
        model(
            &[1, 4],
            vec![with(
                node("", "Transpose", "", &["x"], &["y"]),
                "perm",
                [i64::MIN, 0],
            )],
            vec![],
        ),
        model(
            &[1, 4],
            vec![with(
                node("", "Softmax", "", &["x"], &["y"]),
                "axis",
                i64::MIN,
            )],
            vec![],
        ),
        model(
            &[1, 4],
            vec![node("", "Slice", "", &["x", "i", "i"], &["y"])],
            vec![ints("i", &[i64::MIN, i64::MAX])],
        ),
    ];
    for proto in cases {
        let op = proto.graph.as_ref().unwrap().node[0].op_type.clone();
        if let Err(error) = gradient(proto) {
            assert!(!error.to_string().is_empty(), "{op}");
        }
    }
}

/// A reader drops a declared shape that contradicts what it infers: what is written must not be of that kind.
#[test]
fn a_gradient_without_elements_has_the_shape_of_its_input() {
    let apart = node("", "Unsqueeze", "", &["x", "axes"], &["apart"]);
    let joined = with(node("", "Concat", "", &["apart"], &["y"]), "axis", 0);
    let axes = int_tensor("axes", &[0]);
    let written = Model::from_proto(model(&[1, 1, 0, 5], vec![apart, joined], vec![axes])).unwrap();
    let read = Model::parse(&written.to_bytes()).unwrap();
    let gradient = gradient(read.into_proto()).unwrap();
    let grad = gradient.output(Some(GRAD)).unwrap();
    assert_eq!(declared_shape(grad).unwrap(), known(&[1, 1, 0, 5]));
    let bytes = gradient.to_bytes();
    assert_eq!(Model::parse(&bytes).unwrap().proto(), gradient.proto());
}

#[test]
fn parts_that_are_not_the_whole_are_refused() {
    for parts in [
        vec![2, 996_432_412_676],
        vec![2, 3],
        vec![-1, 7],
        vec![i64::MAX, i64::MAX],
    ] {
        let parts = int_tensor("parts", &parts);
        let split = with(
            node("", "Split", "cut", &["x", "parts"], &["y", "z"]),
            "axis",
            0,
        );
        let error = gradient(model(&[6], vec![split], vec![parts])).unwrap_err();
        says(&error, &["`cut`", "6 elements"]);
    }
}

/// Rules trust that a node's inputs fit together, which shape inference does not check for every operator: what comes out has
/// the shape of the input, or is refused.
#[test]
fn a_gradient_of_another_shape_than_its_input_is_refused() {
    let attention = |values: usize| {
        let attention = node("", "Attention", "looks", &["q", "k", "x"], &["y"]);
        let weights = vec![weight("q", &[2, 3, 4, 8]), weight("k", &[2, 3, 6, 8])];
        let mut proto = model(&[2, 3, values, 10], vec![attention], weights);
        proto.opset_import[0].version = 23;
        proto.ir_version = 11;
        gradient(proto)
    };
    attention(6).unwrap();
    says(
        &attention(31).unwrap_err(),
        &["`grad` would be 2×3×6×10, not 2×3×31×10"],
    );
}
