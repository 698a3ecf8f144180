//! The families of shape rules. Adding an operator means writing its function in the file of its family and a line in the list at the top
//! of that.

use super::site::{Inferred, Rule, Site, unknown};
use super::{
    convolution, create, elementwise, indexing, join, product, reduction, reshape, resize, slice,
};

const FAMILIES: &[&[(&str, Rule)]] = &[
    convolution::OPERATORS,
    create::OPERATORS,
    elementwise::OPERATORS,
    indexing::OPERATORS,
    join::OPERATORS,
    product::OPERATORS,
    reduction::OPERATORS,
    reshape::OPERATORS,
    resize::OPERATORS,
    slice::OPERATORS,
];

fn rule(op: &str) -> Option<Rule> {
    let mut all = FAMILIES.iter().copied().flatten();
    all.find(|(known, _)| *known == op).map(|(_, rule)| *rule)
}

/// The shapes of a node's outputs, by its operator of the standard domain.
pub(super) fn infer(site: &Site<'_>) -> Inferred {
    rule(&site.node.op_type).map_or_else(unknown, |rule| rule(site))
}

/// Whether the shapes of this operator of the standard domain are inferred.
#[must_use]
pub fn has_shape_rule(op: &str) -> bool {
    rule(op).is_some()
}
