use super::ContractError;
use crate::card::Class;

/// The classes of a network with `count` scores, and whether they have names. Where one score tells two classes apart, one
/// name is enough: it is that of the class for which the score speaks.
pub(super) fn resolve(
    given: &[Class],
    count: usize,
    binary: bool,
) -> Result<(Vec<Class>, bool), ContractError> {
    let wanted = if binary { 2 } else { count };
    match given {
        [] => Ok(((0..wanted).map(numbered).collect(), false)),
        [one] if binary => {
            let without = |text: &str| {
                if text.is_empty() {
                    String::new()
                } else {
                    format!("not {text}")
                }
            };
            let other = Class {
                code: without(&one.code),
                name: without(&one.name),
            };
            Ok((vec![other, one.clone()], true))
        }
        all if all.len() == wanted => Ok((all.to_vec(), true)),
        all => Err(ContractError::Classes {
            given: all.len(),
            wanted,
        }),
    }
}

fn numbered(index: usize) -> Class {
    Class {
        code: index.to_string(),
        name: String::new(),
    }
}
