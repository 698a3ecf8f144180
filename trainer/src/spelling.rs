//! How the command line spells values of a fixed set.

use clap::ValueEnum;

/// The name of a value, which its type has from [`ValueEnum`] and nowhere else.
#[must_use]
pub(crate) fn spelled(value: &impl ValueEnum) -> String {
    let name = value.to_possible_value();
    name.map_or_else(String::new, |name| name.get_name().to_owned())
}
