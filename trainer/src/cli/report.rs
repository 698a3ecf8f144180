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

/// What to draw.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  pellucid report --model runs/standard/best.onnx --model runs/robust/best.onnx --data phantom:6 -o saliency.png
  pellucid report --model a.onnx --model b.onnx --data ham10000:DIR --split runs/robust/split.csv --maps-only -o maps.png

A row per image: the image, the lesion (for phantoms: the pixels that decide the class), then a map per model in the
order given, framed green where the model is right and red where it is wrong.")]
pub struct Args {
    /// A model with a card; give it again for every column.
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

/// A model that is asked for its gradient.
struct Column {
    explainer: Explainer,
    card: Card,
}

/// Draws the picture.
///
/// # Errors
/// Where a model has no card, the models know different classes, or an image cannot be read.
pub fn run(args: Args) -> Result<()> {
    let mut columns = args
        .models
        .iter()
        .map(|path| open_column(path))
        .collect::<Result<Vec<_>>>()?;
    let first = columns.first().context("name at least one --model")?;
    let classes: Vec<String> = first
        .card
        .classes
        .iter()
        .map(|class| class.code.clone())
        .collect();
    ensure!(
        columns
            .iter()
            .all(|c| c.card.classes.iter().map(|class| &class.code).eq(&classes)),
        "the models know different classes: compare models of one task"
    );
    let dataset = choose_items(&args, &classes)?;
    let mut rows = vec![];
    for item in &dataset.items {
        rows.push(
            row(item, &mut columns, &args)
                .with_context(|| format!("the image {} failed", item.id))?,
        );
    }
    let picture = encode_png(&grid(&rows, 6))?;
    write_atomic(&args.output, &picture)
        .with_context(|| format!("{} cannot be written", args.output.display()))?;
    println!(
        "{}: {} images, {} models",
        args.output.display(),
        rows.len(),
        columns.len()
    );
    Ok(())
}

fn open_column(path: &Path) -> Result<Column> {
    let name = path.display();
    let model = Model::load(path)?;
    let card = Card::from_model(&model)?.with_context(|| {
        format!("{name} has no model card: `report` needs one to know classes and image size")
    })?;
    let explainer = Explainer::new(model, |graph| Ok(Box::new(TractEngine::new(graph)?)))
        .with_context(|| format!("{name} cannot be explained"))?;
    Ok(Column { explainer, card })
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

fn row(item: &Item, columns: &mut [Column], args: &Args) -> Result<Vec<RgbImage>> {
    let mut pictures = vec![];
    for (index, column) in columns.iter_mut().enumerate() {
        let how = column.card.input.preprocessing.clone();
        let image = item.picture.read(how.size)?;
        let small = crop_and_resize(&image, &how);
        let mask = marked_pixels(item, &how)?;
        let factor = (args.side / how.size).max(1);
        if index == 0 && !args.maps_only {
            pictures.push(framed(&small, None, factor));
            if let Some(mask) = &mask {
                pictures.push(framed(&silhouette(mask), None, factor));
            }
        }
        let (map, class) = saliency(column, &small, args.outlier_percent)?;
        let mut map = enlarge(&map, factor);
        if let Some(mask) = mask {
            outline(&mut map, &scaled(&mask, factor), BLACK, 1);
        }
        pictures.push(frame(
            &map,
            if class == item.label { GREEN } else { RED },
            3,
        ));
    }
    Ok(pictures)
}

fn framed(picture: &RgbImage, colour: Option<image::Rgb<u8>>, factor: u32) -> RgbImage {
    frame(&enlarge(picture, factor), colour.unwrap_or(WHITE), 3)
}

/// The map of the predicted class's gradient, in the paper's blue on white, and that class.
fn saliency(
    column: &mut Column,
    image: &RgbImage,
    outlier_percent: f32,
) -> Result<(RgbImage, usize)> {
    let input = column.card.input.normalise(to_tensor(image));
    let input = input.insert_axis(Axis(0));
    let logits = column.explainer.logits(input.view())?;
    let Some(class) = predicted(&logits) else {
        bail!("the model's logits are not numbers")
    };
    let gradient = column.explainer.gradient(input.view(), class)?;
    let map = normalise(&collapse(&gradient.grad), Sign::Absolute, outlier_percent);
    Ok((paint(&map, ColourMap::Blues), class))
}

/// The lesion of a photograph, or the pixels that decide a phantom's class, at the network's resolution.
fn marked_pixels(item: &Item, how: &Preprocessing) -> Result<Option<Array2<bool>>> {
    match (&item.picture, &item.mask) {
        (Picture::Phantom { population, index }, _) => Ok(Some(
            generate(*index, &PhantomOptions::new(how.size, *population)).cause,
        )),
        (_, Some(path)) => {
            let bytes = fs::read(path)
                .with_context(|| format!("the mask {} cannot be read", path.display()))?;
            Ok(Some(preprocess_mask(&decode_mask(&bytes)?, how)))
        }
        (_, None) => Ok(None),
    }
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
