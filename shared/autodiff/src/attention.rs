//! The definition of scaled dot-product attention.

use super::AutodiffError;
use super::context::Context;
use super::rule::Operator;
use onnx_edit::Attributes;
use onnx_edit::pb::{tensor_proto::DataType, type_proto};

pub(super) const OPERATORS: &[Operator] = &[Operator::definition("Attention", attention)];

/// What a definition returns: the name of the value that it computes.
type Defined = Result<String, AutodiffError>;

/// `y = softmax(s · q kᵀ + bias) v` per head (Vaswani et al., *Attention Is All You Need*, 2017), with ONNX's soft cap
/// `c · tanh(· / c)` in the place of the bias. Queries, keys and values are `[N, heads, length, size]` or
/// `[N, length, heads · size]`. A cache of earlier keys and shared key heads belong to the generation of text and are refused.
fn attention(context: &mut Context<'_>) -> Defined {
    let given = |context: &Context<'_>, index| !context.input(index).is_empty();
    if given(context, 4) || given(context, 5) {
        return Err(context.unsupported("it has a cache of earlier keys and values"));
    }
    if given(context, 6) {
        return Err(context.unsupported("it is given the number of keys that are not padding"));
    }
    let attributes = Attributes(context.node);
    let cap = attributes.float("softcap", 0.0)?;
    let (masked, causal) = (given(context, 3), attributes.int("is_causal", 0)? != 0);
    // Versions of the specification differ in what comes first, and in whether the two masks may meet.
    if (masked && causal) || (cap > 0.0 && (masked || causal)) {
        return Err(context.unsupported("it has two of a mask, causality and a soft cap"));
    }
    let inputs = [0, 1, 2].map(|index| context.input(index).to_owned());
    let joined = context.rank(&inputs[0])? == 3;
    let heads = heads(context, &inputs, joined)?;
    let scale = scale(context, &inputs[0], joined.then_some(heads))?;
    let [query, key, value] = inputs.map(|input| match joined {
        true => split_heads(context, &input, heads),
        false => input,
    });

    let scaled = context.op("Mul", &[&query, &scale]);
    let turned = context.node("Transpose", &[&key], [("perm", vec![0, 1, 3, 2].into())]);
    let mut scores = context.op("MatMul", &[&scaled, &turned]);
    if let Some(bias) = bias(context, &scores)? {
        scores = context.op("Add", &[&scores, &bias]);
    }
    if cap > 0.0 {
        let cap = context.scalar(cap);
        let small = context.op("Div", &[&scores, &cap]);
        let capped = context.op("Tanh", &[&small]);
        scores = context.op("Mul", &[&capped, &cap]);
    }
    let weights = context.node("Softmax", &[&scores], [("axis", (-1).into())]);
    let y = context.op("MatMul", &[&weights, &value]);
    if !joined {
        return Ok(y);
    }
    let swapped = context.node("Transpose", &[&y], [("perm", vec![0, 2, 1, 3].into())]);
    let flat = context.ints(&[0, 0, -1]);
    Ok(context.op("Reshape", &[&swapped, &flat]))
}

/// The number of heads, the same for queries, keys and values.
fn heads(context: &Context<'_>, inputs: &[String; 3], joined: bool) -> Result<i64, AutodiffError> {
    let attributes = Attributes(context.node);
    let counts = if joined {
        let kv = attributes.int("kv_num_heads", 0)?;
        [attributes.int("q_num_heads", 0)?, kv, kv]
    } else {
        let mut counts = [0; 3];
        for (count, input) in counts.iter_mut().zip(inputs) {
            let size = context.size_along(input, 1);
            *count = size.ok_or_else(|| context.open_shape(input))? as i64;
        }
        counts
    };
    if counts[0] < 1 || counts.iter().any(|&count| count != counts[0]) {
        let why = format!(
            "it has {} heads of queries and {} of keys",
            counts[0], counts[1]
        );
        return Err(context.unsupported(why));
    }
    Ok(counts[0])
}

/// The factor of the scores: given, or one over the root of a head's size.
fn scale(context: &mut Context<'_>, query: &str, heads: Option<i64>) -> Defined {
    let mut scale = Attributes(context.node).float("scale", 0.0)?;
    if scale == 0.0 {
        let last = context.rank(query)?.saturating_sub(1);
        let size = context.size_along(query, last);
        let size = size.ok_or_else(|| context.open_shape(query))?;
        scale = (heads.unwrap_or(1) as f32 / size as f32).sqrt();
    }
    Ok(context.scalar(scale))
}

/// `[N, length, heads · size]` as `[N, heads, length, size]`.
fn split_heads(context: &mut Context<'_>, value: &str, heads: i64) -> String {
    let split = context.ints(&[0, 0, heads, -1]);
    let split = context.op("Reshape", &[value, &split]);
    context.node("Transpose", &[&split], [("perm", vec![0, 2, 1, 3].into())])
}

/// What is added to the scores: a mask that is given, or that of the keys behind each query.
fn bias(context: &mut Context<'_>, scores: &str) -> Result<Option<String>, AutodiffError> {
    let mask = context.input(3).to_owned();
    let visible = if !mask.is_empty() {
        match element_type(context, &mask) {
            Some(DataType::Bool) => mask,
            Some(_) => return Ok(Some(mask)),
            None => return Err(context.unsupported("the type of its mask is not declared")),
        }
    } else if Attributes(context.node).int("is_causal", 0)? != 0 {
        let sizes = context.node("Shape", &[scores], [("start", 2.into())]);
        let one = context.scalar(1.0);
        let ones = context.op("Expand", &[&one, &sizes]);
        let lower = context.node("Trilu", &[&ones], [("upper", 0.into())]);
        context.op("Equal", &[&lower, &one])
    } else {
        return Ok(None);
    };
    let (zero, never) = (context.scalar(0.0), context.scalar(f32::NEG_INFINITY));
    Ok(Some(context.op("Where", &[&visible, &zero, &never])))
}

/// The type of a value's elements, where the file says it.
fn element_type(context: &Context<'_>, value: &str) -> Option<DataType> {
    let graph = context.builder.graph();
    let declared = graph.input.iter().chain(&graph.value_info);
    let declared = declared.filter(|info| info.name == value).find_map(|info| {
        let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()? else {
            return None;
        };
        Some(tensor.elem_type)
    });
    let kind = declared.or_else(|| Some(context.held(value)?.data_type))?;
    DataType::try_from(kind).ok()
}
