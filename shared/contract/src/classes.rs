use super::ContractError;
use pellucid_cards::Class;

/// The largest data sets have some tens of thousands.
const MOST_CLASSES: usize = 1_000_000;

/// The classes of a network with `count` scores, and whether they have names. Where one score tells two classes apart, one
/// name is enough: it is that of the class for which the score speaks.
pub(super) fn resolve(
    given: &[Class],
    count: usize,
    binary: bool,
) -> Result<(Vec<Class>, bool), ContractError> {
    let wanted = if binary { 2 } else { count };
    if wanted > MOST_CLASSES {
        return Err(ContractError::TooManyClasses(wanted));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each class takes 48 bytes: a declared shape must not be enough to ask for a hundred gigabytes.
    #[test]
    fn a_declaration_of_two_thousand_million_classes_is_refused() {
        let error = resolve(&[], 1 << 31, false).map(|_| ()).unwrap_err();
        assert!(matches!(error, ContractError::TooManyClasses(_)), "{error}");
        assert_eq!(
            resolve(&[], 21_841, false).map(|(all, _)| all.len()).ok(),
            Some(21_841)
        );
    }
}
