use std::ops::ControlFlow;

use ndarray::{Array1, Array3, Array4, ArrayD, ArrayView3, Axis, Ix2, Ix4, s};

use super::job::batches;
use super::networks::{Graph, Networks};
use super::{Aim, AttributionError, Baseline, Job, PixelSpace, Progress, Signature};
use crate::engine::{EngineError, Outputs, take};
use onnx_autodiff::{COTANGENT, FEATURES, FEATURES_GRAD, GRAD};

/// Where an answer is no number.
const IMAGE: &str = "the image";
const MADE: &str = "an image that the method makes of it (a baseline, noise or a mask)";

/// What a method is asked about.
pub(super) struct Subject {
    /// What the network is fed, `[3, H, W]`.
    pub(super) input: Array3<f32>,
    /// The same as RGB pixels in [0, 1].
    pub(super) pixels: Array3<f32>,
    /// How the two hang together.
    pub(super) space: PixelSpace,
    pub(super) aim: Aim,
    /// The logits at the image; empty where the method sees the image itself.
    pub(super) logits: Vec<f32>,
}

impl Subject {
    /// Height and width.
    pub(super) fn size(&self) -> (usize, usize) {
        let (_, height, width) = self.input.dim();
        (height, width)
    }

    /// A baseline as the network is fed it.
    pub(super) fn baseline(&self, baseline: &Baseline, seed: u64, index: usize) -> Array3<f32> {
        self.space
            .input(baseline.pixels(self.pixels.view(), seed, index))
    }
}

/// Runs the graphs of one explanation, batch by batch, and counts.
pub(super) struct Runner<'a, 'j> {
    pub(super) networks: &'a mut Networks,
    pub(super) signature: &'a Signature,
    pub(super) job: Job<'j>,
    progress: Progress,
}

/// One image's answer.
pub(super) struct Answer {
    pub(super) logits: Vec<f32>,
    /// `[3, H, W]`
    pub(super) grad: Array3<f32>,
    /// The feature map and its gradient, `[C, h, w]` each.
    pub(super) features: Option<(Array3<f32>, Array3<f32>)>,
}

impl<'a, 'j> Runner<'a, 'j> {
    pub(super) fn new(
        networks: &'a mut Networks,
        signature: &'a Signature,
        mut job: Job<'j>,
    ) -> Self {
        if signature.shape[0].known() == Some(1) {
            job.batch = 1;
        }
        Self {
            networks,
            signature,
            job,
            progress: Progress::default(),
        }
    }

    /// Announces images to come.
    pub(super) fn expect(&mut self, images: usize) {
        self.progress.total += images;
    }

    /// Images that were run.
    pub(super) fn done(&self) -> usize {
        self.progress.done
    }

    /// The logits at one image.
    pub(super) fn logits_at(&mut self, input: &Array3<f32>) -> Result<Vec<f32>, AttributionError> {
        let mut logits = vec![];
        let images = input.clone().insert_axis(Axis(0));
        let mut outputs = self.run(&Graph::Forward, &images, None, IMAGE)?;
        logits.extend(self.logits(&mut outputs, 1, IMAGE)?);
        self.step(1)?;
        Ok(logits)
    }

    /// The logits of `count` images; `image` makes one by its number, `found` gets each one's logits.
    pub(super) fn forward(
        &mut self,
        count: usize,
        mut image: impl FnMut(usize) -> Array3<f32>,
        mut found: impl FnMut(usize, &[f32]),
    ) -> Result<(), AttributionError> {
        let (size, ranges) = batches(count, self.job.batch);
        for range in ranges {
            let images = stack(range.clone().map(&mut image), size)?;
            let mut outputs = self.run(&Graph::Forward, &images, None, MADE)?;
            let logits = self.logits(&mut outputs, size, MADE)?;
            for (row, index) in logits.outer_iter().zip(range.clone()) {
                found(index, &row.to_vec());
            }
            self.step(range.len())?;
        }
        Ok(())
    }

    /// The exact gradient of the score at `count` images; `image` makes one by its number, `found` gets each gradient.
    pub(super) fn gradients(
        &mut self,
        aim: Aim,
        count: usize,
        mut image: impl FnMut(usize) -> Array3<f32>,
        mut found: impl FnMut(usize, ArrayView3<'_, f32>),
    ) -> Result<(), AttributionError> {
        let (size, ranges) = batches(count, self.job.batch);
        for range in ranges {
            let images = stack(range.clone().map(&mut image), size)?;
            let mut outputs = self.run(&Graph::gradient(), &images, Some(aim), MADE)?;
            self.logits(&mut outputs, size, MADE)?;
            let grads = self.maps(&mut outputs, GRAD, size)?;
            self.same(GRAD, grads.shape(), images.shape())?;
            for (grad, index) in grads.outer_iter().zip(range.clone()) {
                found(index, grad);
            }
            self.step(range.len())?;
        }
        Ok(())
    }

    /// A gradient graph at one image.
    pub(super) fn gradient(
        &mut self,
        graph: &Graph,
        input: &Array3<f32>,
        aim: Aim,
    ) -> Result<Answer, AttributionError> {
        let images = input.clone().insert_axis(Axis(0));
        let mut outputs = self.run(graph, &images, Some(aim), IMAGE)?;
        let logits = self.logits(&mut outputs, 1, IMAGE)?;
        let grad = self.maps(&mut outputs, GRAD, 1)?;
        self.same(GRAD, grad.shape(), images.shape())?;
        let with_features = matches!(
            graph,
            Graph::Gradient {
                features: Some(_),
                ..
            }
        );
        let features = if with_features {
            let values = self.maps(&mut outputs, FEATURES, 1)?;
            let grads = self.maps(&mut outputs, FEATURES_GRAD, 1)?;
            self.same(FEATURES_GRAD, grads.shape(), values.shape())?;
            Some((first(values), first(grads)))
        } else {
            None
        };
        self.step(1)?;
        Ok(Answer {
            logits: logits.iter().copied().collect(),
            grad: first(grad),
            features,
        })
    }

    /// Logits and a feature map `[C, h, w]` at one image, without any gradient.
    pub(super) fn features(
        &mut self,
        value: &str,
        input: &Array3<f32>,
    ) -> Result<(Vec<f32>, Array3<f32>), AttributionError> {
        let graph = Graph::Features(value.to_owned());
        let images = input.clone().insert_axis(Axis(0));
        let mut outputs = self.run(&graph, &images, None, IMAGE)?;
        let map = self.maps(&mut outputs, value, 1)?;
        let logits = self.logits(&mut outputs, 1, IMAGE)?;
        self.step(1)?;
        Ok((logits.iter().copied().collect(), first(map)))
    }

    fn run(
        &mut self,
        graph: &Graph,
        images: &Array4<f32>,
        aim: Option<Aim>,
        place: &'static str,
    ) -> Result<Outputs, AttributionError> {
        let engine = self.networks.engine(graph, self.signature)?;
        let mut feeds = vec![(&self.signature.input[..], images.view().into_dyn())];
        let classes = self.signature.classes;
        let row: Array1<f32> = aim.map_or_else(|| Array1::zeros(0), |aim| aim.cotangent(classes));
        let rows = row.broadcast((images.len_of(Axis(0)), row.len()));
        if let Some(rows) = rows.filter(|_| aim.is_some()) {
            feeds.push((COTANGENT, rows.into_dyn()));
        }
        engine.run(&feeds).map_err(|error| match error {
            EngineError::NotANumber { node } => AttributionError::NotNumbers {
                place,
                node: Some(node),
            },
            other => other.into(),
        })
    }

    /// The logits `[size, K]` out of an answer, which must be numbers.
    fn logits(
        &self,
        outputs: &mut Outputs,
        size: usize,
        place: &'static str,
    ) -> Result<ndarray::Array2<f32>, AttributionError> {
        let array = take(outputs, &self.signature.output)?;
        self.same(
            &self.signature.output,
            array.shape(),
            &[size, self.signature.classes],
        )?;
        if array.iter().any(|logit| !logit.is_finite()) {
            return Err(AttributionError::NotNumbers { place, node: None });
        }
        self.rank::<Ix2>(&self.signature.output, array)
    }

    /// Maps `[size, C, h, w]` out of an answer.
    fn maps(
        &self,
        outputs: &mut Outputs,
        name: &str,
        size: usize,
    ) -> Result<Array4<f32>, AttributionError> {
        let array = take(outputs, name)?;
        if array.ndim() != 4 {
            return Err(AttributionError::NotSpatial {
                name: name.to_owned(),
                shape: array.shape().to_vec(),
            });
        }
        let wanted = [&[size], &array.shape()[1..]].concat();
        self.same(name, array.shape(), &wanted)?;
        self.rank::<Ix4>(name, array)
    }

    fn rank<D: ndarray::Dimension>(
        &self,
        name: &str,
        array: ArrayD<f32>,
    ) -> Result<ndarray::Array<f32, D>, AttributionError> {
        let shape = array.shape().to_vec();
        let array = array.into_dimensionality::<D>();
        array.map_err(|_| self.answer(name, &shape, &shape))
    }

    /// The engine's answer must have the shape that the graph promises.
    fn same(&self, name: &str, shape: &[usize], wanted: &[usize]) -> Result<(), AttributionError> {
        if shape == wanted {
            return Ok(());
        }
        Err(self.answer(name, shape, wanted))
    }

    fn answer(&self, name: &str, shape: &[usize], wanted: &[usize]) -> AttributionError {
        AttributionError::Answer {
            engine: self.networks.name().unwrap_or("the engine"),
            output: name.to_owned(),
            shape: shape.to_vec(),
            wanted: wanted.to_vec(),
        }
    }

    /// Counts images that are done, tells, and listens.
    fn step(&mut self, images: usize) -> Result<(), AttributionError> {
        self.progress.done += images;
        self.progress.total = self.progress.total.max(self.progress.done);
        let Some(tell) = &mut self.job.progress else {
            return Ok(());
        };
        match tell(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(AttributionError::Cancelled),
        }
    }
}

/// The images as `[size, 3, H, W]`; the last one stands again in places that are left, so that every batch has one size.
fn stack(
    images: impl Iterator<Item = Array3<f32>>,
    size: usize,
) -> Result<Array4<f32>, AttributionError> {
    let mut stacked = Array4::zeros((0, 0, 0, 0));
    let mut filled = 0;
    for (place, image) in images.take(size).enumerate() {
        if place == 0 {
            let (channels, height, width) = image.dim();
            stacked = Array4::zeros((size, channels, height, width));
        }
        let mut slot = stacked.slice_mut(s![place, .., .., ..]);
        if slot.dim() != image.dim() {
            return Err(AttributionError::Sizes {
                given: image.shape().to_vec(),
                wanted: slot.shape().to_vec(),
            });
        }
        slot.assign(&image);
        filled = place + 1;
    }
    for place in filled..size.min(stacked.len_of(Axis(0))) {
        let last = stacked.index_axis(Axis(0), filled - 1).to_owned();
        stacked.index_axis_mut(Axis(0), place).assign(&last);
    }
    Ok(stacked)
}

/// The only map of a batch of one.
fn first(maps: Array4<f32>) -> Array3<f32> {
    maps.index_axis_move(Axis(0), 0)
}
