//! What networks are trained and measured on: phantoms, HAM10000, folders and tables of images.
//!
//! A [`Source`] names data as the command line does; [`Dataset::open`] lists its images, [`Split`] parts them into
//! training, validation and test without tearing a lesion apart, and [`Pixels`] decodes them.

#[cfg(feature = "torch")]
mod batch;
mod csv_table;
mod dataset;
mod examples;
mod folder;
mod ham10000;
mod identical;
mod layout;
mod listing;
mod lookup;
mod masks;
mod notes;
mod open;
mod order;
mod pack;
mod part;
mod per_class;
mod phantoms;
mod pixels;
mod sections;
mod source;
mod split;
#[cfg(test)]
mod testing;

#[cfg(feature = "torch")]
pub(crate) use batch::batch;
pub use csv_table::{CsvTable, Role};
pub use dataset::{Dataset, Item, MOST_IMAGE_BYTES, Picture};
pub use examples::Examples;
pub use masks::Masks;
pub use notes::Notes;
pub use order::{Balance, epoch_order};
pub use pack::{Packed, pack};
pub use part::Part;
pub use per_class::PerClass;
pub use phantoms::write_phantoms;
pub use pixels::{MEMORY_LIMIT, Pixels};
pub use source::{EVALUATION_POPULATION, Source, TRAINING_POPULATION};
pub use split::{Fold, Shares, Split};
