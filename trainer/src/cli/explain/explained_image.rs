//! What is explained: an image brought to the network's input, or a tensor that is that input.

use std::path::Path;

use anyhow::{Context, Error, Result, ensure};
use ndarray::{Array3, Array4, Axis, Ix4};
use pellucid_shared::attribution::PixelSpace;
use pellucid_shared::card::Layout;
use pellucid_shared::contract::Contract;
use pellucid_shared::files;
use pellucid_shared::image::{Decoded, RgbImage, crop_and_resize, decode_noted};
use pellucid_shared::npy::floats;

use super::super::output::note;
use crate::data::MOST_IMAGE_BYTES;

/// What the network is fed.
pub(super) struct ExplainedImage {
    /// `[1, C, H, W]`, whatever the network's own layout is.
    pub(super) tensor: Array4<f32>,
    /// The picture that the network sees; none for a tensor.
    pub(super) picture: Option<RgbImage>,
    /// How pixels became the tensor: for a given tensor too, which is taken to be normalised as card or command line say.
    pub(super) space: PixelSpace,
}

impl ExplainedImage {
    pub(super) fn read(path: &Path, contract: &Contract) -> Result<Self> {
        let bytes = files::read(path, MOST_IMAGE_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (mean, std) = contract.input.scale();
        let space = PixelSpace::normalised(mean, std);
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npy"))
        {
            let tensor = tensor(&bytes).with_context(|| path.display().to_string())?;
            return Ok(Self {
                tensor: channels_first(tensor, contract.layout()),
                picture: None,
                space,
            });
        }
        let input = contract.for_images()?;
        let Decoded { image, note: odd } =
            decode_noted(&bytes).with_context(|| path.display().to_string())?;
        odd.inspect(|odd| note(&format!("{}: {odd}", path.display())));
        Ok(Self {
            tensor: input.tensor(&image).insert_axis(Axis(0)),
            picture: Some(crop_and_resize(&image, &input.preprocessing)),
            space,
        })
    }
}

/// A tensor in the network's own layout as `[1, C, H, W]`.
fn channels_first(tensor: Array4<f32>, layout: Layout) -> Array4<f32> {
    match layout {
        Layout::Nchw => tensor,
        Layout::Nhwc => tensor
            .permuted_axes([0, 3, 1, 2])
            .as_standard_layout()
            .into_owned(),
    }
}

/// A map `[C, H, W]` of the network's own input in the network's own layout.
pub(super) fn own_layout(map: Array3<f32>, layout: Layout) -> Array3<f32> {
    match layout {
        Layout::Nchw => map,
        Layout::Nhwc => map
            .permuted_axes([1, 2, 0])
            .as_standard_layout()
            .into_owned(),
    }
}

/// A float32 tensor of four axes.
fn tensor(bytes: &[u8]) -> Result<Array4<f32>> {
    let wanted = "a float32 tensor of the network's own shape, such as [1, 3, H, W], is needed: numpy.save(path, x.astype('float32'))";
    let array = floats(bytes).map_err(|error| {
        let said = format!("{error}: {wanted}");
        Error::new(error).context(said)
    })?;
    let shape = array.shape();
    ensure!(
        shape.len() == 4,
        "the tensor has the shape {shape:?}: {wanted}"
    );
    Ok(array.into_dimensionality::<Ix4>()?)
}

#[cfg(test)]
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
            assert!(
                error.contains("float32 tensor of the network's own shape"),
                "{error}"
            );
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
