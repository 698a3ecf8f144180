//! tract calls the parts of an operator after its node, `conv1.bias` say, and refuses the model where a weight or another node
//! is called so. With a number in front no node's name begins like another's, and with a space behind the user's part can be
//! told from tract's.

use onnx_edit::node_name;
use onnx_edit::pb::GraphProto;

/// Puts its number in front of every node's name; [`told`] takes it off again.
pub(super) fn number(graph: &mut GraphProto) {
    for (index, node) in graph.node.iter_mut().enumerate() {
        node.name = format!("{index} {} ", node_name(node));
    }
}

/// The name of the user's node that one of tract's belongs to.
pub(in super::super) fn told(name: &str) -> &str {
    let numbered = name.split_once(' ').filter(|(number, _)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let parts = numbered.and_then(|(_, rest)| rest.rsplit_once(' '));
    parts.map_or(name, |(own, _)| own)
}
