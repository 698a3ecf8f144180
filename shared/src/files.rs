//! Writing files so that nobody ever sees half of one.

use std::io;
use std::path::Path;

/// Placeholder signature; see the pictures branch.
///
/// # Errors
/// What the system says.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::write(path, bytes)
}
