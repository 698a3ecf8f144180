//! What ends a run of tract's that is no fault of tract.

/// Why a run ended: a node read NaN, or infinity that comes of an overflow.
#[derive(Debug, Clone)]
pub(super) struct NotANumber {
    /// The name of the node that read it.
    pub(super) node: String,
}

impl std::fmt::Display for NotANumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node `{}` reads what is no number", self.node)
    }
}

impl std::error::Error for NotANumber {}
