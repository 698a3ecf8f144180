//! What a gradient may add to a model: a file must not be able to ask for more memory than it could fill itself.

use prost::Message;

use super::AutodiffError;
use onnx_edit::pb::{AttributeProto, NodeProto};

/// The longest axis whose positions are spelled out in the graph.
pub(super) const LONGEST_AXIS: usize = 1 << 20;
/// The most elements of a table that is made for one node, such as the matrix that resizes an axis of 2048 to as many.
pub(super) const LARGEST_TABLE: usize = 1 << 22;
/// The most elements of all tables together: 64 MiB.
const ALL_TABLES: usize = 1 << 24;
/// The bytes that a gradient's nodes may take in memory. Those of a ResNet-50's take less than 2 MB.
const ALL_NODES: usize = 256 << 20;

/// The elements of tables and the bytes of nodes that a gradient may still add.
pub(super) struct Budget {
    elements: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            elements: ALL_TABLES,
            bytes: ALL_NODES,
        }
    }
}

impl Budget {
    /// Takes up budget for the nodes that were appended for `node`.
    ///
    /// # Errors
    /// Where they do not fit.
    pub(super) fn take(
        &mut self,
        appended: &[NodeProto],
        node: &NodeProto,
    ) -> Result<(), AutodiffError> {
        let left = self.bytes.checked_sub(appended.iter().map(memory).sum());
        self.bytes = left.ok_or_else(|| AutodiffError::Unsupported {
            what: onnx_edit::node_name(node),
            why: format!(
                "up to here the gradient takes more than {} MiB of memory",
                ALL_NODES >> 20
            ),
        })?;
        Ok(())
    }

    /// Takes up budget for a table of so many elements; whether there was any.
    pub(super) fn take_table(&mut self, elements: usize) -> bool {
        let left = self
            .elements
            .checked_sub(elements)
            .filter(|_| elements <= LARGEST_TABLE);
        self.elements = left.unwrap_or(self.elements);
        left.is_some()
    }
}

/// About how many bytes a node takes in memory.
fn memory(node: &NodeProto) -> usize {
    let structs = size_of::<NodeProto>() + node.attribute.len() * size_of::<AttributeProto>();
    structs + node.encoded_len()
}
