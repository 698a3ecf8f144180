//! Why tables cannot be used.

use std::io;
use std::path::PathBuf;

use pellucid_shared::said;
use thiserror::Error;

use super::lines::LONGEST_LINE;

/// Many more than any table of images has.
pub(crate) const MOST_COLUMNS: usize = 4096;

/// Why a table cannot be used.
#[derive(Debug, Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("the table {} cannot be read", .path.display())]
    Unreadable {
        /// Its place.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is no CSV.
    #[error("the table {} is damaged: copy it again", .path.display())]
    Damaged {
        /// Its place.
        path: PathBuf,
        /// What the reader of CSV says.
        source: csv::Error,
    },
    /// A row has more or fewer fields than there are columns.
    #[error(
        "the table {} is damaged: line {line} has {found} fields and its first line {columns}: copy it again",
        .path.display()
    )]
    Uneven {
        /// Its place.
        path: PathBuf,
        /// The row's line, from 1.
        line: u64,
        /// Fields in that row.
        found: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A line that no table of images has.
    #[error(
        "the table {} is damaged: its line {line} has {bytes} bytes, and a line of such a table at most {LONGEST_LINE}: copy it again",
        .path.display()
    )]
    LongLine {
        /// Its place.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its length.
        bytes: usize,
    },
    /// Two columns bear the name of one that is needed.
    #[error(
        "the table {} has the column `{}` twice: leave one of them",
        .path.display(), said::name(name)
    )]
    Doubled {
        /// Its place.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// More columns than any table of images has.
    #[error(
        "the table {} has {found} columns, and such a table at most {MOST_COLUMNS}: leave those that are needed",
        .path.display()
    )]
    Columns {
        /// Its place.
        path: PathBuf,
        /// How many it has.
        found: usize,
    },
}
