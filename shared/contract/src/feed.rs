//! What the network is fed: layout, channels, size, range, normalization.

use super::nodes::Nodes;
use super::stem::{Normalization, Stem, look};
use super::{About, Assumption, ContractError, USUAL_SIZE, Wishes};
use onnx_edit::pb::{ValueInfoProto, tensor_proto::DataType, type_proto};
use onnx_edit::{Dim, declared_shape, shape_text};
use pellucid_cards::{Card, Channels, Input, Layout, Range};
use pellucid_images::Preprocessing;
use pellucid_zoo::{IMAGENET_MEAN, IMAGENET_STD};

/// What was resolved of the input.
pub(super) struct Feed {
    pub(super) input: Input,
    pub(super) shape: [Dim; 4],
    pub(super) fixed: Option<(usize, usize)>,
    pub(super) bytes: bool,
}

pub(super) fn resolve(
    nodes: &Nodes<'_>,
    value: &ValueInfoProto,
    card: Option<&Card>,
    wishes: &Wishes,
    assumed: &mut Vec<Assumption>,
) -> Result<Feed, ContractError> {
    let told = card.map(|card| &card.input);
    let shape = image_shape(value)?;
    let stem = look(nodes, &value.name);
    let no_image = || ContractError::NoImage {
        name: value.name.clone(),
        shape: shape_text(&shape),
    };
    let wanted = wishes.layout.or(told.and_then(|told| told.layout));
    let layout = layout(&shape, wanted, &stem, assumed);
    let [channel_axis, height_axis, width_axis] = axes(layout);
    let wanted = wishes.channels.or(told.and_then(|told| told.channels));
    let channels = match (shape[channel_axis].known(), wanted) {
        (Some(count), Some(told)) if count != told.count() => {
            return Err(ContractError::Contradiction {
                name: value.name.clone(),
                shape: shape_text(&shape),
                told: format!("one of {} channels", told.count()),
                option: "layout or the channels",
            });
        }
        (Some(count), _) => Channels::of(count).ok_or_else(no_image)?,
        (None, Some(told)) => told,
        (None, None) => match stem.channels {
            Some(count) => Channels::of(count).ok_or_else(no_image)?,
            None => {
                assumed.push(Assumption::convention(
                    About::Channels,
                    "Pixels are fed as red, green and blue: the graph leaves the number of channels open.",
                ));
                Channels::Rgb
            }
        },
    };
    let fixed = shape[height_axis].known().zip(shape[width_axis].known());
    let preprocessing = preprocessing(fixed, told, wishes, assumed)?;
    let bytes = is_bytes(value)?;
    let (range, normalization) = pixels(told, wishes, &stem, bytes, channels, assumed);
    let (mean, std) = normalization.unzip();
    Ok(Feed {
        input: Input {
            preprocessing,
            layout: Some(layout),
            channels: Some(channels),
            range: Some(range),
            mean,
            std,
        },
        shape,
        fixed,
        bytes,
    })
}

/// The positions of channels, height and width.
pub(super) fn axes(layout: Layout) -> [usize; 3] {
    match layout {
        Layout::Nchw => [1, 2, 3],
        Layout::Nhwc => [3, 1, 2],
    }
}

/// The declared shape; a graph that says nothing of it is taken at the caller's word.
fn image_shape(value: &ValueInfoProto) -> Result<[Dim; 4], ContractError> {
    let Some(shape) = declared_shape(value) else {
        return Ok([Dim::Unknown, Dim::Unknown, Dim::Unknown, Dim::Unknown]);
    };
    shape
        .try_into()
        .map_err(|shape: Vec<Dim>| ContractError::NoImage {
            name: value.name.clone(),
            shape: shape_text(&shape),
        })
}

fn layout(
    shape: &[Dim; 4],
    told: Option<Layout>,
    stem: &Stem,
    assumed: &mut Vec<Assumption>,
) -> Layout {
    if let Some(told) = told {
        return told;
    }
    let few = |axis: usize| {
        shape[axis]
            .known()
            .is_some_and(|size| Channels::of(size).is_some())
    };
    let many = |axis: usize| {
        shape[axis]
            .known()
            .is_some_and(|size| Channels::of(size).is_none())
    };
    match (few(1), few(3)) {
        (true, false) => return Layout::Nchw,
        (false, true) => return Layout::Nhwc,
        // Two or four channels in front are channels all the same: it is said later that images have none such.
        (false, false) if many(1) && many(3) => return Layout::Nchw,
        _ => {}
    }
    if let Some(layout) = stem.layout {
        return layout;
    }
    assumed.push(Assumption::convention(
        About::Layout,
        "The input is taken as [N, C, H, W]: its dimensions leave that open.",
    ));
    Layout::Nchw
}

fn preprocessing(
    fixed: Option<(usize, usize)>,
    told: Option<&Input>,
    wishes: &Wishes,
    assumed: &mut Vec<Assumption>,
) -> Result<Preprocessing, ContractError> {
    let mut how = told.map_or_else(
        || Preprocessing::square(0),
        |told| told.preprocessing.clone(),
    );
    let size = wishes.size.or(told.map(|told| told.preprocessing.size));
    how.size = match (size, fixed) {
        (Some(told), Some((height, width)))
            if (height, width) != (told as usize, told as usize) =>
        {
            return Err(ContractError::Size {
                height,
                width,
                told,
            });
        }
        (Some(told), _) => told,
        (None, Some((height, _))) => u32::try_from(height).unwrap_or(u32::MAX),
        (None, None) => {
            assumed.push(Assumption::convention(
                About::Size,
                format!(
                    "Images are brought to {USUAL_SIZE}×{USUAL_SIZE} pixels: the graph leaves the size open."
                ),
            ));
            USUAL_SIZE
        }
    };
    if told.is_none() && (wishes.crop.is_none() || wishes.resize.is_none()) {
        assumed.push(Assumption::convention(
            About::Crop,
            match wishes.crop {
                Some(_) => "Images are resized by antialiased bilinear interpolation.",
                None => {
                    "The largest centred square of an image is used, resized by antialiased bilinear interpolation."
                }
            },
        ));
    }
    how.crop = wishes.crop.unwrap_or(how.crop);
    how.resize = wishes.resize.unwrap_or(how.resize);
    Ok(how)
}

/// A mean beyond this, or a deviation beyond this, is one of bytes.
const BYTES: f32 = 3.0;

type Scale = Option<([f32; 3], [f32; 3])>;

/// Range and normalization.
fn pixels(
    told: Option<&Input>,
    wishes: &Wishes,
    stem: &Stem,
    bytes: bool,
    channels: Channels,
    assumed: &mut Vec<Assumption>,
) -> (Range, Scale) {
    let of_card = told.and_then(|told| told.mean.zip(told.std));
    let normalization = wishes.normalization.or(of_card);
    let range = wishes.range.or(told.and_then(|told| told.range));
    match (range, normalization) {
        (Some(range), normalization) => (range, normalization),
        (None, Some((mean, std))) => {
            let beyond = |values: [f32; 3]| values.iter().any(|value| value.abs() > BYTES);
            if !(beyond(mean) || beyond(std)) {
                return (Range::Unit, normalization);
            }
            assumed.push(Assumption::convention(
                About::Range,
                "Pixels are fed from 0 to 255: mean and standard deviation are in these units.",
            ));
            (Range::Bytes, normalization)
        }
        (None, None) => unsaid(stem, bytes, channels, assumed),
    }
}

/// Where nobody tells, the graph is asked, and else it is ImageNet's normalization.
fn unsaid(
    stem: &Stem,
    bytes: bool,
    channels: Channels,
    assumed: &mut Vec<Assumption>,
) -> (Range, Scale) {
    let (range, why) = match stem.normalization {
        _ if bytes => (Range::Bytes, "it takes whole numbers"),
        Normalization::Constant(range) => (range, "it scales them itself by constants"),
        Normalization::PerImage => (Range::Unit, "it normalises each image on its own"),
        Normalization::Learnt(range) => (range, "its first batch normalization is made for these"),
        Normalization::None => {
            let (mean, std, whose) = match channels {
                Channels::Rgb => (IMAGENET_MEAN, IMAGENET_STD, "ImageNet's"),
                Channels::Grey => (
                    [IMAGENET_MEAN.iter().sum::<f32>() / 3.0; 3],
                    [IMAGENET_STD.iter().sum::<f32>() / 3.0; 3],
                    "the average of ImageNet's",
                ),
            };
            assumed.push(Assumption::convention(
                About::Mean,
                format!(
                    "Pixels are normalised with {whose} mean and standard deviation before they are fed: nothing says otherwise."
                ),
            ));
            return (Range::Unit, Some((mean, std)));
        }
    };
    assumed.push(Assumption::graph(
        About::Range,
        format!(
            "Pixels are fed from {} and not normalised before: the graph shows that {why}.",
            range.text()
        ),
    ));
    (range, None)
}

/// Whether the input is of bytes; other types than floating point are refused.
fn is_bytes(value: &ValueInfoProto) -> Result<bool, ContractError> {
    match element(value) {
        Some(DataType::Uint8) => Ok(true),
        None
        | Some(
            DataType::Undefined
            | DataType::Float
            | DataType::Float16
            | DataType::Bfloat16
            | DataType::Double,
        ) => Ok(false),
        Some(_) => Err(ContractError::Type {
            name: value.name.clone(),
            kind: kind_text(value),
        }),
    }
}

/// The element type that a value is declared with.
pub(super) fn element(value: &ValueInfoProto) -> Option<DataType> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    DataType::try_from(tensor.elem_type).ok()
}

/// The element type as the specification names it.
pub(super) fn kind_text(value: &ValueInfoProto) -> String {
    element(value).map_or_else(
        || "unknown".to_owned(),
        |kind| kind.as_str_name().to_lowercase(),
    )
}
