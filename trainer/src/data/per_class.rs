//! How many training images each class gives: the balanced sets of Margeloiu et al. (2020), and their series of nevus counts.

use std::fmt;
use std::str::FromStr;

use pellucid_shared::card::Class;
use pellucid_shared::said;

/// The most training images of every class, or of those that are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PerClass {
    /// Of each alike.
    Each(usize),
    /// Of classes by code; the others give all they have.
    Named(Vec<(String, usize)>),
}

/// More images than any data set has.
const MOST: usize = 100_000_000;

const FORMS: &str =
    "write a number of images for all, such as 400, or for some, such as nv=800,mel=400";

impl PerClass {
    /// The most images of each class in their order; `None` is all.
    ///
    /// # Errors
    /// Where a class is named that is none of these.
    pub(super) fn limits(&self, classes: &[Class]) -> Result<Vec<Option<usize>>, String> {
        match self {
            Self::Each(most) => Ok(vec![Some(*most); classes.len()]),
            Self::Named(named) => {
                let mut limits = vec![None; classes.len()];
                for (code, most) in named {
                    let place = classes.iter().position(|class| class.code == *code);
                    let place = place.ok_or_else(|| {
                        format!(
                            "--per-class names `{}`, which is no class of this training",
                            said::name(code)
                        )
                    })?;
                    limits[place] = Some(*most);
                }
                Ok(limits)
            }
        }
    }
}

impl FromStr for PerClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse::<usize>() {
            Ok(most) if (1..=MOST).contains(&most) => Ok(most),
            _ => Err(format!(
                "`{text}` is no number of images from 1 to {MOST}: {FORMS}"
            )),
        };
        if !text.contains('=') {
            return number(text).map(Self::Each);
        }
        let mut named: Vec<(String, usize)> = vec![];
        for part in text.split(',') {
            let (code, most) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` names no class: {FORMS}"))?;
            let code = code.trim().to_owned();
            if code.is_empty() || named.iter().any(|(other, _)| *other == code) {
                return Err(format!(
                    "the class `{code}` is empty or named twice: {FORMS}"
                ));
            }
            named.push((code, number(most)?));
        }
        Ok(Self::Named(named))
    }
}

impl fmt::Display for PerClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each(most) => write!(formatter, "{most}"),
            Self::Named(named) => {
                let parts: Vec<String> = named
                    .iter()
                    .map(|(code, most)| format!("{code}={most}"))
                    .collect();
                formatter.write_str(&parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_and_the_rest_is_refused() {
        for text in ["400", "nv=800", "nv=800,mel=50"] {
            assert_eq!(text.parse::<PerClass>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0",
            "-1",
            "many",
            "nv=",
            "nv=0",
            "=3",
            "nv=1,nv=2",
            "nv=1,5",
        ] {
            assert!(text.parse::<PerClass>().is_err(), "{text}");
        }
    }
}
