//! The choice between our own convolutions and tract's.

use std::cell::Cell;

/// Whose convolutions tract's plans have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convolutions {
    /// Those of `pellucid-kernels`, on trial.
    Own,
    /// tract's, unless somebody chooses.
    Tract,
}

thread_local! {
    // Ours make maps in half the time, but opening a model takes twice as long.
    static CHOSEN: Cell<Convolutions> = const { Cell::new(Convolutions::Tract) };
}

impl Convolutions {
    /// What the plans have that this thread makes.
    #[must_use]
    pub fn chosen() -> Self {
        CHOSEN.get()
    }

    /// Decides for the plans that this thread makes from now on: those of a tape when it is made, those of an engine when it first runs
    /// with inputs of a shape.
    pub fn choose(self) {
        CHOSEN.set(self);
    }
}
