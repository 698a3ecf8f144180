//! Lesions: what pigment lies where.

mod balance;
mod keratosis;
mod melanoma;
mod nevus;
mod spots;

use ndarray::Array2;

use super::Class;
use super::canvas::Canvas;
use super::colour::{BROWN, Colour, RED, WHITE, add, blend, transmitted};
use super::outline::{Extent, Outline};
use super::random::Stream;
use super::skin::Skin;

/// What a lesion does to the skin at one point.
pub(super) struct Pigment {
    absorbance: Colour,
    /// Share of white that scatters back from above the pigment.
    white: f32,
    /// Whether this point is one of those that decide the class.
    cause: bool,
}

/// The inner structure of one class.
trait Structure {
    /// About the distance to the outline at this point, positive inside, in sides of the image.
    fn depth(&self, position: [f32; 2]) -> f32;

    /// The pigment at this point, whose depth is given. `pixel` is the side of a pixel: edges are never sharper.
    fn pigment(&self, position: [f32; 2], depth: f32, pixel: f32) -> Pigment;
}

/// Whether a border that decides the class runs here: mostly on its inner side, so that a mask of it lies on the lesion.
fn on_border(depth: f32, width: f32) -> bool {
    (-0.5 * width..width).contains(&depth)
}

/// A lesion, ready to be painted.
pub(super) struct Lesion {
    structure: Box<dyn Structure>,
    centre: [f32; 2],
    /// The absorbance that a uniform lesion of this one's mean colour would have: the same distribution in every class.
    mean: Colour,
}

/// Where the lesion is, and what decides its class.
pub(super) struct Masks {
    pub(super) lesion: Array2<bool>,
    pub(super) cause: Array2<bool>,
}

impl Lesion {
    /// `common` gives what all classes share, `own` what is the class's own.
    pub(super) fn draw(class: Class, common: &mut Stream, own: &mut Stream) -> Self {
        let extent = Extent::draw(common);
        let hue = blend(BROWN, add(BROWN, RED, 0.35), common.unit());
        let strength = common.between(0.50, 1.05);
        let outline =
            |amplitudes: &[f32], own: &mut Stream| Outline::draw(&extent, amplitudes, own);
        let structure: Box<dyn Structure> = match class {
            Class::Nevus => Box::new(nevus::Nevus::draw(hue, outline, own)),
            Class::Melanoma => Box::new(melanoma::Melanoma::draw(hue, outline, own)),
            Class::Keratosis => Box::new(keratosis::Keratosis::draw(hue, outline, own)),
        };
        Self {
            structure,
            centre: extent.centre,
            mean: hue.map(|value| value * strength),
        }
    }

    pub(super) fn centre(&self) -> [f32; 2] {
        self.centre
    }

    /// Paints the lesion onto skin, its mean colour as drawn.
    pub(super) fn paint(&self, canvas: &mut Canvas, skin: &Skin) -> Masks {
        let size = canvas.size();
        let pixel = canvas.pixel();
        let mut masks = Masks {
            lesion: Array2::from_elem((size, size), false),
            cause: Array2::from_elem((size, size), false),
        };
        let mut touched = Vec::new();
        canvas.paint(|position, (column, row), _| {
            let depth = self.structure.depth(position);
            if depth < -0.12 {
                return;
            }
            let pigment = self.structure.pigment(position, depth, pixel);
            masks.lesion[[row, column]] = depth > 0.0;
            masks.cause[[row, column]] = pigment.cause;
            touched.push((column, row, pigment));
        });
        let inside: Vec<&Pigment> = (touched.iter())
            .filter(|(column, row, _)| masks.lesion[[*row, *column]])
            .map(|(_, _, pigment)| pigment)
            .collect();
        let gains = balance::gains(&inside, skin.tone(), self.mean);
        for (column, row, pigment) in touched {
            let colour = canvas.at(column, row);
            *colour = std::array::from_fn(|channel| {
                let through =
                    colour[channel] * transmitted(gains[channel] * pigment.absorbance[channel]);
                through + (WHITE[channel] - through) * pigment.white
            });
        }
        masks
    }
}
