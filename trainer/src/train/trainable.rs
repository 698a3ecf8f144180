//! Which weights learn: groups of an architecture, or names.

use anyhow::{Context, Result, ensure};
use pellucid_shared::said;
use pellucid_shared::zoo::Architecture;

/// Patterns of names; none means that everything learns.
///
/// A pattern is what a name begins with (`layer4`), a name with `*` for any text (`*.bias`), or groups of an architecture, counted
/// from the input: `5` is the head, `4-5` the head and the last stage (Margeloiu et al., 2020).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trainable(Vec<String>);

impl Trainable {
    /// Resolves what the user wrote, for a network of that architecture whose weights are called so.
    ///
    /// # Errors
    /// Where a pattern means none of them, or groups are asked for of a network that has none.
    pub(super) fn resolve(
        wishes: &[String],
        architecture: Option<Architecture>,
        names: &[String],
    ) -> Result<Self> {
        let mut patterns = vec![];
        for wish in wishes {
            let found = match groups(wish) {
                Some((first, last)) => grouped(wish, first, last, architecture)?,
                None => vec![wish.clone()],
            };
            ensure!(
                names
                    .iter()
                    .any(|name| found.iter().any(|p| matches(p, name))),
                "--trainable {} names no layer: no weight of the network is called so, the first is `{}`",
                said::name(wish),
                said::name(names.first().map_or("", |name| &name[..]))
            );
            patterns.extend(found);
        }
        Ok(Self(patterns))
    }

    /// Just these weights.
    pub(super) fn of_names(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether a weight learns.
    pub(super) fn includes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, name))
    }
}

/// First and last group of `5` or `4-5`.
fn groups(wish: &str) -> Option<(usize, usize)> {
    let (first, last) = wish.split_once('-').unwrap_or((wish, wish));
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn grouped(
    wish: &str,
    first: usize,
    last: usize,
    architecture: Option<Architecture>,
) -> Result<Vec<String>> {
    let groups = architecture
        .with_context(|| {
            format!("--trainable {wish} counts groups, which this network has none of: name its layers, such as layer4 or *.bias")
        })?
        .groups();
    ensure!(
        1 <= first && first <= last && last <= groups.len(),
        "--trainable {wish}: groups go from 1 (at the input) to {} (the head), such as 4-{}",
        groups.len(),
        groups.len()
    );
    Ok(groups[first - 1..last].concat())
}

/// Whether a name is of a pattern: begins with it, or, where it has `*`, is it with any text in these places.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return true;
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        let names = [
            "conv1.weight",
            "bn1.bias",
            "layer3.0.conv1.weight",
            "layer4.0.bn1.bias",
            "fc.weight",
        ];
        names.map(str::to_owned).to_vec()
    }

    fn learn(wishes: &[&str], architecture: Option<Architecture>) -> Result<Vec<String>> {
        let wishes: Vec<String> = wishes.iter().map(|&wish| wish.to_owned()).collect();
        let trainable = Trainable::resolve(&wishes, architecture, &names())?;
        Ok(names()
            .into_iter()
            .filter(|name| trainable.includes(name))
            .collect())
    }

    #[test]
    fn groups_prefixes_and_stars_name_weights() {
        let resnet = Some(Architecture::Resnet18);
        assert_eq!(learn(&[], resnet).unwrap(), names());
        assert_eq!(learn(&["5"], resnet).unwrap(), ["fc.weight"]);
        assert_eq!(
            learn(&["4-5"], resnet).unwrap(),
            ["layer4.0.bn1.bias", "fc.weight"]
        );
        assert_eq!(
            learn(&["1-1"], resnet).unwrap(),
            ["conv1.weight", "bn1.bias"]
        );
        assert_eq!(
            learn(&["layer3", "fc."], None).unwrap(),
            ["layer3.0.conv1.weight", "fc.weight"]
        );
        assert_eq!(
            learn(&["*.bias"], None).unwrap(),
            ["bn1.bias", "layer4.0.bn1.bias"]
        );
        assert_eq!(
            learn(&["layer*conv*weight"], None).unwrap(),
            ["layer3.0.conv1.weight"]
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (wish, architecture, reason) in [
            ("zz", None, "names no layer"),
            ("*.scale", None, "names no layer"),
            ("4-5", None, "counts groups"),
            ("6", Some(Architecture::Resnet18), "from 1"),
            ("5-4", Some(Architecture::Resnet18), "from 1"),
            ("2-3", Some(Architecture::Resnet18), ""),
        ] {
            match learn(&[wish], architecture) {
                Err(error) => assert!(error.to_string().contains(reason), "{error}"),
                Ok(_) => assert_eq!(reason, "", "{wish}"),
            }
        }
    }

    #[test]
    fn every_architecture_has_five_groups_and_each_weight_one_of_them() {
        use pellucid_shared::zoo::{Blueprint, build, is_weight};
        for architecture in Architecture::ALL {
            let model = build(&Blueprint::new(architecture, 3, 32, 0)).unwrap();
            let groups = architecture.groups();
            assert_eq!(groups.len(), 5, "{architecture:?}");
            let learnt = model.graph().initializer.iter().map(|t| &t.name);
            for name in learnt.filter(|name| is_weight(name)) {
                let of = groups
                    .iter()
                    .filter(|group| group.iter().any(|p| matches(p, name)));
                assert_eq!(of.count(), 1, "{architecture:?}: {name}");
            }
        }
    }
}
