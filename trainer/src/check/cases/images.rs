//! What is done to images and channels.

use super::{Builder, distinct, uniform};
use pellucid_shared::onnx::OnnxError;

pub(super) fn normalizations(b: &mut Builder) -> Result<(), OnnxError> {
    let image = || uniform(&[2, 4, 3, 5], -1.0, 1.0, 100);
    b.with(
        "LayerNormalization",
        uniform(&[2, 3, 6], -1.0, 1.0, 101),
        vec![],
        |g| {
            vec![
                g.floats("scale", &uniform(&[6], 0.5, 1.5, 102)),
                g.floats("bias", &uniform(&[6], -1.0, 1.0, 103)),
            ]
        },
    )?;
    b.with(
        "LayerNormalization of two axes",
        uniform(&[2, 3, 6], -1.0, 1.0, 104),
        vec![("axis", 1.into())],
        |g| vec![g.floats("scale", &uniform(&[3, 6], 0.5, 1.5, 105))],
    )?;
    b.with("InstanceNormalization", image(), vec![], |g| {
        vec![
            g.floats("scale", &uniform(&[4], 0.5, 1.5, 106)),
            g.floats("bias", &uniform(&[4], -1.0, 1.0, 107)),
        ]
    })?;
    b.plain("MeanVarianceNormalization", image(), vec![])?;
    b.plain("LpNormalization", image(), vec![("axis", 1.into())])?;
    b.plain(
        "LRN",
        image(),
        vec![("size", 3.into()), ("alpha", 0.3.into())],
    )
}

pub(super) fn sizes(b: &mut Builder) -> Result<(), OnnxError> {
    let image = || uniform(&[1, 2, 4, 6], -1.0, 1.0, 110);
    let deep = || uniform(&[1, 8, 2, 3], -1.0, 1.0, 111);
    let two = || vec![("blocksize", 2.into())];
    b.plain("DepthToSpace", deep(), two())?;
    let columns = vec![("blocksize", 2.into()), ("mode", "CRD".into())];
    b.plain("DepthToSpace by columns", deep(), columns)?;
    b.plain("SpaceToDepth", image(), two())?;
    for (name, mode, points) in [
        ("Resize nearest", "nearest", "asymmetric"),
        ("Resize linear", "linear", "half_pixel"),
        ("Resize linear to corners", "linear", "align_corners"),
        ("Resize cubic", "cubic", "half_pixel"),
    ] {
        let attributes = vec![
            ("mode", mode.into()),
            ("coordinate_transformation_mode", points.into()),
            ("nearest_mode", "floor".into()),
        ];
        b.with(name, image(), attributes, |g| {
            vec![
                String::new(),
                String::new(),
                g.ints("sizes", &[1, 2, 8, 12]),
            ]
        })?;
    }
    for (name, mode) in [
        ("Pad", "constant"),
        ("Pad by reflection", "reflect"),
        ("Pad with the edge", "edge"),
    ] {
        b.with(name, image(), vec![("mode", mode.into())], |g| {
            vec![g.ints("pads", &[0, 0, 1, 2, 0, 0, 3, 0])]
        })?;
    }
    b.plain("GlobalMaxPool of a row", distinct(&[2, 3, 5], 112), vec![])?;
    let weights = |g: &mut pellucid_shared::onnx::GraphBuilder| {
        vec![g.floats("w", &uniform(&[2, 3, 3, 2], -1.0, 1.0, 113))]
    };
    b.with("ConvTranspose", image(), vec![], weights)?;
    let widened = vec![
        ("strides", [2, 3].into()),
        ("pads", [1, 0, 1, 1].into()),
        ("output_padding", [1, 2].into()),
    ];
    b.with("ConvTranspose widened", image(), widened, weights)
}
