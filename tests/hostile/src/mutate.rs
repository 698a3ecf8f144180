//! Single changes to bytes and to models.

use pellucid_shared::onnx::pb::{
    AttributeProto, GraphProto, ModelProto, TensorProto, attribute_proto::AttributeType,
    tensor_shape_proto, type_proto,
};
use pellucid_shared::onnx::{floats, ints};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Integers at which arithmetic ends, or a size does.
const INTEGERS: &[i64] = &[
    0,
    -1,
    1,
    2,
    3,
    5,
    17,
    255,
    -100,
    1_000,
    20_000,
    1 << 20,
    i32::MAX as i64,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 62,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
];
const FLOATS: &[f32] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-45,
    1e-30,
    3e38,
    -3e38,
    1e20,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    1e12,
    0.001,
];
const OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "ArgMax",
    "Cast",
    "Ceil",
    "Compress",
    "Concat",
    "ConvTranspose",
    "Cos",
    "CumSum",
    "Dropout",
    "Einsum",
    "Exp",
    "EyeLike",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherND",
    "Identity",
    "If",
    "InstanceNormalization",
    "LSTM",
    "Log",
    "Loop",
    "MatMul",
    "Mod",
    "NonZero",
    "OneHot",
    "Pow",
    "QuantizeLinear",
    "RandomNormal",
    "ReduceProd",
    "Reshape",
    "ReverseSequence",
    "ScatterElements",
    "Shape",
    "Size",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "StringNormalizer",
    "Sum",
    "Tile",
    "TopK",
    "Transpose",
    "Unique",
    "Unsqueeze",
    "Where",
    "Xor",
    "NoSuchOperator",
];

fn one<T: Copy>(chance: &mut ChaCha8Rng, all: &[T]) -> T {
    all[chance.random_range(0..all.len())]
}

/// A name as nobody should give one.
fn name(chance: &mut ChaCha8Rng) -> String {
    match chance.random_range(0..7) {
        0 => String::new(),
        1 => "\u{1b}[2J\u{1b}[31mred\n\u{202e}gnp.exe".into(),
        2 => "x".repeat(100_000),
        3 => "a\0b".into(),
        4 => "../../etc/passwd".into(),
        5 => "image".into(),
        _ => "grad/conv/Relu".into(),
    }
}

/// Cuts, flips, doubles or inserts bytes; says which.
pub(crate) fn bytes(chance: &mut ChaCha8Rng, bytes: &mut Vec<u8>) -> String {
    let at = chance.random_range(0..bytes.len().max(1)).min(bytes.len());
    match chance.random_range(0..5) {
        0 => {
            bytes.truncate(at);
            format!("cut to {at} bytes")
        }
        1 => {
            for _ in 0..chance.random_range(1..8) {
                let at = chance.random_range(0..bytes.len());
                bytes[at] ^= 1 << chance.random_range(0..8);
            }
            "bits flipped".into()
        }
        2 => {
            let piece = bytes[at..].iter().copied().take(64).collect::<Vec<_>>();
            bytes.splice(at..at, piece);
            format!("a piece doubled at {at}")
        }
        3 => {
            let noise: Vec<u8> = (0..chance.random_range(1..32))
                .map(|_| chance.random())
                .collect();
            bytes.splice(at..at, noise);
            format!("noise put in at {at}")
        }
        _ => {
            let end = (at + 16).min(bytes.len());
            bytes[at..end].fill(0xff);
            format!("16 bytes filled at {at}")
        }
    }
}

/// Changes one thing in a model; says what.
pub(crate) fn proto(chance: &mut ChaCha8Rng, proto: &mut ModelProto) -> String {
    match chance.random_range(0..12) {
        0 => {
            let version = one(
                chance,
                &[-1, 0, 6, 7, 9, 10, 11, 12, 13, 18, 21, 24, 25, i64::MAX],
            );
            if let Some(set) = proto.opset_import.first_mut() {
                set.version = version;
            }
            return format!("operator set {version}");
        }
        1 => {
            proto.producer_name = name(chance);
            return "producer".into();
        }
        _ => {}
    }
    let Some(graph) = &mut proto.graph else {
        return "nothing".into();
    };
    match chance.random_range(0..8) {
        0..3 => attribute(chance, graph),
        3 | 4 => tensor(chance, graph),
        5 => wiring(chance, graph),
        6 => {
            let at = chance.random_range(0..graph.node.len());
            let op = one(chance, OPERATORS);
            let was = std::mem::replace(&mut graph.node[at].op_type, op.to_owned());
            format!("{was} became {op}")
        }
        _ => declaration(chance, graph),
    }
}

/// The middle operator's attributes more often than those of others.
fn attribute(chance: &mut ChaCha8Rng, graph: &mut GraphProto) -> String {
    let having: Vec<usize> = (0..graph.node.len())
        .filter(|&at| !graph.node[at].attribute.is_empty())
        .collect();
    if having.is_empty() {
        return "nothing".into();
    }
    let at = one(chance, &having);
    let node = &mut graph.node[at];
    let which = chance.random_range(0..node.attribute.len());
    let attribute = &mut node.attribute[which];
    let told = format!("{}.{}", node.op_type, attribute.name);
    match chance.random_range(0..8) {
        0 => {
            node.attribute.remove(which);
            return format!("{told} is gone");
        }
        1 => {
            attribute.r#type = AttributeType::Float as i32;
            attribute.f = one(chance, FLOATS);
        }
        2 => attribute.name = name(chance),
        3 => attribute.ints.push(one(chance, INTEGERS)),
        _ => extreme(chance, attribute),
    }
    format!(
        "{told} = {} {} {:?} {:.20}",
        attribute.i,
        attribute.f,
        attribute.ints,
        String::from_utf8_lossy(&attribute.s)
    )
}

fn extreme(chance: &mut ChaCha8Rng, attribute: &mut AttributeProto) {
    let all = chance.random_bool(0.5);
    let value = one(chance, INTEGERS);
    if !attribute.ints.is_empty() {
        match all {
            true => attribute.ints.fill(value),
            false => {
                let at = chance.random_range(0..attribute.ints.len());
                attribute.ints[at] = value;
            }
        }
    } else if !attribute.s.is_empty() {
        let letters = [
            "a",
            "ab",
            "->",
            ",",
            "...",
            "\0",
            "SAME_UPPER",
            "reflect",
            "wrap",
        ];
        attribute.s = match all {
            true => name(chance).into_bytes(),
            false => (0..chance.random_range(1..6))
                .map(|_| one(chance, &letters))
                .collect::<String>()
                .into_bytes(),
        };
    } else {
        attribute.i = value;
        attribute.f = one(chance, FLOATS);
    }
}

fn tensor(chance: &mut ChaCha8Rng, graph: &mut GraphProto) -> String {
    let at = chance.random_range(0..graph.initializer.len());
    let tensor = &mut graph.initializer[at];
    let told = tensor.name.clone();
    match chance.random_range(0..6) {
        0 => {
            let axis = chance.random_range(0..=tensor.dims.len());
            let value = one(chance, INTEGERS);
            match tensor.dims.get_mut(axis) {
                Some(dim) => *dim = value,
                None => tensor.dims.push(value),
            }
            format!("shape of {told} is {:?}", tensor.dims)
        }
        1 => {
            tensor.data_type = one(chance, &[0, 1, 2, 6, 7, 8, 9, 10, 11, 16, 17, 23, 99]);
            format!("type of {told} is {}", tensor.data_type)
        }
        2 => {
            tensor
                .raw_data
                .truncate(chance.random_range(0..=tensor.raw_data.len()));
            format!("{told} is cut")
        }
        _ => {
            values(chance, tensor);
            format!(
                "values of {told} are {:.60}",
                format!("{:?}", ints(tensor).map(|v| v.into_raw_vec_and_offset().0))
            )
        }
    }
}

/// One value or all become extreme.
fn values(chance: &mut ChaCha8Rng, tensor: &mut TensorProto) {
    let all = chance.random_bool(0.3);
    if let Ok(values) = ints(tensor) {
        let (value, at) = (
            one(chance, INTEGERS),
            chance.random_range(0..values.len().max(1)),
        );
        let changed = values.iter().enumerate();
        let changed = changed.map(|(i, &v)| if all || i == at { value } else { v });
        tensor.raw_data = changed.flat_map(i64::to_le_bytes).collect();
        tensor.int64_data.clear();
    } else if let Ok(values) = floats(tensor) {
        let (value, at) = (
            one(chance, FLOATS),
            chance.random_range(0..values.len().max(1)),
        );
        let changed = values.iter().enumerate();
        let changed = changed.map(|(i, &v)| if all || i == at { value } else { v });
        tensor.raw_data = changed.flat_map(f32::to_le_bytes).collect();
        tensor.float_data.clear();
    }
}

fn wiring(chance: &mut ChaCha8Rng, graph: &mut GraphProto) -> String {
    let at = chance.random_range(0..graph.node.len());
    let from = chance.random_range(0..graph.node.len());
    let other = graph.node[from].output.first().cloned().unwrap_or_default();
    let node = &mut graph.node[at];
    let told = node.name.clone();
    match chance.random_range(0..6) {
        0 if !node.input.is_empty() => {
            let which = chance.random_range(0..node.input.len());
            node.input[which] = other;
        }
        1 => drop(node.input.pop()),
        2 => node.input.push(other),
        3 => node.name = name(chance),
        4 => {
            let new = name(chance);
            let old = node.output.first().cloned().unwrap_or_default();
            for node in &mut graph.node {
                for value in node.input.iter_mut().chain(&mut node.output) {
                    if *value == old {
                        value.clone_from(&new);
                    }
                }
            }
        }
        _ => node.domain = name(chance),
    }
    format!("wiring of {told}")
}

fn declaration(chance: &mut ChaCha8Rng, graph: &mut GraphProto) -> String {
    let output = chance.random_bool(0.5);
    let values = if output {
        &mut graph.output
    } else {
        &mut graph.input
    };
    let Some(value) = values.first_mut() else {
        return "nothing".into();
    };
    let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = kind else {
        return "nothing".into();
    };
    match (chance.random_range(0..4), &mut tensor.shape) {
        (0, _) => tensor.elem_type = one(chance, &[0, 2, 7, 8, 9, 10, 11, 99]),
        (1, shape) => *shape = None,
        (_, Some(shape)) if !shape.dim.is_empty() => {
            let at = chance.random_range(0..shape.dim.len());
            shape.dim[at].value = Some(match chance.random_bool(0.7) {
                true => tensor_shape_proto::dimension::Value::DimValue(one(chance, INTEGERS)),
                false => tensor_shape_proto::dimension::Value::DimParam(name(chance)),
            });
        }
        _ => value.name = name(chance),
    }
    format!(
        "declaration of the {}",
        if output { "output" } else { "input" }
    )
}
