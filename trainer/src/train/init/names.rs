//! Names of weights as others save them.

use std::collections::BTreeMap;

use pellucid_shared::onnx::Model;

/// The weights under the model's names, where all of them stand behind one more word or several: `module.` of a network that
/// was trained on several devices, `model.` of one that a training framework held, `_orig_mod.` of one that was compiled,
/// `state_dict.model.module.` and what else there is. Those that do not begin so keep their names.
pub(super) fn unwrapped<T>(weights: BTreeMap<String, T>, model: &Model) -> BTreeMap<String, T> {
    let prefix = prefix(&weights, model);
    if prefix.is_empty() {
        return weights;
    }
    let plain = |name: String| {
        name.strip_prefix(&prefix[..])
            .map(str::to_owned)
            .unwrap_or(name)
    };
    weights
        .into_iter()
        .map(|(name, values)| (plain(name), values))
        .collect()
}

/// What stands before most of the model's names; of equally many the shortest.
fn prefix<T>(weights: &BTreeMap<String, T>, model: &Model) -> String {
    let wanted: Vec<&str> = model
        .graph()
        .initializer
        .iter()
        .map(|t| &t.name[..])
        .collect();
    let found = |prefix: &str| {
        let there = wanted
            .iter()
            .filter(|name| weights.contains_key(&format!("{prefix}{name}")));
        there.count()
    };
    let mut best = (found(""), String::new());
    for name in weights.keys() {
        for (at, _) in name.match_indices('.') {
            let (before, after) = name.split_at(at + 1);
            if wanted.contains(&after) {
                let count = found(before);
                if count > best.0 {
                    best = (count, before.to_owned());
                }
            }
        }
        // Most begin alike: the first that is recognised decides.
        if 2 * best.0 > wanted.len() {
            break;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};

    use super::*;

    fn model() -> Model {
        build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap()
    }

    fn names(model: &Model) -> Vec<String> {
        let tensors = model.graph().initializer.iter();
        // torchvision's have no normalization.
        tensors
            .map(|t| t.name.clone())
            .filter(|n| !n.starts_with("normalize."))
            .collect()
    }

    #[test]
    fn whatever_stands_before_every_name_goes() {
        let model = model();
        for prefix in [
            "",
            "module.",
            "model.",
            "_orig_mod.",
            "model.module.",
            "net.0.backbone.",
        ] {
            let mut weights: BTreeMap<String, ()> = names(&model)
                .into_iter()
                .map(|name| (format!("{prefix}{name}"), ()))
                .collect();
            weights.insert("epoch".into(), ());
            weights.insert("criterion.weight".into(), ());
            let plain = unwrapped(weights, &model);
            for name in names(&model) {
                assert!(plain.contains_key(&name), "{prefix}: {name}");
            }
            assert!(plain.contains_key("epoch") && plain.contains_key("criterion.weight"));
        }
    }

    #[test]
    fn a_head_of_another_name_does_not_stand_in_the_way() {
        let model = model();
        let weights = names(&model).into_iter().map(|name| {
            let name = name.replace("fc.", "classifier.1.");
            (format!("module.{name}"), ())
        });
        let plain = unwrapped(weights.collect(), &model);
        assert!(plain.contains_key("conv1.weight") && plain.contains_key("classifier.1.weight"));
    }

    #[test]
    fn names_of_something_else_stay() {
        let weights: BTreeMap<String, ()> = [("encoder.block.weight".to_owned(), ())].into();
        assert_eq!(unwrapped(weights.clone(), &model()), weights);
    }
}
