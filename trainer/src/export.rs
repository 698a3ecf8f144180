//! Writing a model and proving that what was written is what was trained.

/// Placeholder until the export lands.
#[cfg(feature = "torch")]
#[allow(missing_docs, clippy::missing_errors_doc)]
pub fn export(
    model: &pellucid_shared::onnx::Model,
    _network: &crate::torch::Network,
    _sample: &tch::Tensor,
    path: &std::path::Path,
) -> anyhow::Result<()> {
    Ok(model.save(path)?)
}
