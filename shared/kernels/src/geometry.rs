//! What a convolution reads and writes.

/// The shape of a convolution of planes: `images × channels × height × width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Images in a batch.
    pub images: usize,
    /// Channels of the image, over all groups.
    pub channels: usize,
    /// Channels of the result, over all groups.
    pub filters: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Height and width of the window.
    pub window: [usize; 2],
    /// Steps of the window.
    pub strides: [usize; 2],
    /// Steps within the window.
    pub dilations: [usize; 2],
    /// Zeros above and left of the image. Those below and right follow from the result's size.
    pub padding: [usize; 2],
    /// Height and width of the result.
    pub result: [usize; 2],
}

/// Why a convolution cannot be made or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// Sizes of zero, channels that groups do not divide, or sizes beyond what a machine addresses.
    #[error("a convolution of such sizes cannot be computed: {0:?}")]
    Sizes(Box<Geometry>),
    /// Something has another length than the sizes say.
    #[error("{what} has {found} numbers, not {wanted}")]
    Length {
        /// What it is.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// How long it should be.
        wanted: usize,
    },
}

/// Sizes up to here are computed with; what is beyond is refused.
const LARGEST: usize = 1 << 30;

impl Geometry {
    /// # Errors
    /// [`GeometryError::Sizes`].
    pub(crate) fn check(&self) -> Result<(), GeometryError> {
        let error = GeometryError::Sizes(Box::new(*self));
        let pairs = [
            self.image,
            self.window,
            self.strides,
            self.dilations,
            self.result,
        ];
        let sizes = [self.images, self.channels, self.filters, self.groups];
        let sound = pairs
            .iter()
            .flatten()
            .chain(&sizes)
            .all(|&size| (1..=LARGEST).contains(&size));
        let padded = self.padding.iter().all(|&size| size <= LARGEST);
        if !sound
            || !padded
            || !self.channels.is_multiple_of(self.groups)
            || !self.filters.is_multiple_of(self.groups)
        {
            return Err(error);
        }
        let product = |sizes: &[usize]| {
            let product = sizes
                .iter()
                .try_fold(1_usize, |all, &size| all.checked_mul(size));
            product.filter(|&all| all <= isize::MAX as usize / 64)
        };
        let bounded = product(&[self.images, self.channels, self.image[0], self.image[1]])
            .and(product(&[
                self.images,
                self.filters,
                self.result[0],
                self.result[1],
            ]))
            .and(product(&[
                self.filters,
                self.channels,
                self.window[0],
                self.window[1],
            ]))
            // Rows and columns with their padding.
            .and(product(&[
                self.result[0].max(self.image[0]),
                self.strides[0],
            ]))
            .and(product(&[
                self.result[1].max(self.image[1]),
                self.strides[1],
            ]))
            .and(product(&[self.window[0], self.dilations[0]]))
            .and(product(&[self.window[1], self.dilations[1]]));
        bounded.map(|_| ()).ok_or(error)
    }

    /// Channels of the image that a filter reads.
    pub(crate) fn depth(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    pub(crate) fn filters_each(&self) -> usize {
        self.filters / self.groups
    }

    pub(crate) fn taps(&self) -> usize {
        self.window[0] * self.window[1]
    }

    pub(crate) fn image_plane(&self) -> usize {
        self.image[0] * self.image[1]
    }

    pub(crate) fn result_plane(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// How many numbers the image has.
    #[must_use]
    pub fn image_length(&self) -> usize {
        self.images * self.channels * self.image_plane()
    }

    /// How many numbers the result has.
    #[must_use]
    pub fn result_length(&self) -> usize {
        self.images * self.filters * self.result_plane()
    }

    /// How many numbers the weights have.
    #[must_use]
    pub fn weights_length(&self) -> usize {
        self.filters * self.depth() * self.taps()
    }
}

pub(crate) fn check_length(
    what: &'static str,
    found: usize,
    wanted: usize,
) -> Result<(), GeometryError> {
    match found == wanted {
        true => Ok(()),
        false => Err(GeometryError::Length {
            what,
            found,
            wanted,
        }),
    }
}
