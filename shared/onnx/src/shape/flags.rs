//! Attributes that say yes or no. Engines read a number that is neither 0 nor 1 each in its own way: of `upper` = 2 ONNX Runtime
//! thinks yes and tract no, and both answer with confidence.

use super::super::pb::NodeProto;
use super::super::pb::attribute_proto::AttributeType;
use super::super::{Model, OnnxError};

/// Their names, which mean the same in every operator of ONNX.
const FLAGS: &[&str] = &[
    "align_corners",
    "allowzero",
    "antialias",
    "ceil_mode",
    "count_include_pad",
    "detect_negative",
    "detect_positive",
    "exclude_outside",
    "exclusive",
    "fmod",
    "is_causal",
    "keepdims",
    "largest",
    "noop_with_empty_axes",
    "reverse",
    "select_last_index",
    "sorted",
    "storage_order",
    "training_mode",
    "transA",
    "transB",
    "upper",
];

/// # Errors
/// [`OnnxError::Node`] where such an attribute is neither 0 nor 1.
pub(super) fn judge(node: &NodeProto) -> Result<(), OnnxError> {
    let odd = node.attribute.iter().find(|attribute| {
        let is_flag =
            attribute.r#type == AttributeType::Int as i32 && FLAGS.contains(&&attribute.name[..]);
        is_flag && !(0..=1).contains(&attribute.i)
    });
    odd.map_or(Ok(()), |attribute| {
        let why = format!(
            "its attribute `{}` is {}, where 1 says yes and 0 no",
            attribute.name, attribute.i
        );
        Err(Model::node_error(node, why))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::{AttributeValue, GraphBuilder};
    use super::super::{Dim, Footprint};

    fn judged(op: &str, flag: &str, value: i64) -> Result<Footprint, String> {
        let mut g = GraphBuilder::new("flags");
        let x = g.input(
            "image",
            &[Dim::Known(1), Dim::Known(3), Dim::Known(8), Dim::Known(8)],
        );
        let kernel = ("kernel_shape", AttributeValue::from([2, 2]));
        let more = (op == "MaxPool").then_some(kernel);
        let flag = [(flag, AttributeValue::from(value))];
        let y = g.node(op, "mid", &[&x], flag.into_iter().chain(more));
        g.output(&y, None);
        Footprint::of(&g.finish().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_neither_yes_nor_no_is_refused_by_name() {
        for (op, flag) in [
            ("Trilu", "upper"),
            ("MaxPool", "ceil_mode"),
            ("ReduceMean", "keepdims"),
        ] {
            for value in [0, 1] {
                judged(op, flag, value).unwrap();
            }
            for value in [2, -1, 1 << 62, i64::MIN] {
                let said = judged(op, flag, value).unwrap_err();
                let all = [op, flag, "mid", &value.to_string()];
                assert!(all.iter().all(|word| said.contains(word)), "{said}");
            }
        }
    }
}
