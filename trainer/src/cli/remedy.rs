//! What to do where a library says what is wrong: in the words of the command line, which libraries do not know.

use pellucid_shared::attribution::AttributionError;
use pellucid_shared::autodiff::AutodiffError;
use pellucid_shared::contract::ContractError;

/// What the command line offers against an error, or against what caused it.
pub(super) fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        let contract = cause.downcast_ref().and_then(of_contract);
        let attribution = || cause.downcast_ref().and_then(of_attribution);
        let autodiff = || cause.downcast_ref().and_then(of_autodiff);
        contract.or_else(attribution).or_else(autodiff)
    })
}

fn of_contract(error: &ContractError) -> Option<&'static str> {
    match error {
        ContractError::Outputs { .. } => {
            Some("name the one with a score per class (--output, or `output.name` in its card)")
        }
        ContractError::NoFloats { .. } => {
            Some("name a value before it (--output, or `output.name` in its card)")
        }
        ContractError::Attribution(error) => of_attribution(error),
        _ => None,
    }
}

fn of_attribution(error: &AttributionError) -> Option<&'static str> {
    match error {
        AttributionError::Batch { .. } => Some(
            "open its batch (`pellucid differentiate --batch dynamic`), or export it again with one of open size",
        ),
        AttributionError::NoSuchFeatures { .. } => Some("`pellucid inspect` lists them"),
        AttributionError::Autodiff(error) => of_autodiff(error),
        _ => None,
    }
}

fn of_autodiff(error: &AutodiffError) -> Option<&'static str> {
    match error {
        AutodiffError::NoRule { nodes } if nodes.iter().any(|(op, _)| op == "QuantizeLinear") => {
            Some("`--quantized straight-through` takes rounding for the identity")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_to_do_is_found_behind_wrappers() {
        let missing = AttributionError::NoSuchFeatures {
            name: "layer9".into(),
        };
        let wrapped = Err::<(), _>(ContractError::from(missing)).context("net.onnx");
        let said = remedy(&wrapped.unwrap_err());
        assert_eq!(said, Some("`pellucid inspect` lists them"));
        let rounded = AutodiffError::NoRule {
            nodes: vec![("QuantizeLinear".into(), "q".into())],
        };
        assert!(remedy(&AttributionError::from(rounded).into()).is_some());
        assert!(remedy(&anyhow::anyhow!("something else")).is_none());
    }
}
