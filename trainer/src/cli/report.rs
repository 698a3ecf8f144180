//! `pellucid report`: several models' saliency on the same images, as one picture.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;
use ndarray::{Array2, Axis};
use pellucid_shared::attribution::{Explainer, predicted};
use pellucid_shared::card::Card;
use pellucid_shared::engine::TractEngine;
use pellucid_shared::files::write_atomic;
use pellucid_shared::image::{
    Preprocessing, RgbImage, crop_and_resize, decode_mask, encode_png, preprocess_mask, to_tensor,
};
use pellucid_shared::onnx::Model;
use pellucid_shared::phantom::{PhantomOptions, generate};
use pellucid_shared::render::{
    BLACK, ColourMap, GREEN, RED, Sign, WHITE, collapse, enlarge, frame, grid, normalise, outline,
    paint,
};

use crate::data::{Dataset, EVALUATION_POPULATION, Item, Part, Picture, Source, Split};

/// The lesion's outline, visible on white and on blue.
const GREY: image::Rgb<u8> = image::Rgb([90, 90, 90]);

/// What to draw.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  pellucid report --model runs/standard/best.onnx --model runs/robust/best.onnx --data phantom:6 -o saliency.png
  pellucid report --model a.onnx --model b.onnx --data ham10000:DIR --split runs/robust/split.csv --maps-only -o maps.png

A column per image: the image, for phantoms the pixels that decide the class, then a map per model in the order given,
with the lesion's outline, framed green where the model is right and red where it is wrong.")]
pub struct Args {
    /// A model with a card; give it again for every subject.
    #[arg(long = "model", required = true, value_name = "MODEL.onnx")]
    models: Vec<PathBuf>,
    /// The images: ham10000:DIR, folder:DIR or phantom:COUNT.
    #[arg(long)]
    data: Source,
    /// Take the images from the test part of this split (CSV, as `train` writes it).
    #[arg(long, value_name = "FILE.csv")]
    split: Option<PathBuf>,
    /// How many images, drawn evenly from the classes.
    #[arg(long, default_value_t = 6)]
    count: usize,
    /// Leave the images out: maps with the lesion's outline only, for data whose licence forbids showing them.
    #[arg(long)]
    maps_only: bool,
    /// Share of the attribution's mass, in per cent, that the brightest pixels may hold without scaling the map.
    #[arg(long, default_value_t = 1.0)]
    outlier_percent: f32,
    /// Side of each picture, in pixels; rounded to a multiple of the networks' input.
    #[arg(long, default_value_t = 192)]
    side: u32,
    /// The PNG file to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// A model that is asked for its gradient: a row of the picture.
struct Subject {
    explainer: Explainer,
    card: Card,
}

/// Draws the picture.
///
/// # Errors
/// Where a model has no card, the models know different classes, or an image cannot be read.
pub fn run(args: Args) -> Result<()> {
    let mut subjects = args
        .models
        .iter()
        .map(|path| open_subject(path))
        .collect::<Result<Vec<_>>>()?;
    let first = subjects.first().context("name at least one --model")?;
    let classes: Vec<String> = first
        .card
        .classes
        .iter()
        .map(|class| class.code.clone())
        .collect();
    ensure!(
        subjects
            .iter()
            .all(|c| c.card.classes.iter().map(|class| &class.code).eq(&classes)),
        "the models know different classes: compare models of one task"
    );
    let dataset = choose_items(&args, &classes)?;
    let mut columns = vec![];
    for item in &dataset.items {
        let column = column(item, &mut subjects, &args);
        columns.push(column.with_context(|| format!("the image {} failed", item.id))?);
    }
    let picture = encode_png(&grid(&transposed(&columns), 6))?;
    write_atomic(&args.output, &picture)
        .with_context(|| format!("{} cannot be written", args.output.display()))?;
    println!(
        "{}: {} images, {} models",
        args.output.display(),
        columns.len(),
        subjects.len()
    );
    Ok(())
}

fn open_subject(path: &Path) -> Result<Subject> {
    let name = path.display();
    let model = Model::load(path)?;
    let card = Card::from_model(&model)?.with_context(|| {
        format!("{name} has no model card: `report` needs one to know classes and image size")
    })?;
    let explainer = Explainer::new(model, |graph| Ok(Box::new(TractEngine::new(graph)?)))
        .with_context(|| format!("{name} cannot be explained"))?;
    Ok(Subject { explainer, card })
}

fn choose_items(args: &Args, classes: &[String]) -> Result<Dataset> {
    let dataset = Dataset::open(&args.data, Some(classes), EVALUATION_POPULATION)?;
    let dataset = match &args.split {
        Some(path) => dataset.select(&Split::read(path, &dataset)?.indices(Part::Test)),
        None => dataset,
    };
    let dataset = dataset.limit(args.count);
    ensure!(
        !dataset.items.is_empty(),
        "no image is left to draw: check --count and --split"
    );
    Ok(dataset)
}

/// What is known about where to look.
struct Marks {
    /// The lesion.
    lesion: Option<Array2<bool>>,
    /// The pixels that decide a phantom's class.
    cause: Option<Array2<bool>>,
}

/// The pictures of one image, from top to bottom.
fn column(item: &Item, subjects: &mut [Subject], args: &Args) -> Result<Vec<RgbImage>> {
    let mut pictures = vec![];
    for (index, subject) in subjects.iter_mut().enumerate() {
        let how = subject.card.input.preprocessing.clone();
        let image = crop_and_resize(&item.picture.read(how.size)?, &how);
        let marks = marks(item, &how)?;
        let factor = (args.side / how.size).max(1);
        let framed = |picture: &RgbImage, colour| frame(picture, colour, 3);
        if index == 0 && !args.maps_only {
            pictures.push(framed(&enlarge(&image, factor), WHITE));
            let cause = marks.cause.as_ref().map(silhouette);
            pictures.extend(cause.map(|cause| framed(&enlarge(&cause, factor), WHITE)));
        }
        let (map, class) = saliency(subject, &image, args.outlier_percent)?;
        let mut map = enlarge(&map, factor);
        if let Some(lesion) = marks.lesion {
            outline(&mut map, &scaled(&lesion, factor), GREY, 1);
        }
        pictures.push(framed(&map, if class == item.label { GREEN } else { RED }));
    }
    Ok(pictures)
}

/// Columns as the rows that a grid is made of.
fn transposed(columns: &[Vec<RgbImage>]) -> Vec<Vec<RgbImage>> {
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|row| {
            let cells = columns.iter().map(|column| column.get(row).cloned());
            cells.map(Option::unwrap_or_default).collect()
        })
        .collect()
}

/// The map of the predicted class's gradient, in the paper's blue on white, and that class.
fn saliency(
    subject: &mut Subject,
    image: &RgbImage,
    outlier_percent: f32,
) -> Result<(RgbImage, usize)> {
    let input = subject.card.input.normalise(to_tensor(image));
    let input = input.insert_axis(Axis(0));
    let logits = subject.explainer.logits(input.view())?;
    let Some(class) = predicted(&logits) else {
        bail!("the model's logits are not numbers")
    };
    let gradient = subject.explainer.gradient(input.view(), class)?;
    let map = normalise(&collapse(&gradient.grad), Sign::Absolute, outlier_percent);
    Ok((paint(&map, ColourMap::Blues), class))
}

/// The masks of an image, at the network's resolution.
fn marks(item: &Item, how: &Preprocessing) -> Result<Marks> {
    if let Picture::Phantom { population, index } = &item.picture {
        let phantom = generate(*index, &PhantomOptions::new(how.size, *population));
        return Ok(Marks {
            lesion: Some(phantom.lesion),
            cause: Some(phantom.cause),
        });
    }
    let Some(path) = &item.mask else {
        return Ok(Marks {
            lesion: None,
            cause: None,
        });
    };
    let read =
        || -> Result<Array2<bool>> { Ok(preprocess_mask(&decode_mask(&fs::read(path)?)?, how)) };
    let lesion = read().with_context(|| format!("the mask {} cannot be used", path.display()))?;
    Ok(Marks {
        lesion: Some(lesion),
        cause: None,
    })
}

fn silhouette(mask: &Array2<bool>) -> RgbImage {
    let (height, width) = mask.dim();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        if mask[[y as usize, x as usize]] {
            BLACK
        } else {
            WHITE
        }
    })
}

fn scaled(mask: &Array2<bool>, factor: u32) -> Array2<bool> {
    let (height, width) = mask.dim();
    let factor = factor as usize;
    Array2::from_shape_fn((height * factor, width * factor), |(y, x)| {
        mask[[y / factor, x / factor]]
    })
}
