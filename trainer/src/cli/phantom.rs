//! `pellucid phantom`.

use std::path::PathBuf;

use anyhow::Result;
use pellucid_shared::phantom::{Class, MAX_SIZE, MIN_SIZE, PhantomOptions, Shortcut, ShortcutKind};

use super::interrupt;
use super::output::print;
use super::values::{fraction, one_of};
use crate::data::write_phantoms;
use crate::progress::Progress;

/// Draw dermoscopy phantoms into a folder, with masks of the lesion and of what decides its class
///
/// The folder has HAM10000's layout, so that ham10000:OUT trains on it: HAM10000_metadata.csv, HAM10000_images_part_1
/// and HAM10000_segmentations_lesion_tschandl. Beside these are masks_cause, masks_shortcut and manifest.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  pellucid phantom phantoms --count 300 --size 256
  pellucid phantom biased --count 900 --shortcut patch --shortcut-class mel --correlation 0.9")]
pub struct Args {
    /// The folder to write, new or empty
    out: PathBuf,
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Side of the square images in pixels
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(i64::from(MIN_SIZE)..=i64::from(MAX_SIZE)))]
    size: u32,
    /// The population: another seed, other phantoms
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Plant an object that betrays a class
    #[arg(long, value_parser = one_of(SHORTCUTS), requires = "shortcut_class")]
    shortcut: Option<ShortcutKind>,
    /// The class that it betrays
    #[arg(long, value_parser = one_of(Class::ALL.map(|class| (class.code(), class))), requires = "shortcut")]
    shortcut_class: Option<Class>,
    /// How reliably: the fraction of that class that has it, and one minus the fraction of the others that do
    #[arg(long, default_value = "0.9", value_parser = fraction::<f64>, allow_negative_numbers = true)]
    correlation: f64,
}

const SHORTCUTS: [(&str, ShortcutKind); 2] = [
    ("patch", ShortcutKind::Patch),
    ("ruler", ShortcutKind::Ruler),
];

/// Runs the command.
///
/// # Errors
/// Where the folder holds something already or cannot be written, or a number is out of range.
pub fn run(args: Args) -> Result<()> {
    let shortcut = args.shortcut.zip(args.shortcut_class);
    let options = PhantomOptions {
        shortcut: shortcut.map(|(kind, class)| Shortcut {
            kind,
            class,
            correlation: args.correlation as f32,
        }),
        ..PhantomOptions::new(args.size, args.seed)
    };
    write_phantoms(
        &args.out,
        args.count,
        &options,
        &Progress::visible(),
        interrupt::stop(),
    )?;
    print(&format!(
        "{} phantoms are in {}.\n",
        args.count,
        args.out.display()
    ))
}
