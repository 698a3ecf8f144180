//! What is too large or too small to be an image.

/// Images above this many million pixels are refused before any memory is taken for them.
pub const MAX_MEGAPIXELS: u64 = 100;

/// Images with a side shorter than this many pixels are refused.
pub const MIN_SIDE: u32 = 8;
