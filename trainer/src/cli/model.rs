//! Reading and writing the model files that the command line names.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use pellucid_shared::onnx::{Model, OnnxError};

/// Reads a model; whatever is wrong, the error names the file.
pub(super) fn load(path: &Path) -> Result<Model> {
    Ok(load_with_files(path)?.0)
}

/// As [`load`]; also names every file that was read, the model's own and those with its weights.
pub(super) fn load_with_files(path: &Path) -> Result<(Model, Vec<PathBuf>)> {
    match Model::load_with_files(path) {
        // Says which file by itself.
        Err(error @ OnnxError::File { .. }) => Err(error.into()),
        Err(error @ OnnxError::NotOnnx(_)) => {
            let place = path.display();
            let said = format!("{place}: {error}: copy the file again, or export it again");
            Err(Error::new(error).context(said))
        }
        other => other.with_context(|| path.display().to_string()),
    }
}

/// Bytes of all these files together.
pub(super) fn size(files: &[PathBuf]) -> Result<u64> {
    let sizes = files
        .iter()
        .map(|file| Ok(std::fs::metadata(file)?.len()))
        .collect::<Result<Vec<u64>>>()?;
    Ok(sizes.into_iter().sum())
}

/// Writes a model.
pub(super) fn save(model: &Model, path: &Path) -> Result<()> {
    model.save(path).map_err(|error| match error {
        OnnxError::File { path, source } => {
            Error::new(source).context(format!("cannot write {}", path.display()))
        }
        other => other.into(),
    })
}
