//! Reading a model file that the command line names.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pellucid_shared::onnx::{Model, OnnxError};

/// Reads a model; whatever is wrong, the error names the file.
pub(super) fn load(path: &Path) -> Result<Model> {
    match Model::load(path) {
        // Says which file by itself.
        Err(error @ OnnxError::File { .. }) => Err(error.into()),
        Err(error @ OnnxError::NotOnnx(_)) => Err(anyhow!(
            "{}: {error}: copy the file again, or export it anew",
            path.display()
        )),
        other => other.with_context(|| path.display().to_string()),
    }
}
