//! The operators whose form changed between operator sets 7 and 24, and how the old form reads in the new.

use ndarray::{ArrayD, arr0, arr1};

use super::super::pb::NodeProto;
use super::super::{Attributes, Dim, Model, OnnxError};
use super::{Raise, remove, set, set_input};

/// Appends what takes `node`'s place.
pub(super) fn rewrite(
    raise: &mut Raise,
    mut node: NodeProto,
    out: &mut Vec<NodeProto>,
) -> Result<(), OnnxError> {
    let op = node.op_type.clone();
    match &op[..] {
        "BatchNormalization" => batch_normalization(raise, &mut node)?,
        "Clip" if raise.passes(11) => clip(raise, &mut node)?,
        "Dropout" if raise.passes(12) => dropout(raise, &mut node)?,
        "GridSample" if raise.passes(20) => grid_sample(&mut node)?,
        "GroupNormalization" if raise.passes(21) => return group_normalization(raise, node, out),
        "Pad" if raise.passes(11) => pad(raise, &mut node)?,
        "Resize" | "Upsample" => resize(raise, &mut node)?,
        // The old version sampled at output pixels' corners.
        "RoiAlign" if raise.passes(16) => set(
            &mut node,
            "coordinate_transformation_mode",
            "output_half_pixel",
        ),
        "Scatter" if raise.passes(11) => node.op_type = "ScatterElements".into(),
        "Slice" if raise.passes(10) => {
            for (index, attribute) in ["starts", "ends", "axes"].into_iter().enumerate() {
                raise.ints_to_input(&mut node, attribute, index + 1)?;
            }
        }
        "Softmax" | "LogSoftmax" | "Hardmax" if raise.passes(13) => {
            return softmax(raise, node, out);
        }
        "Split" => split(raise, &mut node)?,
        "Squeeze" | "Unsqueeze" | "ReduceSum" if raise.passes(13) => {
            raise.ints_to_input(&mut node, "axes", 1)?
        }
        "TopK" if raise.passes(10) => {
            let k = Attributes(&node).int("k", 0)?;
            let k = raise.ints(&node, "k", &[k]);
            set_input(&mut node, 1, k);
            remove(&mut node, "k");
        }
        "Scan" if raise.passes(9) => {
            return refuse(&node, "`Scan` of operator set 8 has no newer form");
        }
        "DFT" if raise.passes(20) => dft(raise, &mut node)?,
        op if op.starts_with("Reduce") && op != "ReduceSum" && raise.passes(18) => {
            raise.ints_to_input(&mut node, "axes", 1)?;
        }
        _ => {}
    }
    out.push(node);
    Ok(())
}

fn refuse<T>(node: &NodeProto, why: &str) -> Result<T, OnnxError> {
    Err(Model::node_error(
        node,
        format!("{why}: export the model again with a newer operator set"),
    ))
}

fn batch_normalization(raise: &Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    if raise.passes(9) {
        if Attributes(node).int("spatial", 1)? == 0 {
            return refuse(node, "`spatial = 0` was dropped in operator set 9");
        }
        remove(node, "spatial");
    }
    if raise.passes(14) && node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return refuse(
            node,
            "its outputs for training were dropped in operator set 14",
        );
    }
    if raise.passes(14) {
        node.output.truncate(1);
    }
    Ok(())
}

/// The bounds become inputs.
fn clip(raise: &mut Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    for (index, bound) in ["min", "max"].into_iter().enumerate() {
        if Attributes(node).has(bound) {
            let value = Attributes(node).float(bound, 0.0)?;
            let name = raise.floats(node, bound, &arr0(value).into_dyn());
            set_input(node, index + 1, name);
            remove(node, bound);
        }
    }
    Ok(())
}

/// In inference it hands its input through, whatever the ratio; from 12 on that is the default.
fn dropout(raise: &Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    if raise.from < 10 && node.output.get(1).is_some_and(|mask| !mask.is_empty()) {
        return refuse(node, "the type of its mask changed in operator set 10");
    }
    remove(node, "ratio");
    Ok(())
}

/// The axis becomes an input, whose default is another.
fn dft(raise: &mut Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    let axis = Attributes(node).int("axis", 1)?;
    let name = raise.int(node, "axis", axis);
    set_input(node, 2, name);
    remove(node, "axis");
    Ok(())
}

fn grid_sample(node: &mut NodeProto) -> Result<(), OnnxError> {
    let mode = match Attributes(node).string("mode", "bilinear")? {
        "bilinear" => "linear",
        "bicubic" => "cubic",
        other => other,
    }
    .to_owned();
    set(node, "mode", &mode[..]);
    Ok(())
}

/// Scale and bias per group become scale and bias per channel.
fn group_normalization(
    raise: &mut Raise,
    mut node: NodeProto,
    out: &mut Vec<NodeProto>,
) -> Result<(), OnnxError> {
    let groups = Attributes(&node).int("num_groups", 0)?;
    let channels = node
        .input
        .first()
        .and_then(|x| raise.shapes.get(x)?.get(1)?.known());
    let Some(channels) = channels.and_then(|c| i64::try_from(c).ok()) else {
        return refuse(&node, "the number of its channels is open");
    };
    if groups <= 0 || channels % groups != 0 {
        return refuse(&node, "its groups do not divide its channels");
    }
    let column = raise.ints(&node, "column", &[groups, 1]);
    let each = raise.ints(&node, "channels_of_group", &[groups, channels / groups]);
    let all = raise.ints(&node, "all", &[channels]);
    for index in [1, 2] {
        let Some(per_group) = node.input.get(index).cloned() else {
            return refuse(&node, "it lacks scale or bias");
        };
        let mut value = per_group;
        for (op, shape) in [("Reshape", &column), ("Expand", &each), ("Reshape", &all)] {
            let step = raise.step(&node, op, &[&value, shape], vec![]);
            value.clone_from(&step.output[0]);
            out.push(step);
        }
        node.input[index] = value;
    }
    out.push(node);
    Ok(())
}

/// Pads and value become inputs.
fn pad(raise: &mut Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    raise.ints_to_input(node, "pads", 1)?;
    let constant = Attributes(node).string("mode", "constant")? == "constant";
    if constant && Attributes(node).has("value") {
        let value = Attributes(node).float("value", 0.0)?;
        let name = raise.floats(node, "value", &arr0(value).into_dyn());
        set_input(node, 2, name);
    }
    remove(node, "value");
    Ok(())
}

/// `Upsample` became `Resize` in set 10; its coordinates, in 11, one way among several.
fn resize(raise: &mut Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    if node.op_type == "Upsample" {
        if raise.passes(9)
            && let Some(scales) = Attributes(node).floats("scales")?.map(<[f32]>::to_vec)
        {
            let name = raise.floats(node, "scales", &arr1(&scales).into_dyn());
            set_input(node, 1, name);
            remove(node, "scales");
        }
        if raise.to >= 10 {
            node.op_type = "Resize".into();
        }
    }
    if raise.passes(11) {
        let scales = node.input.get(1).cloned().unwrap_or_default();
        let roi = raise.floats(node, "roi", &ArrayD::zeros(vec![0]));
        node.input.truncate(1);
        set_input(node, 1, roi);
        set_input(node, 2, scales);
        set(node, "coordinate_transformation_mode", "asymmetric");
        set(node, "nearest_mode", "floor");
    }
    let mode = Attributes(node).string("coordinate_transformation_mode", "")?;
    if raise.passes(13) && mode == "tf_half_pixel_for_nn" {
        return refuse(
            node,
            "`tf_half_pixel_for_nn` was dropped in operator set 13",
        );
    }
    // Set 11 wanted an empty tensor for scales that sizes replace; from 13 on they are left out.
    if raise.passes(13) && node.input.len() > 3 && !node.input[3].is_empty() {
        node.input[2] = String::new();
    }
    Ok(())
}

/// Sizes become an input in 13; equal parts are counted by an attribute from 18 on.
fn split(raise: &mut Raise, node: &mut NodeProto) -> Result<(), OnnxError> {
    if raise.passes(13) {
        raise.ints_to_input(node, "split", 1)?;
    }
    if raise.passes(18) && node.input.get(1).is_none_or(String::is_empty) {
        set(
            node,
            "num_outputs",
            i64::try_from(node.output.len()).unwrap_or(i64::MAX),
        );
    }
    Ok(())
}

/// Before set 13 everything from the axis on was taken together.
fn softmax(
    raise: &mut Raise,
    mut node: NodeProto,
    out: &mut Vec<NodeProto>,
) -> Result<(), OnnxError> {
    let axis = Attributes(&node).int("axis", 1)?;
    let shape = node.input.first().and_then(|x| raise.shapes.get(x));
    let alone = shape.is_some_and(|shape| {
        let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
        let behind = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        let behind = usize::try_from(behind.saturating_add(1)).unwrap_or(usize::MAX);
        behind <= shape.len() && shape[behind..].iter().all(|dim| *dim == Dim::Known(1))
    });
    if alone {
        set(&mut node, "axis", axis);
        out.push(node);
        return Ok(());
    }
    let Some(x) = node.input.first().cloned() else {
        return refuse(&node, "it has no input");
    };
    let shape = raise.step(&node, "Shape", &[&x], vec![]);
    let flat = raise.step(
        &node,
        "Flatten",
        &[&x],
        vec![super::AttributeValue::from(axis).named("axis")],
    );
    let mut back = raise.step(&node, "Reshape", &["", &shape.output[0]], vec![]);
    node.input[0].clone_from(&flat.output[0]);
    set(&mut node, "axis", -1);
    // The flat result takes the step's name, and the last node the name that others read.
    std::mem::swap(&mut node.output, &mut back.output);
    back.input[0].clone_from(&node.output[0]);
    out.extend([shape, flat, node, back]);
    Ok(())
}
