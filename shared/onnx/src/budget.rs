//! What a stranger's file may make this program spend: a few bytes can ask for calls that double at every level, loops within loops,
//! or tables as long as a number says.

/// What something costs, or what may still be spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Nodes of a graph.
    pub nodes: usize,
    /// Elements of tables.
    pub elements: usize,
    /// Bytes in memory, about.
    pub bytes: usize,
}

impl Cost {
    /// The cost of so many elements.
    #[must_use]
    pub fn of_elements(elements: usize) -> Self {
        Self {
            elements,
            ..Self::default()
        }
    }

    /// The cost of so many bytes.
    #[must_use]
    pub fn of_bytes(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

/// What a file may still cost, of one kind of work.
#[derive(Clone, Debug)]
pub struct Budget(Cost);

impl Budget {
    /// Copies of nodes for calls and loops, with their new names and the attributes that calls give.
    pub const INLINING: Self = Self(Cost {
        nodes: 100_000,
        elements: 0,
        bytes: 256 << 20,
    });
    /// All shapes and small values of a graph. Usual networks need a few megabytes.
    pub const SHAPES: Self = Self(Cost {
        nodes: 0,
        elements: 0,
        bytes: 128 << 20,
    });
    /// What a gradient adds to a graph: 64 MiB of tables, and nodes, of which those of a ResNet-50's take less than 2 MB.
    pub const GRADIENT: Self = Self(Cost {
        nodes: 0,
        elements: 1 << 24,
        bytes: 256 << 20,
    });

    /// What is left of it.
    #[must_use]
    pub const fn left(&self) -> Cost {
        self.0
    }

    /// Takes so much off, all of it or nothing; `None` where there is not so much left.
    #[must_use]
    pub fn take(&mut self, cost: Cost) -> Option<()> {
        self.0 = Cost {
            nodes: self.0.nodes.checked_sub(cost.nodes)?,
            elements: self.0.elements.checked_sub(cost.elements)?,
            bytes: self.0.bytes.checked_sub(cost.bytes)?,
        };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_in_one_way_takes_nothing() {
        let mut budget = Budget::INLINING;
        let whole = budget.left();
        let nodes = whole.nodes + 1;
        assert_eq!(budget.take(Cost { nodes, ..whole }), None);
        assert_eq!(budget.take(whole), Some(()));
        assert_eq!(budget.left(), Cost::default());
        assert_eq!(budget.take(Cost::of_bytes(1)), None);
    }
}
