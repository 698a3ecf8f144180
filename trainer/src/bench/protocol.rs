//! What a contest and its contestants say to each other, one line each.
//!
//! A contestant is started with `--mode NAME --device cpu|cuda --size SIDE --batch N --steps N`. It prints
//! `{"ready": SECONDS}` when it has warmed up. Then it answers every order with one line: `{"seconds": …}` for work,
//! `{"bytes": …}` for memory, `{"failed": "…"}` where it cannot. It ends when its standard input does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Arithmetic;

/// What a contestant is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// So many steps of adversarial training.
    Step(usize),
    /// So many forward passes, in eval mode and without gradients.
    Forward(usize),
    /// So many products of two square matrices of [`Order::SIDE`] or, on a CPU, [`Order::SIDE_ON_CPU`].
    Product(Arithmetic, usize),
    /// The most memory that its tensors have held on a card, beyond what they held before the first step.
    Memory,
}

impl Order {
    pub(super) const SIDE: i64 = 8192;
    pub(super) const SIDE_ON_CPU: i64 = 2048;

    /// The same order with another count.
    pub(super) fn times(self, count: usize) -> Self {
        match self {
            Self::Step(_) => Self::Step(count),
            Self::Forward(_) => Self::Forward(count),
            Self::Product(arithmetic, _) => Self::Product(arithmetic, count),
            Self::Memory => Self::Memory,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(count) => write!(formatter, "step {count}"),
            Self::Forward(count) => write!(formatter, "forward {count}"),
            Self::Product(arithmetic, count) => {
                write!(formatter, "product {count} {}", arithmetic.name())
            }
            Self::Memory => formatter.write_str("memory"),
        }
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let unknown = || format!("`{line}` is no order");
        let count = |word: &str| word.parse().map_err(|_| unknown());
        match words[..] {
            ["step", n] => Ok(Self::Step(count(n)?)),
            ["forward", n] => Ok(Self::Forward(count(n)?)),
            ["product", n, name] => [Arithmetic::Float32, Arithmetic::Tf32, Arithmetic::Bfloat16]
                .into_iter()
                .find(|arithmetic| arithmetic.name() == name)
                .map_or_else(|| Err(unknown()), |a| Ok(Self::Product(a, count(n)?))),
            ["memory"] => Ok(Self::Memory),
            _ => Err(unknown()),
        }
    }
}

/// What a contestant answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// It has warmed up, so many seconds after it was started.
    Ready(f64),
    /// The order took so long.
    Seconds(f64),
    /// That much memory.
    Bytes(u64),
    /// It cannot, for this reason.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_back_and_others_are_refused() {
        for order in [
            Order::Step(3),
            Order::Forward(1),
            Order::Product(Arithmetic::Bfloat16, 2),
            Order::Memory,
        ] {
            assert_eq!(order.to_string().parse::<Order>().unwrap(), order);
        }
        for line in ["", "step", "step x", "product 3 float8", "memory 1", "stop"] {
            assert!(line.parse::<Order>().is_err(), "{line}");
        }
    }

    #[test]
    fn answers_are_what_other_languages_write() {
        for (text, answer) in [
            (r#"{"ready": 1.5}"#, Answer::Ready(1.5)),
            (r#"{"seconds": 0.25}"#, Answer::Seconds(0.25)),
            (r#"{"bytes": 12}"#, Answer::Bytes(12)),
            (r#"{"failed": "no"}"#, Answer::Failed("no".into())),
        ] {
            assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer);
        }
    }
}
