//! One shape rule per family of operators.

use super::super::pb::NodeProto;
use super::super::{Attributes, Model, OnnxError};
use super::{Dim, Shape, Shapes, broadcast, window};

type Inferred = Result<Vec<Option<Shape>>, OnnxError>;

/// The shapes of a node's outputs, in order; `None` for what cannot be told.
pub(super) fn infer(node: &NodeProto, known: &Shapes, opset: i64) -> Inferred {
    match &node.op_type[..] {
        "Conv" => conv(node, known),
        "MaxPool" | "AveragePool" | "LpPool" => pool(node, known),
        "GlobalAveragePool" | "GlobalMaxPool" => global_pool(node, known),
        "Gemm" => gemm(node, known),
        "MatMul" => matmul(node, known),
        "Flatten" => flatten(node, known),
        "Reshape" => reshape(node, known),
        "Transpose" => transpose(node, known),
        "Concat" => concat(node, known),
        "Squeeze" | "Unsqueeze" => squeeze(node, known),
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL2" | "ReduceProd" => {
            reduce(node, known, opset)
        }
        "Shape" => Ok(vec![
            known
                .input(node, 0)
                .map(|shape| vec![Dim::Known(shape.len())]),
        ]),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "Where"
        | "Greater" | "Less" | "Equal" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or"
        | "Xor" | "Mod" | "PRelu" => elementwise(node, known),
        "Relu"
        | "LeakyRelu"
        | "Elu"
        | "Selu"
        | "Celu"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Tanh"
        | "Softplus"
        | "Softsign"
        | "Mish"
        | "Gelu"
        | "Erf"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Abs"
        | "Neg"
        | "Reciprocal"
        | "Sin"
        | "Cos"
        | "Clip"
        | "Softmax"
        | "LogSoftmax"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LayerNormalization"
        | "LRN"
        | "Identity"
        | "Cast"
        | "Dropout"
        | "Not"
        | "Sign"
        | "Floor"
        | "Ceil"
        | "Round"
        | "IsNaN" => Ok(vec![known.input(node, 0).cloned()]),
        _ => Ok(vec![]),
    }
}

fn unfit<T>(node: &NodeProto, known: &Shapes) -> Result<T, OnnxError> {
    let shapes: Vec<String> = (0..node.input.len())
        .filter_map(|i| known.input(node, i))
        .map(|shape| {
            format!(
                "[{}]",
                shape
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        })
        .collect();
    Err(Model::node_error(
        node,
        format!(
            "its inputs' shapes {} do not fit together",
            shapes.join(" and ")
        ),
    ))
}

/// A dimension counted from the end where it is negative; `None` outside the rank.
fn axis(axis: i64, rank: usize) -> Option<usize> {
    let counted = if axis < 0 {
        axis + i64::try_from(rank).ok()?
    } else {
        axis
    };
    usize::try_from(counted).ok().filter(|&a| a < rank)
}

fn windowed(node: &NodeProto, input: &[Dim], channels: Dim, kernel: Option<&[usize]>) -> Inferred {
    let spatial: Vec<Option<usize>> = input[2..].iter().map(Dim::known).collect();
    let window = window(node, &spatial, kernel)?;
    let mut shape = vec![input[0].clone(), channels];
    for (index, size) in spatial.into_iter().enumerate() {
        shape.push(match size {
            None => Dim::Unknown,
            Some(size) => Dim::Known(window.positions(index, size).ok_or_else(|| {
                Model::node_error(
                    node,
                    format!("its window is larger than the input's {size} with padding"),
                )
            })?),
        });
    }
    Ok(vec![Some(shape)])
}

fn conv(node: &NodeProto, known: &Shapes) -> Inferred {
    let (Some(input), Some(weight)) = (known.input(node, 0), known.input(node, 1)) else {
        return Ok(vec![]);
    };
    if input.len() < 3 || weight.len() != input.len() {
        return unfit(node, known);
    }
    let group = Attributes(node).int("group", 1)?;
    let group = usize::try_from(group).ok().filter(|&g| g > 0);
    let group = group.ok_or_else(|| Model::node_error(node, "`group` must be positive"))?;
    if let (Some(channels), Some(per_group)) = (input[1].known(), weight[1].known())
        && per_group.checked_mul(group) != Some(channels)
    {
        return unfit(node, known);
    }
    let kernel: Option<Vec<usize>> = weight[2..].iter().map(Dim::known).collect();
    windowed(node, input, weight[0].clone(), kernel.as_deref())
}

fn pool(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(input) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    if input.len() < 3 {
        return unfit(node, known);
    }
    let shape = windowed(node, input, input[1].clone(), None)?;
    Ok(shape
        .iter()
        .cycle()
        .take(node.output.len())
        .cloned()
        .collect())
}

fn global_pool(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(input) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    let pooled = input
        .iter()
        .enumerate()
        .map(|(i, d)| if i < 2 { d.clone() } else { Dim::Known(1) });
    Ok(vec![Some(pooled.collect())])
}

fn gemm(node: &NodeProto, known: &Shapes) -> Inferred {
    let (Some(a), Some(b)) = (known.input(node, 0), known.input(node, 1)) else {
        return Ok(vec![]);
    };
    let attributes = Attributes(node);
    if a.len() != 2 || b.len() != 2 {
        return unfit(node, known);
    }
    let (transpose_a, transpose_b) = (
        attributes.int("transA", 0)? != 0,
        attributes.int("transB", 0)? != 0,
    );
    let (inner_a, inner_b) = (&a[usize::from(!transpose_a)], &b[usize::from(transpose_b)]);
    if let (Some(x), Some(y)) = (inner_a.known(), inner_b.known())
        && x != y
    {
        return unfit(node, known);
    }
    Ok(vec![Some(vec![
        a[usize::from(transpose_a)].clone(),
        b[usize::from(!transpose_b)].clone(),
    ])])
}

fn matmul(node: &NodeProto, known: &Shapes) -> Inferred {
    let (Some(a), Some(b)) = (known.input(node, 0), known.input(node, 1)) else {
        return Ok(vec![]);
    };
    let ([batch_a @ .., rows, _], [batch_b @ .., _, columns]) = (&a[..], &b[..]) else {
        return Ok(vec![]);
    };
    let Some(mut shape) = broadcast(batch_a, batch_b) else {
        return unfit(node, known);
    };
    shape.extend([rows.clone(), columns.clone()]);
    Ok(vec![Some(shape)])
}

/// The product of dimensions: a number, a single name, or unknown.
fn product(dims: &[Dim]) -> Dim {
    let named: Vec<&Dim> = dims.iter().filter(|d| **d != Dim::Known(1)).collect();
    match (
        dims.iter()
            .map(Dim::known)
            .try_fold(1usize, |all, d| all.checked_mul(d?)),
        &named[..],
    ) {
        (Some(all), _) => Dim::Known(all),
        (None, [one]) => (*one).clone(),
        _ => Dim::Unknown,
    }
}

fn flatten(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(input) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    let at = Attributes(node).int("axis", 1)?;
    let at = if at == input.len() as i64 {
        Some(input.len())
    } else {
        axis(at, input.len())
    };
    let Some(at) = at else {
        return unfit(node, known);
    };
    Ok(vec![Some(vec![
        product(&input[..at]),
        product(&input[at..]),
    ])])
}

fn reshape(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(wanted) = known.constant_input(node, 1) else {
        return Ok(vec![]);
    };
    let input = known.input(node, 0);
    let keep_zero = Attributes(node).int("allowzero", 0)? != 0;
    let mut shape: Shape = wanted
        .iter()
        .enumerate()
        .map(|(i, &w)| match usize::try_from(w) {
            Ok(0) if !keep_zero => input
                .and_then(|s| s.get(i))
                .cloned()
                .unwrap_or(Dim::Unknown),
            Ok(size) => Dim::Known(size),
            Err(_) => Dim::Unknown,
        })
        .collect();
    if let (Some(open), Some(input)) = (wanted.iter().position(|&w| w == -1), input) {
        shape[open] = rest(input, &shape, open);
    }
    Ok(vec![Some(shape)])
}

/// What a reshape's `-1` stands for: the input's elements without those that the other dimensions take.
fn rest(input: &[Dim], shape: &[Dim], open: usize) -> Dim {
    let mut left: Vec<Dim> = input.to_vec();
    let mut taken = 1usize;
    for (_, dim) in shape.iter().enumerate().filter(|(i, _)| *i != open) {
        match dim {
            Dim::Known(size) => taken = taken.saturating_mul(*size),
            named => match left.iter().position(|d| d == named && *d != Dim::Unknown) {
                Some(found) => left[found] = Dim::Known(1),
                None => return Dim::Unknown,
            },
        }
    }
    let numbers: usize = left
        .iter()
        .filter_map(Dim::known)
        .fold(1, usize::saturating_mul);
    let names: Vec<&Dim> = left.iter().filter(|d| d.known().is_none()).collect();
    match (&names[..], taken > 0 && numbers.is_multiple_of(taken)) {
        ([], true) => Dim::Known(numbers / taken),
        ([name], true) if numbers == taken => (*name).clone(),
        _ => Dim::Unknown,
    }
}

fn transpose(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(input) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    let Some(order) = Attributes(node).ints("perm")? else {
        return Ok(vec![Some(input.iter().rev().cloned().collect())]);
    };
    let shape: Option<Shape> = order
        .iter()
        .map(|&a| Some(input[axis(a, input.len())?].clone()))
        .collect();
    match shape {
        Some(shape) if shape.len() == input.len() => Ok(vec![Some(shape)]),
        _ => unfit(node, known),
    }
}

fn concat(node: &NodeProto, known: &Shapes) -> Inferred {
    let Some(first) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    let Some(at) = axis(Attributes(node).int("axis", 0)?, first.len()) else {
        return unfit(node, known);
    };
    let mut total = Some(0);
    for index in 0..node.input.len() {
        let size = known
            .input(node, index)
            .and_then(|s| s.get(at))
            .and_then(Dim::known);
        total = total.zip(size).map(|(a, b)| a + b);
    }
    let mut shape = first.clone();
    shape[at] = total.map_or(Dim::Unknown, Dim::Known);
    Ok(vec![Some(shape)])
}

/// The axes of a reduction or (un)squeeze: an attribute in old operator sets, an input in new ones.
fn axes<'a>(node: &'a NodeProto, known: &'a Shapes) -> Result<Option<&'a [i64]>, OnnxError> {
    Ok(match Attributes(node).ints("axes")? {
        Some(axes) => Some(axes),
        None => known.constant_input(node, 1),
    })
}

fn squeeze(node: &NodeProto, known: &Shapes) -> Inferred {
    let (Some(input), Some(axes)) = (known.input(node, 0), axes(node, known)?) else {
        return Ok(vec![]);
    };
    let adds = node.op_type == "Unsqueeze";
    let rank = if adds {
        input.len() + axes.len()
    } else {
        input.len()
    };
    let Some(axes) = axes
        .iter()
        .map(|&a| axis(a, rank))
        .collect::<Option<Vec<_>>>()
    else {
        return unfit(node, known);
    };
    if !adds {
        let kept = input
            .iter()
            .enumerate()
            .filter(|(i, _)| !axes.contains(i))
            .map(|(_, d)| d.clone());
        return Ok(vec![Some(kept.collect())]);
    }
    let mut old = input.iter().cloned();
    let shape = (0..rank).map(|i| {
        if axes.contains(&i) {
            Some(Dim::Known(1))
        } else {
            old.next()
        }
    });
    match shape.collect() {
        Some(shape) => Ok(vec![Some(shape)]),
        None => unfit(node, known),
    }
}

fn reduce(node: &NodeProto, known: &Shapes, opset: i64) -> Inferred {
    let Some(input) = known.input(node, 0) else {
        return Ok(vec![]);
    };
    let attributes = Attributes(node);
    let given = axes(node, known)?;
    // Axes in an input that is not constant cannot be told.
    if given.is_none() && opset >= 13 && node.input.get(1).is_some_and(|name| !name.is_empty()) {
        return Ok(vec![]);
    }
    let every: Vec<i64> = (0..input.len() as i64).collect();
    let all = if attributes.int("noop_with_empty_axes", 0)? != 0 {
        &[][..]
    } else {
        &every[..]
    };
    let given = given.filter(|axes| !axes.is_empty()).unwrap_or(all);
    let Some(axes) = given
        .iter()
        .map(|&a| axis(a, input.len()))
        .collect::<Option<Vec<_>>>()
    else {
        return unfit(node, known);
    };
    let keep = attributes.int("keepdims", 1)? != 0;
    let reduced = input
        .iter()
        .enumerate()
        .filter_map(|(i, d)| match axes.contains(&i) {
            false => Some(d.clone()),
            true => keep.then_some(Dim::Known(1)),
        });
    Ok(vec![Some(reduced.collect())])
}

fn elementwise(node: &NodeProto, known: &Shapes) -> Inferred {
    let mut shape: Shape = vec![];
    for index in 0..node.input.len() {
        let Some(input) = known.input(node, index) else {
            return Ok(vec![]);
        };
        let Some(both) = broadcast(&shape, input) else {
            return unfit(node, known);
        };
        shape = both;
    }
    Ok(vec![Some(shape)])
}
