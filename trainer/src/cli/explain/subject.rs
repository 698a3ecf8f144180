//! What is explained: an image brought to the network's input, or a tensor that is that input.

use std::path::Path;

use anyhow::{Context, Result, bail};
use ndarray::{Array4, ArrayViewD, Axis, Ix4};
use ndarray_npy::ViewNpyExt;
use pellucid_shared::attribution::{PixelSpace, Signature};
use pellucid_shared::card::{Card, Class, Input};
use pellucid_shared::image::{Decoded, Preprocessing, RgbImage, crop_and_resize, decode_noted};
use pellucid_shared::onnx::Model;

use super::super::output::note;
use super::Feed;

/// What card and command line say of the model together; the command line has the last word.
pub(super) struct Described {
    card: Option<Card>,
    size: Option<u32>,
    crop: Option<pellucid_shared::image::Crop>,
    normalization: Option<([f32; 3], [f32; 3])>,
    labels: Option<Vec<Class>>,
}

impl Described {
    pub(super) fn find(model: &Model, path: &Path, feed: &Feed) -> Result<Self> {
        let card = match &feed.card {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Some(Card::parse(&text).with_context(|| file.display().to_string())?)
            }
            None => Card::from_model(model).with_context(|| path.display().to_string())?,
        };
        Ok(Self {
            card,
            size: feed.size,
            crop: feed.crop,
            normalization: feed.mean.zip(feed.std),
            labels: feed.labels.as_deref().map(labels).transpose()?,
        })
    }

    /// As many classes as the network has logits, in a card of their own; numbers stand for names that nobody gave.
    pub(super) fn classes(&self, count: usize) -> Result<Card> {
        let (given, source) = match (&self.labels, &self.card) {
            (Some(labels), _) => (&labels[..], "the file of labels"),
            (None, Some(card)) => (&card.classes[..], "the model card"),
            (None, None) => (&[][..], ""),
        };
        if !given.is_empty() && given.len() != count {
            bail!(
                "{source} names {} classes, but the network has {count} logits",
                given.len()
            );
        }
        let numbered = |index: usize| Class {
            code: index.to_string(),
            name: String::new(),
        };
        let classes = if given.is_empty() {
            (0..count).map(numbered).collect()
        } else {
            given.to_vec()
        };
        Ok(Card::new(
            "",
            classes,
            Input::plain(Preprocessing::square(1)),
        ))
    }

    /// How pixels and the network's input hang together: for a tensor too, which is taken to be normalised as the card or
    /// the command line says.
    fn space(&self) -> PixelSpace {
        let card = || {
            let input = &self.card.as_ref()?.input;
            input.mean.zip(input.std)
        };
        let normalization = self.normalization.or_else(card);
        normalization.map_or_else(PixelSpace::default, |(mean, std)| {
            PixelSpace::normalised(mean, std)
        })
    }

    /// How an image is brought to the network's input.
    fn input(&self, signature: &Signature) -> Result<Input> {
        let mut input = match (&self.card, self.size) {
            (Some(card), _) => card.input.clone(),
            (None, Some(size)) => Input::plain(Preprocessing::square(size)),
            (None, None) => Input::plain(Preprocessing::square(side(signature)?)),
        };
        if let Some(size) = self.size {
            input.preprocessing.size = size;
        }
        if let Some(crop) = self.crop {
            input.preprocessing.crop = crop;
        }
        if let Some((mean, std)) = self.normalization {
            (input.mean, input.std) = (Some(mean), Some(std));
        } else if self.card.is_none() {
            note(
                "the model has no card, so it is fed RGB values in [0, 1]: give --mean and --std if it wants them normalised",
            );
        }
        Ok(input)
    }
}

/// The side of the input as the graph fixes it.
fn side(signature: &Signature) -> Result<u32> {
    match signature.size() {
        Some((height, width)) if height == width => {
            u32::try_from(height).context("the model's input is too large")
        }
        Some((height, width)) => bail!(
            "the model's input is {width}×{height} pixels; only square ones are made from an image: feed an .npy tensor"
        ),
        None => bail!("the model leaves the size of its input open and has no card: give --size"),
    }
}

/// One class per line; blank lines at the end do not count.
fn labels(path: &Path) -> Result<Vec<Class>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the labels {}", path.display()))?;
    let classes: Vec<Class> = text
        .trim_end()
        .lines()
        .map(|line| Class {
            code: line.trim().to_owned(),
            name: String::new(),
        })
        .collect();
    if classes.iter().any(|class| class.code.is_empty()) {
        bail!(
            "{} is empty or has a blank line: a file of labels has one class per line",
            path.display()
        );
    }
    Ok(classes)
}

/// What the network is fed.
pub(super) struct Subject {
    /// `[1, 3, H, W]`
    pub(super) tensor: Array4<f32>,
    /// The picture that the network sees; none for a tensor.
    pub(super) picture: Option<RgbImage>,
    /// How pixels became the tensor.
    pub(super) space: PixelSpace,
}

impl Subject {
    pub(super) fn read(path: &Path, described: &Described, signature: &Signature) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npy"))
        {
            let tensor = tensor(&bytes).with_context(|| path.display().to_string())?;
            return Ok(Self {
                tensor,
                picture: None,
                space: described.space(),
            });
        }
        let input = described.input(signature)?;
        let Decoded { image, note: odd } =
            decode_noted(&bytes).with_context(|| path.display().to_string())?;
        odd.inspect(|odd| note(&format!("{}: {odd}", path.display())));
        Ok(Self {
            tensor: input.tensor(&image).insert_axis(Axis(0)),
            picture: Some(crop_and_resize(&image, &input.preprocessing)),
            space: described.space(),
        })
    }
}

/// A float32 tensor of four axes. Viewed in place, so that a header that lies about the size allocates nothing.
fn tensor(bytes: &[u8]) -> Result<Array4<f32>> {
    let wanted = "a float32 tensor [1, 3, H, W] is needed: numpy.save(path, x.astype('float32'))";
    let view =
        ArrayViewD::<f32>::view_npy(bytes).map_err(|error| anyhow::anyhow!("{error}: {wanted}"))?;
    let shape = view.shape().to_vec();
    view.into_dimensionality::<Ix4>()
        .map(|view| view.to_owned())
        .map_err(|_| anyhow::anyhow!("the tensor has the shape {shape:?}: {wanted}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use ndarray::Array;
    use ndarray_npy::WriteNpyExt;

    use super::*;

    fn npy<A: ndarray_npy::WritableElement>(array: &ndarray::ArrayD<A>) -> Vec<u8> {
        let mut bytes = vec![];
        array.write_npy(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_tensor_is_read_as_it_is_in_both_orders() {
        let array =
            Array::from_shape_fn((1, 3, 2, 4), |(_, c, y, x)| (c * 100 + y * 10 + x) as f32);
        assert_eq!(tensor(&npy(&array.clone().into_dyn())).unwrap(), array);
        let fortran = array.t().to_owned().reversed_axes();
        assert_eq!(tensor(&npy(&fortran.into_dyn())).unwrap(), array);
    }

    #[test]
    fn another_type_or_shape_or_half_a_file_is_refused_with_the_remedy() {
        let double = npy(&ndarray::ArrayD::<f64>::zeros(ndarray::IxDyn(&[
            1, 3, 2, 2,
        ])));
        let flat = npy(&ndarray::ArrayD::<f32>::zeros(ndarray::IxDyn(&[12])));
        let whole = npy(&ndarray::ArrayD::<f32>::zeros(ndarray::IxDyn(&[
            1, 3, 2, 2,
        ])));
        for bytes in [&double[..], &flat, &whole[..whole.len() - 1], b"PNG", b""] {
            let error = tensor(bytes).unwrap_err().to_string();
            assert!(error.contains("float32 tensor [1, 3, H, W]"), "{error}");
        }
    }

    #[test]
    fn a_header_that_promises_terabytes_takes_no_memory() {
        let mut bytes = npy(&ndarray::ArrayD::<f32>::zeros(ndarray::IxDyn(&[
            1, 3, 2, 2,
        ])));
        let at = bytes
            .windows(12)
            .position(|w| w == b"(1, 3, 2, 2)")
            .unwrap();
        bytes[at..at + 12].copy_from_slice(b"(9,999999999");
        bytes[at + 12..at + 14].copy_from_slice(b")}");
        assert!(tensor(&bytes).is_err());
    }
}
