//! `pellucid report`: several models' saliency on the same images, as one picture.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;
use ndarray::{Array2, Axis};
use pellucid_shared::attribution::{Explainer, predicted};
use pellucid_shared::contract::{Assumption, Contract};
use pellucid_shared::image::{RgbImage, crop_and_resize, encode_png, to_tensor};
use pellucid_shared::metrics::mass_inside;
use pellucid_shared::render::{
    BLACK, ColourMap, GREEN, RED, Sign, WHITE, collapse, enlarge, frame, grid, normalise, outline,
    paint,
};
use serde::Serialize;

use super::feed::{Feed, assumed_lines, contract};
use super::output::{note, print, print_json, write};
use super::values::{MOST_IMAGES, between, count};
use crate::data::{
    Dataset, EVALUATION_POPULATION, Item, Notes, Part, Source, Split, TRAINING_POPULATION,
};
use crate::engines::taped_explainer;

/// The lesion's outline, visible on white and on blue.
const GREY: image::Rgb<u8> = image::Rgb([90, 90, 90]);

/// Draw several models' saliency on the same images, and say how much of it lies inside the lesions
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  pellucid report --model runs/standard/best.onnx --model runs/robust/best.onnx \\
      --data phantom:6 -o saliency.png
  pellucid report --model a.onnx --model b.onnx --data ham10000:HAM10000 \\
      --split runs/ham/split.csv --maps-only -o maps.png
  pellucid report --model a.onnx --model b.onnx --data ham10000:HAM10000 \\
      --split runs/ham/split.csv --count 500 --json

A column per image: the image, for phantoms the pixels that decide the class, then a map per model in the order given,
with the lesion's outline, framed green where the model is right and red where it is wrong.")]
pub struct Args {
    /// A model whose classes have names, in its card or by --labels; repeat it for each model to compare
    #[arg(long = "model", required = true, value_name = "MODEL.onnx")]
    models: Vec<PathBuf>,
    /// The images: ham10000:DIR, folder:DIR, csv:FILE or phantom:COUNT
    #[arg(long)]
    data: Source,
    /// Take the images from the test part of this split (CSV, as `train` writes it)
    #[arg(long, value_name = "FILE.csv")]
    split: Option<PathBuf>,
    /// The most images to take, evenly from the classes
    #[arg(long, default_value_t = 6, value_parser = count(1, MOST_IMAGES))]
    count: usize,
    /// Leave the images out: maps with the lesion's outline only, for data whose licence forbids showing them
    #[arg(long)]
    maps_only: bool,
    /// Percentage of the attribution that the strongest pixels may hold without setting the map's scale
    #[arg(long, default_value_t = 1.0, value_parser = between(0.0_f32, 100.0))]
    outlier_percent: f32,
    /// Side of each picture in pixels, rounded to a multiple of the networks' input
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u32).range(1..=4096))]
    side: u32,
    /// The PNG file to write [default: none, the figures only]
    #[arg(short, long, value_name = "PNG")]
    output: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    #[command(
        flatten,
        next_help_heading = "What every model takes and gives (where card and graph do not say it)"
    )]
    feed: Feed,
}

impl Args {
    /// The files that are written.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.output.iter().cloned().collect()
    }
}

/// A model that is asked for its gradient: a row of the picture.
struct ComparedModel {
    explainer: Explainer,
    contract: Contract,
    figures: Figures,
}

/// What is said about a model over all images.
#[derive(Debug, Serialize)]
struct Figures {
    model: String,
    images: usize,
    /// Images whose predicted class is the true one.
    right: usize,
    inside: Inside,
    /// What nobody told of the model.
    assumed: Vec<Assumption>,
}

/// Sums over the images whose lesion is known.
#[derive(Debug, Default)]
struct Inside {
    images: usize,
    attribution: f64,
    area: f64,
}

impl Inside {
    /// Counts an image whose lesion is known and whose attribution is not all zero.
    fn add(&mut self, map: &Array2<f32>, lesion: &Array2<bool>) {
        if let Some(share) = mass_inside(map, lesion) {
            self.images += 1;
            self.attribution += share;
            self.area +=
                lesion.iter().filter(|inside| **inside).count() as f64 / lesion.len() as f64;
        }
    }

    /// The mean shares of the attribution and of the area that lie inside the lesion.
    fn means(&self) -> Option<(f64, f64)> {
        let images = self.images as f64;
        (self.images > 0).then(|| (self.attribution / images, self.area / images))
    }
}

impl Serialize for Inside {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Means {
            images: usize,
            attribution: Option<f64>,
            area: Option<f64>,
        }
        let means = self.means();
        Means {
            images: self.images,
            attribution: means.map(|m| m.0),
            area: means.map(|m| m.1),
        }
        .serialize(serializer)
    }
}

/// Draws the picture.
///
/// # Errors
/// Where a model's classes have no names, the models know different classes, or an image cannot be read.
pub fn run(args: Args) -> Result<()> {
    let mut models = args
        .models
        .iter()
        .map(|path| open_model(path, &args.feed))
        .collect::<Result<Vec<_>>>()?;
    let first = models.first().context("name at least one --model")?;
    let classes: Vec<String> = first
        .contract
        .classes
        .iter()
        .map(|class| class.code.clone())
        .collect();
    ensure!(
        models.iter().all(|c| c
            .contract
            .classes
            .iter()
            .map(|class| &class.code)
            .eq(&classes)),
        "the models know different classes: compare models of one task"
    );
    let dataset = choose_items(&args, &classes)?;
    check_room(&args, &models, dataset.items.len())?;
    let mut columns = vec![];
    for item in &dataset.items {
        let column = column(item, &dataset.notes, &mut models, &args);
        columns.push(column.with_context(|| format!("the image {} failed", item.id))?);
    }
    dataset.notes.take().iter().for_each(|told| note(told));
    if let Some(path) = &args.output {
        write(path, &encode_png(&grid(&transposed(&columns), 6))?)?;
    }
    let figures: Vec<Figures> = models.into_iter().map(|s| s.figures).collect();
    if args.json {
        print_json(&figures)
    } else {
        print(&figures.iter().map(Figures::to_line).collect::<String>())
    }
}

impl Figures {
    fn to_line(&self) -> String {
        let inside = match self.inside.means() {
            Some((attribution, area)) => format!(
                "{:.1} % of the attribution inside the lesion, which is {:.1} % of the area",
                100.0 * attribution,
                100.0 * area
            ),
            None => "no lesion mask to compare with".into(),
        };
        let Self {
            model,
            images,
            right,
            ..
        } = self;
        let assumed = assumed_lines(&self.assumed);
        format!("{model}: {right} of {images} right; {inside}\n{assumed}")
    }
}

fn open_model(path: &Path, feed: &Feed) -> Result<ComparedModel> {
    let name = path.display();
    let model = super::model::load(path)?;
    let contract = contract(&model, path, &feed.wishes(None)?)?;
    ensure!(
        contract.named,
        "{name} does not name its classes, which `report` needs to compare them with the data's: give --labels"
    );
    contract.for_images().with_context(|| name.to_string())?;
    let explainer =
        taped_explainer(model, &contract).with_context(|| format!("{name} cannot be explained"))?;
    let figures = Figures {
        model: name.to_string(),
        images: 0,
        right: 0,
        inside: Inside::default(),
        assumed: contract.assumed.clone(),
    };
    Ok(ComparedModel {
        explainer,
        contract,
        figures,
    })
}

fn choose_items(args: &Args, classes: &[String]) -> Result<Dataset> {
    let population = match args.split {
        Some(_) => TRAINING_POPULATION,
        None => EVALUATION_POPULATION,
    };
    let dataset = Dataset::open(&args.data, Some(classes), population)?;
    let dataset = match &args.split {
        Some(path) => dataset.select(&Split::read(path, &dataset)?.indices(Part::Test)),
        None => dataset.own_part(Part::Test),
    };
    let dataset = dataset.first(args.count);
    ensure!(
        !dataset.items.is_empty(),
        "no image is left to draw: the split has no test image"
    );
    Ok(dataset)
}

/// Pixels of the whole picture, at the most: half a gigabyte, and as much again while it is put together.
const MOST_PIXELS: u64 = 200_000_000;

/// Whether the picture fits into the memory, before hours are spent on it.
fn check_room(args: &Args, models: &[ComparedModel], images: usize) -> Result<()> {
    let sides = models.iter().map(|model| {
        let side = model.contract.input.preprocessing.size;
        u64::from(side * (args.side / side).max(1)) + 12
    });
    let side = sides.max().unwrap_or(0);
    // Beside a map per model the image and, for phantoms, what decides its class.
    let rows = models.len() as u64 + if args.maps_only { 0 } else { 2 };
    let most = MOST_PIXELS / (side * side * rows).max(1);
    ensure!(
        args.output.is_none() || images as u64 <= most,
        "a picture of {images} images at --side {} would have more than {MOST_PIXELS} pixels: choose --count {most} or less, a smaller --side, or no -o",
        args.side
    );
    Ok(())
}

/// The pictures of one image, from top to bottom; none where nothing is written.
fn column(
    item: &Item,
    notes: &Notes,
    models: &mut [ComparedModel],
    args: &Args,
) -> Result<Vec<RgbImage>> {
    let mut pictures = vec![];
    for (index, model) in models.iter_mut().enumerate() {
        let how = model.contract.input.preprocessing.clone();
        let whole = item.picture.read(how.size, notes)?;
        let masks = item.masks(&whole, &how)?;
        let image = crop_and_resize(&whole, &how);
        let (map, class) = saliency(model, &image)?;
        model.figures.images += 1;
        model.figures.right += usize::from(class == item.label);
        if let Some(lesion) = &masks.lesion {
            model.figures.inside.add(&map, lesion);
        }
        if args.output.is_none() {
            continue;
        }
        let factor = (args.side / how.size).max(1);
        let framed = |picture: &RgbImage, colour| frame(picture, colour, 3);
        if index == 0 && !args.maps_only {
            pictures.push(framed(&enlarge(&image, factor), WHITE));
            let cause = masks.cause.as_ref().map(silhouette);
            pictures.extend(cause.map(|cause| framed(&enlarge(&cause, factor), WHITE)));
        }
        let map = normalise(&map, Sign::Absolute, args.outlier_percent);
        let mut map = enlarge(&paint(&map, ColourMap::Blues), factor);
        if let Some(lesion) = masks.lesion {
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

/// The predicted class's gradient, summed over the channels, `[H, W]`, and that class.
fn saliency(model: &mut ComparedModel, image: &RgbImage) -> Result<(Array2<f32>, usize)> {
    let input = model.contract.input.normalise(to_tensor(image));
    let input = input.insert_axis(Axis(0));
    let logits = model.explainer.logits(input.view())?;
    let Some(class) = predicted(&logits) else {
        bail!("the model's logits are not numbers")
    };
    let gradient = model.explainer.gradient(input.view(), class)?;
    Ok((collapse(&gradient.grad), class))
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
