//! Normalization layers and softmax: rules first, then definitions.

use ndarray::Array2;

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::Attributes;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("BatchNormalization", batch_normalization),
    Operator::definition("GroupNormalization", group_normalization),
    Operator::definition("InstanceNormalization", instance_normalization),
    Operator::rule("LRN", lrn),
    Operator::definition("LayerNormalization", layer_normalization),
    Operator::rule("LogSoftmax", log_softmax),
    Operator::definition("MeanVarianceNormalization", mean_variance_normalization),
    Operator::definition("RMSNormalization", rms_normalization),
    Operator::rule("Softmax", softmax),
];

/// At inference `y = (x − mean) · scale · r + bias` per channel, with `r = 1 / √(var + ε)`: `dx = dy · scale · r`. The sums over
/// all but the channels are `dscale = Σ dy (x − mean) r`, `dbias = Σ dy`, `dmean = −scale r Σ dy` and
/// `dvar = −½ scale r³ Σ dy (x − mean)`.
fn batch_normalization(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    if attributes.int("training_mode", 0)? != 0 {
        return Err(context.unsupported("it is in training mode: export the model for inference"));
    }
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let (scale, variance) = (context.input(1).to_owned(), context.input(4).to_owned());
    let rank = context.rank(context.input(0))? as i64;
    let epsilon = context.scalar(epsilon);
    let guarded = context.op("Add", &[&variance, &epsilon]);
    let deviation = context.op("Sqrt", &[&guarded]);
    let slope = context.op("Div", &[&scale, &deviation]);
    let along_channels = by_channel(context, &slope, rank);
    let dx = context.op("Mul", &[first(arriving), &along_channels]);
    let mut cotangents = vec![Some(dx)];
    if (1..5).any(|index| context.wants(index)) {
        let parameters = [&slope, &guarded, &deviation];
        cotangents.extend(of_parameters(context, first(arriving), parameters, rank).map(Some));
    }
    Ok(cotangents)
}

/// The cotangents of scale, bias, mean and variance, from the slope `scale / √(var + ε)`, `var + ε` and its root.
fn of_parameters(
    context: &mut Context<'_>,
    dy: &str,
    [slope, guarded, deviation]: [&String; 3],
    rank: i64,
) -> [String; 4] {
    let all_but_channels: Vec<i64> = (0..rank).filter(|&axis| axis != 1).collect();
    let (x, mean) = (context.input(0).to_owned(), context.input(3).to_owned());
    let bias = context.sum_over(dy, &all_but_channels, false);
    let centre = by_channel(context, &mean, rank);
    let centred = context.op("Sub", &[&x, &centre]);
    let weighted = context.op("Mul", &[dy, &centred]);
    let weighted = context.sum_over(&weighted, &all_but_channels, false);
    let scale = context.op("Div", &[&weighted, deviation]);
    let (minus, half) = (context.op("Neg", &[slope]), context.scalar(0.5));
    let mean = context.op("Mul", &[&minus, &bias]);
    let cubed = context.op("Div", &[&minus, guarded]);
    let halved = context.op("Mul", &[&cubed, &half]);
    let variance = context.op("Mul", &[&halved, &weighted]);
    [scale, bias, mean, variance]
}

/// A value per channel in the shape `[C, 1, …]`, so that it broadcasts against images of that rank.
fn by_channel(context: &mut Context<'_>, value: &str, rank: i64) -> String {
    let spatial: Vec<i64> = (1..rank - 1).collect();
    if spatial.is_empty() {
        return value.to_owned();
    }
    context.unsqueeze(value, &spatial)
}

/// `y = x · d^(−β)` with `d = bias + α/size · Σ x²`, the sum over `size` channels around each (Krizhevsky et al., *ImageNet
/// Classification with Deep Convolutional Neural Networks*, 2012): `dx = dy · d^(−β) − 2αβ/size · x · Σ dy · y / d`, the sum
/// over the channels whose sum has this one. Both sums are products with a matrix of zeros and ones.
fn lrn(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let attributes = Attributes(context.node);
    let (alpha, beta, bias) = (
        attributes.float("alpha", 1e-4)?,
        attributes.float("beta", 0.75)?,
        attributes.float("bias", 1.0)?,
    );
    let size = attributes.int("size", 1)?.max(1) as usize;
    let (x, y) = (context.input(0).to_owned(), context.output().to_owned());
    let channels = context
        .size_along(&x, 1)
        .ok_or_else(|| context.open_shape(&x))?;
    // One table for the way there and one for the way back.
    for _ in 0..2 {
        context.reserve(
            channels.saturating_mul(channels),
            "it has too many channels",
        )?;
    }
    let around = Array2::from_shape_fn((channels, channels), |(of, other)| {
        let first = of.saturating_sub((size - 1) / 2);
        f32::from(u8::from(other >= first && other <= of + size / 2))
    });

    let planes = context.ints(&[0, 0, -1]);
    let [x_flat, y_flat, dy_flat] =
        [&x[..], &y, first(arriving)].map(|value| context.op("Reshape", &[value, &planes]));
    let square = context.op("Mul", &[&x_flat, &x_flat]);
    let sum = context.along(&square, 3, 1, &around);
    let (bias, alpha_share) = (context.scalar(bias), context.scalar(alpha / size as f32));
    let scaled = context.op("Mul", &[&sum, &alpha_share]);
    let divisor = context.op("Add", &[&scaled, &bias]);

    let exponent = context.scalar(-beta);
    let power = context.op("Pow", &[&divisor, &exponent]);
    let direct = context.op("Mul", &[&dy_flat, &power]);
    let weighted = context.op("Mul", &[&dy_flat, &y_flat]);
    let quotient = context.op("Div", &[&weighted, &divisor]);
    let back = context.along(&quotient, 3, 1, &around.reversed_axes());
    let factor = context.scalar(2.0 * alpha * beta / size as f32);
    let share = context.op("Mul", &[&x_flat, &back]);
    let share = context.op("Mul", &[&share, &factor]);
    let dx = context.op("Sub", &[&direct, &share]);
    Ok(vec![Some(context.reshape_like(&dx, &x))])
}

/// The axis that a softmax runs along.
fn softmax_axis(context: &Context<'_>) -> Result<i64, AutodiffError> {
    let rank = context.rank(context.input(0))?;
    let axis = Attributes(context.node).int("axis", -1)?;
    Ok(context.axis(axis, rank)? as i64)
}

/// `y = softmax x`: `dx = y · (dy − Σ dy · y)`.
fn softmax(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = softmax_axis(context)?;
    let y = context.output().to_owned();
    let weighted = context.op("Mul", &[first(arriving), &y]);
    let sum = context.sum_over(&weighted, &[axis], true);
    let centred = context.op("Sub", &[first(arriving), &sum]);
    Ok(vec![Some(context.op("Mul", &[&y, &centred]))])
}

/// `y = log softmax x`: `dx = dy − eʸ · Σ dy`.
fn log_softmax(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = softmax_axis(context)?;
    let y = context.output().to_owned();
    let sum = context.sum_over(first(arriving), &[axis], true);
    let probabilities = context.op("Exp", &[&y]);
    let share = context.op("Mul", &[&probabilities, &sum]);
    Ok(vec![Some(context.op("Sub", &[first(arriving), &share]))])
}

/// What a definition returns: the name of the value that it computes.
type Defined = Result<String, AutodiffError>;

/// `(x − mean) / √(var + ε)`, mean and variance over the given axes; without `centred`, `x / √(mean x² + ε)`.
fn standardised(
    context: &mut Context<'_>,
    x: &str,
    axes: &[i64],
    epsilon: f32,
    centred: bool,
) -> String {
    let centre = if centred {
        let mean = context.mean_over(x, axes, true);
        context.op("Sub", &[x, &mean])
    } else {
        x.to_owned()
    };
    let square = context.op("Mul", &[&centre, &centre]);
    let variance = context.mean_over(&square, axes, true);
    let epsilon = context.scalar(epsilon);
    let guarded = context.op("Add", &[&variance, &epsilon]);
    let deviation = context.op("Sqrt", &[&guarded]);
    context.op("Div", &[&centre, &deviation])
}

/// `y = x̂ · scale + bias` with `x̂` standardised over the axes from `axis` to the last (Ba et al., *Layer
/// Normalization*, 2016).
fn layer_normalization(context: &mut Context<'_>) -> Defined {
    let y = normalised_behind_axis(context, true)?;
    Ok(match context.input(2).to_owned() {
        bias if bias.is_empty() => y,
        bias => context.op("Add", &[&y, &bias]),
    })
}

/// `y = x / √(mean x² + ε) · scale` over the axes from `axis` to the last (Zhang and Sennrich, *Root Mean Square Layer
/// Normalization*, 2019).
fn rms_normalization(context: &mut Context<'_>) -> Defined {
    normalised_behind_axis(context, false)
}

fn normalised_behind_axis(context: &mut Context<'_>, centred: bool) -> Defined {
    let (x, scale) = (context.input(0).to_owned(), context.input(1).to_owned());
    let attributes = Attributes(context.node);
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let axes: Vec<i64> = match attributes.int("axis", -1)? {
        // No value whose shape is known has as many axes, and this one's may be open.
        axis @ ..-64 => return Err(context.unsupported(format!("its axis {axis} does not exist"))),
        axis @ -64..0 => (axis..0).collect(),
        axis => (axis..context.rank(&x)? as i64).collect(),
    };
    let standard = standardised(context, &x, &axes, epsilon, centred);
    Ok(context.op("Mul", &[&standard, &scale]))
}

/// `y = x̂ · scale + bias` per channel, `x̂` standardised over the spatial axes of each image (Ulyanov et al., *Instance
/// Normalization*, 2016).
fn instance_normalization(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let epsilon = Attributes(context.node).float("epsilon", 1e-5)?;
    let axes: Vec<i64> = (2..context.rank(&x)? as i64).collect();
    let standard = standardised(context, &x, &axes, epsilon, true);
    scaled_by_channel(context, &standard, axes.len())
}

/// `x · scale + bias`, both `[C]`, for `x` of shape `[N, C, …]` with so many axes behind the channels.
fn scaled_by_channel(context: &mut Context<'_>, x: &str, behind: usize) -> Defined {
    let axes: Vec<i64> = (1..=behind as i64).collect();
    let [scale, bias] = [1, 2].map(|index| {
        let parameter = context.input(index).to_owned();
        if axes.is_empty() {
            parameter
        } else {
            context.unsqueeze(&parameter, &axes)
        }
    });
    let scaled = context.op("Mul", &[x, &scale]);
    Ok(context.op("Add", &[&scaled, &bias]))
}

/// `y = x̂ · scale + bias` with `x̂` standardised over each group of channels and all of its positions (Wu and He, *Group
/// Normalization*, 2018). `scale` and `bias` have an entry per group in operator set 18 and per channel from 21 on.
fn group_normalization(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let attributes = Attributes(context.node);
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let groups = attributes.int("num_groups", 0)?;
    if groups < 1 {
        return Err(context.unsupported("`num_groups` must be positive"));
    }
    let behind = context.rank(&x)?.saturating_sub(2);
    let grouped_shape = context.ints(&[0, groups, -1]);
    let grouped = context.op("Reshape", &[&x, &grouped_shape]);
    let standard = standardised(context, &grouped, &[-1], epsilon, true);
    if context.opset < 21 {
        let scaled = scaled_by_channel(context, &standard, 1)?;
        return Ok(context.reshape_like(&scaled, &x));
    }
    let standard = context.reshape_like(&standard, &x);
    scaled_by_channel(context, &standard, behind)
}

/// `y = (x − mean) / √var` over the given axes, without scale or guard but for the specification's 1e-9.
fn mean_variance_normalization(context: &mut Context<'_>) -> Defined {
    let x = context.input(0).to_owned();
    let axes = Attributes(context.node).ints("axes")?;
    let axes = axes.unwrap_or(&[0, 2, 3]).to_vec();
    let mean = context.mean_over(&x, &axes, true);
    let centre = context.op("Sub", &[&x, &mean]);
    let square = context.op("Mul", &[&centre, &centre]);
    let variance = context.mean_over(&square, &axes, true);
    let deviation = context.op("Sqrt", &[&variance]);
    let guard = context.scalar(1e-9);
    let guarded = context.op("Add", &[&deviation, &guard]);
    Ok(context.op("Div", &[&centre, &guarded]))
}
