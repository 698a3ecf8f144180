//! Room that runs share.

/// What a run writes on the way; kept between runs so that it is asked for once.
///
/// The kernels keep to [`CACHED`] numbers per buffer whatever the image's size, unless one row of an image, or one column of a
/// window, is longer. A transposed convolution holds its result once more on the way.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    pub(crate) panels: Vec<f32>,
    pub(crate) products: Vec<f32>,
    pub(crate) lines: Vec<f32>,
    pub(crate) spread: Vec<f32>,
    /// Whether this processor's own instructions are left out.
    pub(crate) plain: bool,
}

impl Scratch {
    /// For runs as on a processor of which nothing is known: slower, and to be tested on one that is known. Has no effect in
    /// WebAssembly with vectors.
    #[must_use]
    pub fn of_no_processor() -> Self {
        Self {
            plain: true,
            ..Self::default()
        }
    }
}

/// About how many numbers a buffer holds: 384 kB, which the second-level caches of today's processors take.
pub(crate) const CACHED: usize = 96 * 1024;

/// At least so many numbers, whatever they are.
pub(crate) fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

/// So many zeros.
pub(crate) fn zeros(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    let room = room(buffer, length);
    room.fill(0.0);
    room
}
