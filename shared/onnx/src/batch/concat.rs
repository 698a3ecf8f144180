//! What is put beside every image of a batch of one, such as a class token: exporters repeat it once, and write it down.

use super::super::pb::{AttributeProto, NodeProto, TensorProto};
use super::super::proto::node_name;
use super::super::scope::Names;
use super::super::{AttributeValue, Attributes, Dim, OnnxError, Shapes, int_tensor};

/// The nodes and constants that repeat for the new batch what a `Concat` takes of the old one.
#[derive(Default)]
pub(super) struct Repeats {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
}

/// Lets a `Concat` along another axis than the first, of values that follow the new batch and of others that hold one row, read the latter
/// repeated. Gives nothing where there is no such node or nothing to repeat.
pub(super) fn repeated(
    node: &mut NodeProto,
    old: &Shapes,
    new: &Shapes,
    names: &mut Names,
) -> Result<Repeats, OnnxError> {
    let mut repeats = Repeats::default();
    let standard = node.domain.is_empty() || node.domain == "ai.onnx";
    if node.op_type != "Concat" || !standard || Attributes(node).int("axis", 0)? == 0 {
        return Ok(repeats);
    }
    let first =
        |shapes: &Shapes, name: &str| shapes.get(name).and_then(|shape| shape.first().cloned());
    let one = Some(Dim::Known(1));
    let follows = |name: &&String| {
        first(old, name) == one && first(new, name).is_some_and(|dim| dim != Dim::Known(1))
    };
    let Some(batched) = node.input.iter().find(follows).cloned() else {
        return Ok(repeats);
    };
    let stays = |name: &String| first(old, name) == one && first(new, name) == one;
    let rank = new.get(&batched).map_or(0, Vec::len);
    if rank < 2 || !node.input.iter().any(stays) {
        return Ok(repeats);
    }
    let wish = node_name(node);
    let target = repeats.target(&batched, rank, &wish, names);
    for input in node.input.iter_mut().filter(|name| stays(name)) {
        let own = input.clone();
        *input = repeats.node("Expand", &[&own, &target], vec![], &wish, names);
    }
    Ok(repeats)
}

impl Repeats {
    /// The batch of a value, and ones for its other axes.
    fn target(&mut self, batched: &str, rank: usize, wish: &str, names: &mut Names) -> String {
        let mut constant = |values: &[i64], what: &str| {
            let name = names.fresh(wish, what);
            self.constants.push(int_tensor(&name, values));
            name
        };
        let (zero, ones) = (
            constant(&[0], "first"),
            constant(&vec![1; rank - 1], "ones"),
        );
        let shape = self.node("Shape", &[batched], vec![], wish, names);
        let batch = self.node("Gather", &[&shape, &zero], vec![], wish, names);
        let axis = vec![AttributeValue::Int(0).named("axis")];
        self.node("Concat", &[&batch, &ones], axis, wish, names)
    }

    fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
        wish: &str,
        names: &mut Names,
    ) -> String {
        let output = names.fresh(wish, op);
        self.nodes.push(NodeProto {
            op_type: op.to_owned(),
            name: output.clone(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.clone()],
            attribute,
            ..NodeProto::default()
        });
        output
    }
}
