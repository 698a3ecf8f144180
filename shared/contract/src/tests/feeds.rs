//! Layout, channels, size, range and normalization.

use super::*;

/// A convolution after nodes that `before` adds, for an input of this shape.
fn convolutional(shape: &[Dim], before: impl FnOnce(&mut GraphBuilder) -> String) -> Model {
    let mut graph = GraphBuilder::new("stem");
    graph.input("image", shape);
    let value = before(&mut graph);
    let w = graph.floats("w", &ndarray::ArrayD::from_elem(vec![2, 3, 1, 1], 0.3));
    let conv = graph.node("Conv", "conv", &[&value, &w], []);
    let pooled = graph.node("GlobalAveragePool", "pool", &[&conv], []);
    let logits = graph.node("Flatten", "logits", &[&pooled], []);
    graph.output(&logits, None);
    graph.finish().unwrap()
}

fn rgb() -> [Dim; 4] {
    [
        Dim::Named("N".into()),
        Dim::Known(3),
        Dim::Known(8),
        Dim::Known(8),
    ]
}

fn channels(values: [f32; 3]) -> ndarray::ArrayD<f32> {
    Array3::from_shape_fn((3, 1, 1), |(c, _, _)| values[c]).into_dyn()
}

/// A normalization's operations in order, each with its constant.
fn normalised(operations: &'static [(&'static str, [f32; 3])]) -> Model {
    convolutional(&rgb(), move |graph| {
        let mut value = "image".to_owned();
        for (index, (op, constant)) in operations.iter().enumerate() {
            let constant = graph.floats(&format!("c{index}"), &channels(*constant));
            value = graph.node(op, &format!("n{index}"), &[&value, &constant], []);
        }
        value
    })
}

#[test]
fn the_graphs_own_normalization_tells_what_it_is_fed() {
    const MEAN: [f32; 3] = IMAGENET_MEAN;
    const STD: [f32; 3] = pellucid_zoo::IMAGENET_STD;
    for (operations, range) in [
        (&[("Sub", MEAN), ("Div", STD)][..], Range::Unit),
        (&[("Mul", [1.0 / 255.0; 3])], Range::Bytes),
        (&[("Div", [255.0; 3])], Range::Bytes),
        (
            &[("Div", [255.0; 3]), ("Sub", MEAN), ("Div", STD)],
            Range::Bytes,
        ),
        (
            &[
                ("Sub", [123.675, 116.28, 103.53]),
                ("Div", [58.4, 57.1, 57.4]),
            ],
            Range::Bytes,
        ),
        (&[("Sub", [123.68, 116.78, 103.94])], Range::Bytes),
        (&[("Div", [127.5; 3]), ("Sub", [1.0; 3])], Range::Bytes),
        (&[("Mul", [2.0; 3]), ("Sub", [1.0; 3])], Range::Unit),
        (
            &[("Mul", [255.0; 3]), ("Sub", [123.675, 116.28, 103.53])],
            Range::Unit,
        ),
        (
            &[
                ("Add", [1.0; 3]),
                ("Mul", [0.5; 3]),
                ("Sub", MEAN),
                ("Div", STD),
            ],
            Range::Signed,
        ),
        (&[("Sub", [0.1307; 3]), ("Div", [0.3081; 3])], Range::Unit),
    ] {
        let contract = Contract::resolve(&normalised(operations), &Wishes::default()).unwrap();
        let Input {
            range: found, mean, ..
        } = contract.input;
        assert_eq!((found, mean), (Some(range), None), "{operations:?}");
        let said = about(&contract, About::Range).unwrap();
        assert_eq!(said.basis, Basis::Graph);
        assert!(said.text.contains(range.text()), "{said}");
    }
    let turned = convolutional(&rgb(), |graph| {
        let order = graph.ints("order", &[2, 1, 0]);
        let blue = graph.node("Gather", "blue", &["image", &order], [("axis", 1.into())]);
        let mean = graph.floats("mean", &channels([103.94, 116.78, 123.68]));
        graph.node("Sub", "centred", &[&blue, &mean], [])
    });
    let input = Contract::resolve(&turned, &Wishes::default())
        .unwrap()
        .input;
    assert_eq!((input.range, input.mean), (Some(Range::Bytes), None));
    let nothing = Contract::resolve(&normalised(&[]), &Wishes::default()).unwrap();
    assert_eq!(nothing.input.mean, Some(IMAGENET_MEAN));
    assert_eq!(
        about(&nothing, About::Mean).unwrap().basis,
        Basis::Convention
    );
}

#[test]
fn a_first_batch_normalization_and_one_of_each_image_are_seen() {
    let batch = |mean: [f32; 3], variance: f32| {
        let model = convolutional(&rgb(), |graph| {
            let one = graph.floats("one", &arr1(&[1.0; 3]).into_dyn());
            let mean = graph.floats("mean", &arr1(&mean).into_dyn());
            let variance = graph.floats("variance", &arr1(&[variance; 3]).into_dyn());
            graph.node(
                "BatchNormalization",
                "bn",
                &["image", &one, &mean, &mean, &variance],
                [],
            )
        });
        let input = Contract::resolve(&model, &Wishes::default()).unwrap().input;
        (input.range, input.mean)
    };
    assert_eq!(
        batch([110.0, 105.0, 100.0], 3600.0),
        (Some(Range::Bytes), None)
    );
    assert_eq!(batch([0.45, 0.44, 0.4], 0.06), (Some(Range::Unit), None));
    assert_eq!(
        batch([-0.1, -0.12, -0.2], 0.25),
        (Some(Range::Signed), None)
    );
    assert_eq!(
        batch([0.01, -0.02, 0.0], 1.1),
        (Some(Range::Unit), Some(IMAGENET_MEAN))
    );

    let by_itself = convolutional(&rgb(), |graph| {
        let mean = graph.node(
            "ReduceMean",
            "mean",
            &["image"],
            [("axes", [1, 2, 3].into())],
        );
        graph.node("Sub", "centred", &["image", &mean], [])
    });
    let contract = Contract::resolve(&by_itself, &Wishes::default()).unwrap();
    assert_eq!(
        (contract.input.range, contract.input.mean),
        (Some(Range::Unit), None)
    );
}

#[test]
fn layout_and_channels_follow_from_dimensions_and_layers() {
    let open = || {
        [
            Dim::Named("N".into()),
            Dim::Unknown,
            Dim::Unknown,
            Dim::Unknown,
        ]
    };
    let first = |graph: &mut GraphBuilder| {
        graph.node(
            "Transpose",
            "t",
            &["image"],
            [("perm", [0, 3, 1, 2].into())],
        )
    };
    let as_it_is = |_: &mut GraphBuilder| "image".to_owned();
    let resolved = |model: Model| {
        let contract = Contract::resolve(&model, &Wishes::default()).unwrap();
        let assumed = about(&contract, About::Layout).is_some();
        (
            contract.layout(),
            contract.input.channels.unwrap(),
            contract.input.preprocessing.size,
            assumed,
        )
    };
    let known = |sizes: [usize; 4]| sizes.map(Dim::Known);
    let (nchw, nhwc, colours) = (Layout::Nchw, Layout::Nhwc, Channels::Rgb);
    assert_eq!(
        resolved(convolutional(&known([1, 3, 8, 8]), as_it_is)),
        (nchw, colours, 8, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 8, 8, 3]), first)),
        (nhwc, colours, 8, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 3, 3, 3]), as_it_is)),
        (nchw, colours, 3, false)
    );
    assert_eq!(
        resolved(convolutional(&known([1, 3, 3, 3]), first)),
        (nhwc, colours, 3, false)
    );
    assert_eq!(
        resolved(convolutional(&open(), first)),
        (nhwc, colours, USUAL_SIZE, false)
    );
    assert_eq!(
        resolved(convolutional(&open(), as_it_is)),
        (nchw, colours, USUAL_SIZE, false)
    );
    let told = Wishes {
        layout: Some(Layout::Nhwc),
        ..Wishes::default()
    };
    let refused = Contract::resolve(&convolutional(&known([1, 3, 8, 8]), as_it_is), &told);
    assert!(refused.unwrap_err().to_string().contains("[1, 3, 8, 8]"));
    let four = convolutional(&known([1, 4, 8, 8]), as_it_is);
    assert!(
        Contract::resolve(&four, &Wishes::default())
            .unwrap_err()
            .to_string()
            .contains("1 or 3 channels")
    );
}

#[test]
fn nothing_is_assumed_where_a_card_tells_everything() {
    let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap();
    let card = Card::new("told", vec![], Input::plain(Preprocessing::square(32)));
    card.write_into(&mut model).unwrap();
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .assumed,
        []
    );
    let first = r#"{"version": 1, "input": {"preprocessing": {"size": 32}}}"#;
    model.set_metadata(pellucid_cards::KEY, first.to_owned());
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .assumed,
        []
    );
    assert_eq!(
        Contract::resolve(&model, &Wishes::default())
            .unwrap()
            .adapt(model.clone())
            .unwrap()
            .0,
        model
    );
}
