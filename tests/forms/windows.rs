//! Pooling, convolution and resizing.

use ndarray::arr1;
use pellucid_shared::onnx::{AttributeValue, GraphBuilder, OnnxError};

use super::{Attributes, Forms};
use crate::uniform;

/// Dilations came in 18 and 19, and with them another count of positions where `ceil_mode` is set.
pub(super) fn windows(f: &mut Forms) -> Result<(), OnnxError> {
    for op in ["AveragePool", "MaxPool", "LpPool"] {
        let window = || vec![("kernel_shape", [3, 2].into()), ("strides", [2, 2].into())];
        f.plain((17, op, 1), &[1, 2, 7, 6], window())?;
        let with = |more: Attributes<'static>| window().into_iter().chain(more).collect::<Vec<_>>();
        let pads = || ("pads", AttributeValue::from([1, 0, 1, 1]));
        f.plain(
            (17, &format!("{op} pads"), 1),
            &[1, 2, 7, 6],
            with(vec![pads()]),
        )?;
        if op != "LpPool" {
            let ceil = vec![pads(), ("ceil_mode", 1.into())];
            f.plain((17, &format!("{op} ceil"), 1), &[1, 2, 8, 6], with(ceil))?;
            // A window of three over two rows: less than a stride is missing.
            let beyond = with(vec![("ceil_mode", 1.into())]);
            f.plain(
                (17, &format!("{op} ceil, window beyond the input"), 1),
                &[1, 2, 2, 5],
                beyond,
            )?;
        }
    }
    let count = vec![
        ("kernel_shape", [3, 3].into()),
        ("pads", [1, 1, 1, 1].into()),
        ("count_include_pad", 1.into()),
    ];
    f.plain((17, "AveragePool count", 1), &[1, 2, 6, 6], count)?;
    for op in ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"] {
        f.plain((17, op, 1), &[1, 2, 4, 5], vec![])?;
    }
    f.add(
        (17, "Conv", 1),
        &[1, 2, 6, 6],
        vec![("pads", [1, 1, 1, 1].into())],
        |g| vec![g.floats("w", &uniform(&[3, 2, 3, 3], -1.0, 1.0, 8))],
    )?;
    f.add(
        (17, "ConvTranspose", 1),
        &[1, 2, 4, 4],
        vec![("strides", [2, 2].into())],
        |g| vec![g.floats("w", &uniform(&[2, 3, 3, 3], -1.0, 1.0, 8))],
    )
}

/// Resizing got anti-aliasing, a choice of axes and of the aspect ratio in 18.
pub(super) fn resizes(f: &mut Forms) -> Result<(), OnnxError> {
    let scales = |g: &mut GraphBuilder| {
        let scales = arr1(&[1.0, 1.0, 1.7, 0.6]).into_dyn();
        vec![String::new(), g.floats("scales", &scales)]
    };
    let sizes =
        |g: &mut GraphBuilder| vec![String::new(), String::new(), g.ints("sizes", &[1, 2, 9, 3])];
    for (mode, places) in [
        ("nearest", "asymmetric"),
        ("nearest", "half_pixel"),
        ("linear", "half_pixel"),
        ("linear", "align_corners"),
        ("linear", "pytorch_half_pixel"),
        ("cubic", "half_pixel"),
    ] {
        let attributes = || {
            vec![
                ("mode", mode.into()),
                ("coordinate_transformation_mode", places.into()),
            ]
        };
        f.add(
            (17, &format!("Resize scales {mode} {places}"), 1),
            &[1, 2, 5, 5],
            attributes(),
            scales,
        )?;
        f.add(
            (17, &format!("Resize sizes {mode} {places}"), 1),
            &[1, 2, 5, 5],
            attributes(),
            sizes,
        )?;
    }
    Ok(())
}
