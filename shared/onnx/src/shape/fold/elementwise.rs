//! Element-wise operators and reductions on small values.

use std::cmp::Ordering;

use ndarray::{ArrayD, Zip};

use super::super::super::pb::tensor_proto::DataType;
use super::super::Entry;
use super::super::OnnxError;
use super::super::elementwise::broadcasting;
use super::super::reduction::reduce as reduced_shape;
use super::super::site::Site;
use super::super::value::{Small, array, small_shape};

type IntRule = fn(&Entry, &Entry) -> Entry;
type FloatRule = fn(f32, f32) -> f32;

/// Rules of two integers and of two floats.
fn binary(op: &str) -> Option<(IntRule, FloatRule)> {
    Some(match op {
        "Add" | "Sum" => (Entry::plus, |a, b| a + b),
        "Sub" => (Entry::minus, |a, b| a - b),
        "Mul" => (Entry::times, |a, b| a * b),
        "Div" => (Entry::over, |a, b| a / b),
        "Min" => (Entry::least, f32::min),
        "Max" => (Entry::greatest, f32::max),
        "And" => (Entry::least, f32::min),
        "Or" => (Entry::greatest, f32::max),
        "Xor" => (differ, |_, _| f32::NAN),
        "Pow" => (power, f32::powf),
        _ => return None,
    })
}

/// Exclusive or of two booleans.
fn differ(a: &Entry, b: &Entry) -> Entry {
    match (a, b) {
        (Entry::Known(a), Entry::Known(b)) => Entry::Known(((*a != 0) != (*b != 0)).into()),
        _ => Entry::Unknown,
    }
}

fn power(base: &Entry, exponent: &Entry) -> Entry {
    let known = base.known().zip(exponent.known());
    let power = known.and_then(|(base, exponent)| base.checked_pow(exponent.try_into().ok()?));
    power.map_or(Entry::Unknown, Entry::Known)
}

fn comparison(op: &str) -> Option<fn(Ordering) -> bool> {
    Some(match op {
        "Equal" => Ordering::is_eq,
        "Less" => Ordering::is_lt,
        "LessOrEqual" => Ordering::is_le,
        "Greater" => Ordering::is_gt,
        "GreaterOrEqual" => Ordering::is_ge,
        _ => return None,
    })
}

pub(super) fn fold(site: &Site<'_>) -> Result<Option<Small>, OnnxError> {
    let op = &site.node.op_type[..];
    let Some(first) = site.value(0) else {
        return Ok(None);
    };
    if let Some((ints, floats)) = binary(op) {
        return Ok(chain(site, first, ints, floats));
    }
    let folded = match op {
        "Mod" => {
            let fmod = site.attributes().int("fmod", 0)? != 0;
            site.value(1).and_then(|second| match (first, second) {
                (Small::Ints(a), Small::Ints(b)) => {
                    zip(&output_shape(site)?, a, b, |a, b| a.modulo(b, fmod)).map(Small::Ints)
                }
                _ => None,
            })
        }
        "Where" => choose(site),
        "Cast" => cast(site, first)?,
        "Clip" => clip(site, first)?,
        _ if comparison(op).is_some() => compare(site, first),
        _ => unary(op, first),
    };
    Ok(folded)
}

/// A rule applied from the first input to the last.
fn chain(site: &Site<'_>, first: &Small, ints: IntRule, floats: FloatRule) -> Option<Small> {
    let shape = output_shape(site)?;
    (1..site.node.input.len()).try_fold(first.clone(), |all, index| {
        both(&shape, &all, site.value(index)?, ints, floats)
    })
}

/// A rule applied to two small values of one kind, broadcast to a shape.
fn both(shape: &[usize], a: &Small, b: &Small, ints: IntRule, floats: FloatRule) -> Option<Small> {
    match (a, b) {
        (Small::Ints(a), Small::Ints(b)) => zip(shape, a, b, ints).map(Small::Ints),
        (Small::Floats(a), Small::Floats(b)) => {
            zip(shape, a, b, |a, b| Some(floats((*a)?, (*b)?))).map(Small::Floats)
        }
        _ => None,
    }
}

/// Two small values, broadcast to a shape.
fn zip<T: Clone, U>(
    shape: &[usize],
    a: &ArrayD<T>,
    b: &ArrayD<T>,
    with: impl Fn(&T, &T) -> U,
) -> Option<ArrayD<U>> {
    Some(
        Zip::from(a.broadcast(shape)?)
            .and(b.broadcast(shape)?)
            .map_collect(with),
    )
}

fn output_shape(site: &Site<'_>) -> Option<Vec<usize>> {
    let shapes = broadcasting(site).ok()?;
    small_shape(shapes.first()?.as_ref()?)
}

fn compare(site: &Site<'_>, first: &Small) -> Option<Small> {
    let holds = comparison(&site.node.op_type)?;
    let entry = |order: Option<Ordering>| {
        order.map_or(Entry::Unknown, |order| Entry::Known(holds(order).into()))
    };
    let shape = output_shape(site)?;
    let compared = match (first, site.value(1)?) {
        (Small::Ints(a), Small::Ints(b)) => zip(&shape, a, b, |a, b| entry(a.order(b))),
        (Small::Floats(a), Small::Floats(b)) => zip(&shape, a, b, |a, b| {
            entry(a.zip(*b).and_then(|(a, b)| a.partial_cmp(&b)))
        }),
        _ => None,
    };
    compared.map(Small::Ints)
}

/// Bounds are attributes before operator set 11, inputs from then on, and either may be left out.
fn clip(site: &Site<'_>, first: &Small) -> Result<Option<Small>, OnnxError> {
    let mut clipped = first.clone();
    let rules: [(&str, IntRule, FloatRule); 2] = [
        ("min", Entry::greatest, f32::max),
        ("max", Entry::least, f32::min),
    ];
    for (index, (name, ints, floats)) in rules.into_iter().enumerate() {
        let held = site.attributes().has(name);
        if !held && !site.has(index + 1) {
            continue;
        }
        let attribute = Small::Floats(ArrayD::from_elem(
            vec![],
            Some(site.attributes().float(name, 0.0)?),
        ));
        let bound = match held {
            true => Some(&attribute),
            false => site.value(index + 1),
        };
        let shape = clipped.shape().to_vec();
        let bounded = bound.and_then(|bound| both(&shape, &clipped, bound, ints, floats));
        match bounded {
            Some(bounded) => clipped = bounded,
            None => return Ok(None),
        }
    }
    Ok(Some(clipped))
}

fn choose(site: &Site<'_>) -> Option<Small> {
    let shape = output_shape(site)?;
    let (Small::Ints(condition), then, otherwise) =
        (site.value(0)?, site.value(1)?, site.value(2)?)
    else {
        return None;
    };
    let condition = condition.broadcast(&shape[..])?;
    match (then, otherwise) {
        (Small::Ints(a), Small::Ints(b)) => {
            let (a, b) = (a.broadcast(&shape[..])?, b.broadcast(&shape[..])?);
            let chosen = Zip::from(condition)
                .and(a)
                .and(b)
                .map_collect(|c, a, b| match c {
                    Entry::Known(0) => b.clone(),
                    Entry::Known(_) => a.clone(),
                    _ if a == b => a.clone(),
                    _ => Entry::Unknown,
                });
            Some(Small::Ints(chosen))
        }
        (Small::Floats(a), Small::Floats(b)) => {
            let (a, b) = (a.broadcast(&shape[..])?, b.broadcast(&shape[..])?);
            let chosen = Zip::from(condition)
                .and(a)
                .and(b)
                .map_collect(|c, a, b| match c {
                    Entry::Known(0) => *b,
                    Entry::Known(_) => *a,
                    _ => None,
                });
            Some(Small::Floats(chosen))
        }
        _ => None,
    }
}

fn unary(op: &str, value: &Small) -> Option<Small> {
    match value {
        Small::Ints(entries) => {
            let rule: fn(&Entry) -> Entry = match op {
                "Neg" => |e| Entry::Known(0).minus(e),
                "Abs" => |e| match e {
                    Entry::Known(n) => n.checked_abs().map_or(Entry::Unknown, Entry::Known),
                    open => open.clone(),
                },
                "Not" => |e| match e {
                    Entry::Known(n) => Entry::Known((*n == 0).into()),
                    _ => Entry::Unknown,
                },
                _ => return None,
            };
            Some(Small::Ints(entries.map(rule)))
        }
        Small::Floats(values) => {
            let rule: fn(f32) -> f32 = match op {
                "Neg" => |v| -v,
                "Abs" => f32::abs,
                "Floor" => f32::floor,
                "Ceil" => f32::ceil,
                "Round" => f32::round_ties_even,
                "Sqrt" => f32::sqrt,
                "Reciprocal" => f32::recip,
                _ => return None,
            };
            Some(Small::Floats(values.map(|v| v.map(rule))))
        }
    }
}

fn cast(site: &Site<'_>, value: &Small) -> Result<Option<Small>, OnnxError> {
    let to = i32::try_from(site.attributes().int("to", 0)?).unwrap_or(0);
    let Ok(to) = DataType::try_from(to) else {
        return Ok(None);
    };
    let range = match to {
        DataType::Int64 => (i64::MIN, i64::MAX),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Uint8 => (0, u8::MAX.into()),
        DataType::Uint16 => (0, u16::MAX.into()),
        DataType::Uint32 => (0, u32::MAX.into()),
        DataType::Uint64 => (0, i64::MAX),
        DataType::Bool | DataType::Float | DataType::Double => (0, 0),
        _ => return Ok(None),
    };
    Ok(Some(match (value, to) {
        (Small::Ints(entries), DataType::Float | DataType::Double) => {
            Small::Floats(entries.map(|e| e.known().map(|n| n as f32)))
        }
        (Small::Floats(values), DataType::Float | DataType::Double) => {
            Small::Floats(values.clone())
        }
        (Small::Ints(entries), DataType::Bool) => Small::Ints(entries.map(|e| match e {
            Entry::Known(n) => Entry::Known((*n != 0).into()),
            _ => Entry::Unknown,
        })),
        (Small::Floats(values), DataType::Bool) => Small::Ints(
            values.map(|v| v.map_or(Entry::Unknown, |v| Entry::Known((v != 0.0).into()))),
        ),
        // An open dimension fits whatever holds dimensions.
        (Small::Ints(entries), _) => Small::Ints(entries.map(|e| match e {
            Entry::Known(n) if !(range.0..=range.1).contains(n) => Entry::Unknown,
            fits => fits.clone(),
        })),
        (Small::Floats(values), _) => Small::Ints(values.map(|v| {
            let whole = v.map(f32::trunc).filter(|v| v.abs() < 2f32.powi(62));
            let whole = whole
                .map(|v| v as i64)
                .filter(|n| (range.0..=range.1).contains(n));
            whole.map_or(Entry::Unknown, Entry::Known)
        })),
    }))
}

/// Reductions of all elements of a vector to one, as in the product of a shape.
pub(super) fn reduce(site: &Site<'_>) -> Result<Option<Small>, OnnxError> {
    let rule: IntRule = match &site.node.op_type[..] {
        "ReduceProd" => Entry::times,
        "ReduceSum" => Entry::plus,
        "ReduceMax" => Entry::greatest,
        "ReduceMin" => Entry::least,
        _ => return Ok(None),
    };
    let Some(Small::Ints(entries)) = site.value(0) else {
        return Ok(None);
    };
    let shapes = reduced_shape(site)?;
    let shape = shapes
        .into_iter()
        .flatten()
        .next()
        .and_then(|shape| small_shape(&shape));
    // Only where one element is left are the axes of no further interest.
    let Some(shape) =
        shape.filter(|shape| entries.ndim() <= 1 && shape.iter().product::<usize>() == 1)
    else {
        return Ok(None);
    };
    let Some(all) = entries.iter().cloned().reduce(|a, b| rule(&a, &b)) else {
        return Ok(None);
    };
    Ok(array(&shape, vec![all]).map(Small::Ints))
}
