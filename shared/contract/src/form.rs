//! How scores lie in a value of some shape.

use super::ContractError;
use onnx_edit::{Dim, Shape, shape_text};

/// How scores lie in a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Numbers per image.
    pub(super) count: usize,
    /// Whether it is `[N, K]`.
    pub(super) rows: bool,
    /// Whether it has no axis for the batch.
    pub(super) single: bool,
}

/// # Errors
/// [`ContractError::NoScores`] where a value has no number per class.
pub(super) fn form(name: &str, shape: Option<Shape>) -> Result<Form, ContractError> {
    form_of(shape.as_ref()).ok_or_else(|| ContractError::NoScores {
        name: name.to_owned(),
        shape: shape.map_or_else(|| "[?]".to_owned(), |shape| shape_text(&shape)),
    })
}

/// `[N, K]`, `[N, K, 1, 1]` and the like, `[K]`, and `[N]` or nothing at all for one score.
pub(super) fn form_of(shape: Option<&Shape>) -> Option<Form> {
    let shape = shape?;
    if let [] | [_] = shape[..] {
        let count = shape.first().and_then(Dim::known).unwrap_or(1);
        let open = shape.first().is_some_and(|dim| dim.known().is_none());
        return (count > 0).then_some(Form {
            count,
            rows: false,
            single: !open,
        });
    }
    let sizes: Option<Vec<usize>> = shape[1..].iter().map(Dim::known).collect();
    let sizes = sizes?;
    let mut classes = sizes.iter().copied().filter(|&size| size != 1);
    let count = classes.next().unwrap_or(1);
    (count > 0 && classes.next().is_none()).then_some(Form {
        count,
        rows: shape.len() == 2,
        single: false,
    })
}
