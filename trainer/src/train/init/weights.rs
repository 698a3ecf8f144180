//! Weights out of a file, by name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pellucid_shared::files;
use pellucid_shared::kind::FileKind;
use pellucid_shared::onnx::{
    MOST_BYTES, Model, floats, set_floats, single_precision, tensor_shape,
};
use pellucid_shared::said;
use pellucid_shared::zoo::is_weight;
use safetensors::{Dtype, SafeTensors};

use super::head::last_layer;

/// Whether a file is one of weights without a graph.
pub(super) fn is_safetensors(file: &Path) -> bool {
    file.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"))
}

/// Shape and values by name.
pub(super) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub(super) fn read_weights(file: &Path) -> Result<Weights> {
    let place = file.display();
    if !is_safetensors(file) {
        let model = Model::load(file).and_then(single_precision);
        let model = model.with_context(|| format!("{place} cannot be read"))?;
        let floats = model.graph().initializer.iter().filter_map(|tensor| {
            let values = floats(tensor).ok()?;
            let flat = values.iter().copied().collect();
            Some((tensor.name.clone(), (values.shape().to_vec(), flat)))
        });
        return Ok(floats.collect());
    }
    let bytes =
        files::read(file, MOST_BYTES as u64).with_context(|| format!("{place} cannot be read"))?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(|| match FileKind::of(&bytes) {
        Some(kind) if kind != FileKind::Safetensors => {
            format!(
                "{place} is {}: copy or download the file itself",
                kind.name()
            )
        }
        _ => format!("{place} is not a whole .safetensors file: copy or download it again"),
    })?;
    let mut weights = Weights::new();
    for (name, tensor) in tensors.tensors() {
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F32 => numbers(data, f32::from_le_bytes),
            Dtype::F64 => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::BF16 => numbers(data, |bytes| {
                f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
            }),
            // Counters such as `num_batches_tracked` are no weights.
            Dtype::I64 | Dtype::I32 => continue,
            other => bail!(
                "`{}` in {place} is of type {other:?}: save the weights as float32, float64 or bfloat16",
                said::name(&name)
            ),
        };
        weights.insert(name, (tensor.shape().to_vec(), values));
    }
    Ok(weights)
}

fn numbers<const N: usize>(data: &[u8], from: fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|&bytes| from(bytes))
        .collect()
}

/// Takes every weight of the model by name, but a head of another shape; returns what it left.
pub(super) fn load_by_name(model: &mut Model, weights: &Weights) -> Result<Vec<String>> {
    let head = last_layer(model).map_or_else(Vec::new, |layer| layer.weights());
    let mut skipped = vec![];
    for tensor in model.initializers_mut() {
        // The graph's constants are this model's own.
        if !is_weight(&tensor.name) {
            continue;
        }
        let shape = tensor_shape(tensor)?;
        match weights.get(&tensor.name) {
            Some((found, values)) if *found == shape => set_floats(tensor, values)?,
            Some(_) | None if head.contains(&tensor.name) => skipped.push(tensor.name.clone()),
            Some((found, _)) => bail!(
                "`{}` has the shape {found:?} there and {shape:?} in the network",
                tensor.name
            ),
            None => bail!("`{}` is missing", tensor.name),
        }
    }
    Ok(skipped)
}
