//! Rules of the operators that read or write elements at computed positions.

use super::AutodiffError;
use super::arithmetic::first;
use super::context::{Context, Cotangents};
use super::rule::Operator;
use onnx_edit::{AttributeValue, Attributes};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::rule("GatherElements", gather_elements),
    Operator::rule("ScatterElements", scatter_elements),
    Operator::rule("ScatterND", scatter_nd),
];

/// `y[p] = x[index p]` along an axis: `dy` is added up at the indices.
fn gather_elements(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let (x, indices) = (context.input(0).to_owned(), context.input(1).to_owned());
    let axis = Attributes(context.node).int("axis", 0)?;
    let zeros = context.zeros_like(&x);
    let dx = Kind::Elements { axis }.put(context, [&zeros, &indices, first(arriving)], "add");
    Ok(vec![Some(dx)])
}

/// The two ways of addressing: one index per element along an axis, or tuples of leading indices.
#[derive(Clone, Copy)]
enum Kind {
    Elements { axis: i64 },
    Tuples,
}

impl Kind {
    /// Writes `[data, indices, updates]`.
    fn put(self, context: &mut Context<'_>, inputs: [&str; 3], reduction: &str) -> String {
        let reduction = ("reduction", AttributeValue::from(reduction));
        match self {
            Self::Elements { axis } => context.node(
                "ScatterElements",
                &inputs,
                [("axis", axis.into()), reduction],
            ),
            Self::Tuples => context.node("ScatterND", &inputs, [reduction]),
        }
    }

    /// Reads `[data, indices]`.
    fn take(self, context: &mut Context<'_>, inputs: [&str; 2]) -> String {
        match self {
            Self::Elements { axis } => {
                context.node("GatherElements", &inputs, [("axis", axis.into())])
            }
            Self::Tuples => context.op("GatherND", &inputs),
        }
    }
}

/// `y` is the data with single elements replaced or combined with updates: see [`scatter`].
fn scatter_elements(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    let axis = Attributes(context.node).int("axis", 0)?;
    scatter(context, first(arriving), Kind::Elements { axis })
}

/// `y` is the data with slices replaced or combined with updates: see [`scatter`].
fn scatter_nd(context: &mut Context<'_>, arriving: &[Option<String>]) -> Cotangents {
    scatter(context, first(arriving), Kind::Tuples)
}

/// By `reduction`:
/// - none: the data's cotangent is `dy`, 0 at the indices; the updates' is `dy` there;
/// - add: the data's is `dy`, the updates' is `dy` at the indices;
/// - mul: the data's is `dy` times the updates; the updates' is `dy · y / update` at the indices;
/// - max, min: `dy` goes to the candidates that equal `y`, in equal parts where several do, as PyTorch's `scatter_reduce`
///   with `amax` and `amin`.
fn scatter(context: &mut Context<'_>, dy: &str, kind: Kind) -> Cotangents {
    let [data, indices, updates] = [0, 1, 2].map(|index| context.input(index).to_owned());
    let reduction = Attributes(context.node)
        .string("reduction", "none")?
        .to_owned();
    let (for_data, for_updates) = match &reduction[..] {
        "none" => {
            let zeros = context.zeros_like(&updates);
            let kept = kind.put(context, [dy, &indices, &zeros], "none");
            (kept, kind.take(context, [dy, &indices]))
        }
        "add" => (dy.to_owned(), kind.take(context, [dy, &indices])),
        "mul" => product(context, dy, kind)?,
        "max" | "min" => extremum(context, dy, kind, [&data, &indices, &updates]),
        other => return Err(context.unsupported(format!("its reduction `{other}` is unknown"))),
    };
    Ok(vec![Some(for_data), None, Some(for_updates)])
}

/// The cotangents of data and updates where they are multiplied.
fn product(
    context: &mut Context<'_>,
    dy: &str,
    kind: Kind,
) -> Result<(String, String), AutodiffError> {
    let (indices, updates) = (context.input(1).to_owned(), context.input(2).to_owned());
    let y = context.output().to_owned();
    let for_data = kind.put(context, [dy, &indices, &updates], "mul");
    let weighted = context.op("Mul", &[dy, &y]);
    let there = kind.take(context, [&weighted, &indices]);
    Ok((for_data, context.op("Div", &[&there, &updates])))
}

/// The cotangents of data and updates where the largest or smallest of them is kept.
fn extremum(
    context: &mut Context<'_>,
    dy: &str,
    kind: Kind,
    [data, indices, updates]: [&str; 3],
) -> (String, String) {
    let y = context.output().to_owned();
    let here = context.op("Equal", &[data, &y]);
    let result = kind.take(context, [&y, indices]);
    let there = context.op("Equal", &[updates, &result]);
    let (ones_here, ones_there) = (context.indicator(&here), context.indicator(&there));
    let count = kind.put(context, [&ones_here, indices, &ones_there], "add");
    let share = context.op("Div", &[dy, &count]);
    let share_there = kind.take(context, [&share, indices]);
    let zero = context.scalar(0.0);
    (
        context.op("Where", &[&here, &share, &zero]),
        context.op("Where", &[&there, &share_there, &zero]),
    )
}
