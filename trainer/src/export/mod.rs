//! Writing a model and proving that what was written is what was trained.
//!
//! The file is written under a temporary name, read back, and compared with the network in memory:
//!
//! 1. Every tensor of the file is, bit for bit, what the network in memory holds.
//! 2. libtorch, ONNX Runtime and tract run the file on real images. Their logits agree with those of libtorch in float64
//!    to [`LOGITS`].
//! 3. So do their gradients to [`GRADIENT`], libtorch's by autograd and the others' by the derived graph. A pre-activation
//!    of 1e-7 may fall on the other side of zero in another engine, and its gradient then differs by far more than
//!    rounding. So the reference is the float64 gradient of the linear piece that the engine itself was on: its own
//!    decisions at every `Relu`, `LeakyRelu`, `Clip` and `MaxPool` are read out of the same run and frozen into the
//!    graph. That the pieces differ only where it does not matter is checked too: in float64, the engine's piece must
//!    give the same logits to [`PIECE`].
//!
//! Only then does the file take its name. A failure leaves what was there before, and no temporary file.

mod compare;
mod pieces;
mod run;

use std::path::Path;

use anyhow::{Context, Result, bail};
use ndarray::{Array4, Ix4};
use pellucid_shared::files::write_checked;
use pellucid_shared::onnx::{MOST_BYTES, Model, floats};
use tch::Tensor;

pub use compare::{
    Agreement, DeviceAgreement, GRADIENT, LOGITS, PIECE, Verification, compare, compare_device,
};

use crate::engines::{EngineKind, open};
use crate::torch::{Network, to_array};

/// Images that the engines are compared on, at most; fewer where they are large.
const IMAGES: usize = 8;
/// Pixels of all compared images together, at most: three engines and four float64 gradients run on them.
const PIXELS: usize = 4 * 224 * 224;

/// Checks that the engines that a model is verified with can be loaded, so that hours of training do not end at a missing
/// library.
///
/// # Errors
/// Where ONNX Runtime's library is missing; the error says how to get it.
pub fn ready() -> Result<()> {
    use pellucid_shared::zoo::{Architecture, Blueprint, build};
    let model = build(&Blueprint::new(Architecture::ResnetSmall, 2, 32, 0))?;
    open(EngineKind::Ort, &model)
        .map(drop)
        .context("a trained model is verified with ONNX Runtime before it is written")
}

/// Writes the trained weights of `network` with the graph and metadata of `model` to `path`, if the file passes the
/// verification that this module describes. `images` `[N, 3, H, W]` are real ones, in [0, 1]; the first few are used.
///
/// # Errors
/// Where the network is not the model's, the file cannot be written, or an engine disagrees: one sentence that names the
/// engine and by how much. The target is then as it was, and nothing else is left.
pub fn export(
    model: &Model,
    network: &Network,
    images: &Tensor,
    path: &Path,
) -> Result<Verification> {
    let mut trained = model.clone();
    network.write_back(&mut trained)?;
    let images = sample(images)?;
    if trained.encoded_len() > MOST_BYTES {
        bail!(
            "the network takes more than 2 GiB, the most that one ONNX file holds: train a smaller one"
        );
    }
    let bytes = trained.to_bytes();
    write_checked(
        path,
        |file| file.write_all(&bytes),
        |written| verify(written, &trained, network, &images),
    )
    .with_context(|| format!("{} was not written", path.display()))
}

/// Compares a file with the model that it should hold and the network that this was taken from.
fn verify(
    file: &Path,
    trained: &Model,
    network: &Network,
    images: &Array4<f32>,
) -> Result<Verification> {
    let read = Model::load(file).context("the file cannot be read back")?;
    same_weights(&read, network)?;
    if read != *trained {
        bail!("the graph or metadata that were read back are not those that were written");
    }
    compare(trained, &read, images)
}

/// Every weight and running statistic of the file against the network's own tensors, bit for bit.
fn same_weights(read: &Model, network: &Network) -> Result<()> {
    for (name, tensor) in network.state() {
        let stored = read
            .initializer(&name)
            .with_context(|| format!("the file lacks the weight `{name}`"))?;
        let trained = to_array::<f32>(&tensor)?;
        let stored = floats(stored)?;
        let same = stored.len() == trained.len()
            && stored
                .iter()
                .zip(&trained)
                .all(|(a, b)| a.to_bits() == b.to_bits());
        if !same {
            bail!("the weight `{name}` that was read back is not the trained one");
        }
    }
    Ok(())
}

/// The first images, as an array.
fn sample(images: &Tensor) -> Result<Array4<f32>> {
    let shape: Vec<usize> = images.size().iter().map(|&d| d as usize).collect();
    let &[count, _, height, width] = &shape[..] else {
        bail!("images to verify with are [N, 3, H, W], not {shape:?}");
    };
    let taken = (PIXELS / (height * width).max(1))
        .clamp(1, IMAGES)
        .min(count);
    if taken == 0 {
        bail!("there are no images to verify the model with");
    }
    let images = to_array(&images.f_narrow(0, 0, taken as i64)?)?;
    Ok(images.into_dimensionality::<Ix4>()?)
}

#[cfg(test)]
mod tests;
