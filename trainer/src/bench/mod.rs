//! How fast this machine trains: what `pellucid bench` measures.
//!
//! Every contestant is a process of its own that prepares itself, warms up, and then takes orders on its standard input
//! ([`protocol`]): this program in its modes, and whatever baseline speaks the same protocol, such as plain PyTorch. A
//! round gives every contestant the same order one right after the other, so that whatever disturbs the machine disturbs
//! all, and ratios are taken within rounds. Times are those that the contestants measure, between two synchronizations.

mod contest;
mod contestant;
mod cost;
mod notes;
mod protocol;
mod table;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use contest::{Contest, contest};
pub use table::{Row, head};
pub use worker::{Workload, work};

use crate::device::DeviceChoice;
use crate::torch::Tf32;

/// How this program computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As `pellucid train` does: float32, and on CUDA convolutions may round their factors to TF32.
    Float32,
    /// Float32 without TF32.
    Float32Strict,
}

impl Mode {
    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float32Strict => "float32-strict",
        }
    }

    /// What TF32 may be used for.
    fn tf32(self) -> Tf32 {
        match self {
            Self::Float32 => Tf32::Convolutions,
            Self::Float32Strict => Tf32::Never,
        }
    }
}

/// In which numbers a matrix product is taken for a machine's peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// Float32.
    Float32,
    /// Float32 with factors rounded to TF32.
    Tf32,
    /// bfloat16, added up in float32.
    Bfloat16,
}

impl Arithmetic {
    /// The name in the protocol.
    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Tf32 => "tf32",
            Self::Bfloat16 => "bfloat16",
        }
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where.
    pub device: DeviceChoice,
    /// This program's own file.
    pub program: PathBuf,
    /// Side of the images in pixels.
    pub size: u32,
    /// Images per step, each measured.
    pub batches: Vec<usize>,
    /// Steps of the attack (PGD in the L2 ball).
    pub steps: usize,
    /// How often every contestant takes its turn.
    pub rounds: usize,
    /// How long a turn is, about.
    pub turn: Duration,
    /// How long contestants may take to be ready, and a turn at the most.
    pub patience: Duration,
    /// After so long no further round begins.
    pub most: Duration,
    /// The baseline to measure beside this program.
    pub baseline: Option<Baseline>,
}

/// A program that speaks the protocol.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// What runs it, such as `python3`.
    pub interpreter: PathBuf,
    /// The script.
    pub script: PathBuf,
    /// Whether modes that are compiled first, which takes a minute, are measured too.
    pub compiled: bool,
}
