//! What inlining may add to a model: calls that double at every level, and loops within loops, would have no end.

use std::collections::HashMap;

use prost::Message;

use super::super::pb::{AttributeProto, GraphProto, NodeProto};
use super::super::scope::{resolve, shortened, values_made};

/// The nodes and bytes that may still be copied.
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
}

impl Budget {
    /// Budget for 100,000 nodes that take 256 MiB with their new names and the attributes that calls give.
    pub(super) fn whole() -> Self {
        Self {
            nodes: 100_000,
            bytes: 256 << 20,
        }
    }

    /// How many nodes may still be copied.
    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Counts a call, which may be of a function without nodes; `None` where there is no room left.
    pub(super) fn call(&mut self) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        Some(())
    }

    /// A copy of a node whose values will be renamed under `prefix`; `None` where there is no room for it.
    pub(super) fn copy(&mut self, node: &NodeProto, prefix: &str) -> Option<NodeProto> {
        self.nodes = self.nodes.checked_sub(1)?;
        // A new name stands in the node, in the map of names and among those that are taken.
        let names = values_made(node).checked_mul(3 * shortened(prefix).len())?;
        let bytes = node.encoded_len().checked_add(names)?;
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(node.clone())
    }

    /// Budget for so many copies of a loop's body; says whether there is, and takes none if not.
    pub(super) fn take_rounds(&mut self, body: &GraphProto, rounds: usize, prefix: &str) -> bool {
        let names = |values: usize| values.checked_mul(3 * shortened(prefix).len());
        let copies = body.node.iter().try_fold(0_usize, |bytes, node| {
            let own = node.encoded_len().checked_add(names(values_made(node))?)?;
            bytes.checked_add(own)
        });
        // Each round brings its number, and a row for each of the values that the loop collects.
        let along = body.output.len();
        let bytes = copies
            .and_then(|bytes| bytes.checked_add(names(along)?))
            .and_then(|bytes| bytes.checked_add(along.checked_mul(size_of::<NodeProto>())?))
            .and_then(|bytes| bytes.checked_mul(rounds));
        let nodes = (body.node.len() + along).checked_mul(rounds);
        let left = (
            nodes.and_then(|nodes| self.nodes.checked_sub(nodes)),
            bytes.and_then(|bytes| self.bytes.checked_sub(bytes)),
        );
        let (Some(nodes), Some(bytes)) = left else {
            return false;
        };
        (self.nodes, self.bytes) = (nodes, bytes);
        true
    }

    /// As [`Budget::copy`], with the attributes that a call gives in the place of references to them.
    pub(super) fn copy_for_call(
        &mut self,
        node: &NodeProto,
        prefix: &str,
        given: &HashMap<&str, &AttributeProto>,
    ) -> Option<NodeProto> {
        let mut node = self.copy(node, prefix)?;
        resolve(&mut node, given, &mut self.bytes)?;
        Some(node)
    }
}
