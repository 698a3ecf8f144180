//! `pellucid pack`.

use std::path::PathBuf;

use anyhow::Result;
use pellucid_shared::image::Preprocessing;

use super::interrupt;
use super::output::{bytes, note, print};
use crate::data::{Dataset, Source, TRAINING_POPULATION, pack};
use crate::progress::Progress;

/// Left-out images that are named at the most; the number of the others is told.
const NAMED: usize = 10;

/// Write a data set at the size of a training, to take it to another machine
///
/// The images are cropped and resized as a training does it and written as JPEGs in HAM10000's layout, which
/// ham10000:FOLDER reads. Masks stay behind. What does not fit into --most is left out, evenly from the classes, and
/// listed in left-out.txt.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pellucid pack --data ham10000:HAM10000 --size 224 --out ham10000-224
  pellucid pack --data ham10000:HAM10000 --size 224 --most 25 --out small")]
pub struct Args {
    /// What to pack: ham10000:FOLDER, phantom:COUNT, or folder:FOLDER with HAM10000's codes as classes
    #[arg(long)]
    data: Source,
    /// The classes by code [default: nv,mel,bkl for ham10000, else all]
    #[arg(long, value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Side of the square images in pixels
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(32..=4096))]
    size: u32,
    /// The most megabytes to write [default: no limit]
    #[arg(long, value_name = "MEGABYTES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    most: Option<u32>,
    /// The folder to write, new or empty
    #[arg(long, short)]
    out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// Where the data or the folder cannot be used.
pub fn run(args: Args) -> Result<()> {
    let dataset = Dataset::open(&args.data, args.classes.as_deref(), TRAINING_POPULATION)?;
    let most = args
        .most
        .map_or(u64::MAX, |megabytes| 1_000_000 * u64::from(megabytes));
    let how = Preprocessing::square(args.size);
    let packed = pack(
        &dataset,
        &args.out,
        &how,
        most,
        &Progress::visible(),
        interrupt::stop(),
    )?;
    dataset.notes.take().iter().for_each(|told| note(told));
    if !packed.left_out.is_empty() {
        let list = args.out.join("left-out.txt");
        super::output::write(&list, (packed.left_out.join("\n") + "\n").as_bytes())?;
        let named = packed.left_out.iter().take(NAMED).map(String::as_str);
        let named = named.collect::<Vec<_>>().join(", ");
        let more = packed.left_out.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        note(&format!(
            "left out because they do not fit: {named}{more}; {} lists them",
            list.display()
        ));
    }
    print(&format!(
        "{} images, {}, in {}\n",
        packed.images,
        bytes(packed.bytes),
        args.out.display()
    ))
}
