//! Procedural dermoscopy phantoms with known lesion and cause masks.
//!
//! A phantom is a drawn dermoscopic image whose class is decided by known causes and by nothing else:
//!
//! | class | causes |
//! |---|---|
//! | `nv`, nevus | a uniform pigment network in a regular, symmetric, softly fading outline |
//! | `mel`, melanoma | colour variegation (tan, black, blue-grey, red, white), an asymmetric outline, an irregular border |
//! | `bkl`, benign keratosis | milia-like cysts and comedo-like openings inside a sharp border |
//!
//! Everything else (skin, hair, light, bubbles, place, area, and the lesion's *mean colour*) is drawn from one random
//! stream that does not know the class, so that a classifier has to look at the causes, and an explanation can be held
//! against them. The vocabulary is that of dermoscopy's consensus terms (Kittler et al., *J. Am. Acad. Dermatol.* 2016).
//!
//! The drawing uses no arithmetic but `+ − × ÷ √` on `f32` and integer hashes, so a phantom has the same bytes on every
//! platform, WebAssembly included.
//!
//! ```
//! use pellucid_phantoms::{PhantomOptions, generate};
//!
//! let phantom = generate(7, &PhantomOptions::new(64, 1));
//! assert_eq!(phantom.image.dimensions(), (64, 64));
//! assert_eq!(phantom.lesion.dim(), (64, 64));
//! println!("{}", phantom.class.name());
//! ```

mod canvas;
mod class;
mod colour;
mod hair;
mod light;
mod noise;
mod optics;
mod outline;
mod pigment;
mod random;
mod shortcut;
mod skin;
#[cfg(test)]
mod tests;

use ::image::RgbImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use canvas::Canvas;
pub use class::Class;
use random::Stream;
pub use shortcut::{Shortcut, ShortcutKind};

/// The smallest side of a phantom in pixels: below it, a cyst is smaller than a pixel.
pub const MIN_SIZE: u32 = 32;

/// The largest side of a phantom in pixels.
pub const MAX_SIZE: u32 = 4096;

/// What phantoms to draw. Together with an index it determines a phantom to the last bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhantomOptions {
    /// Side of the square image in pixels; clamped to [`MIN_SIZE`] ..= [`MAX_SIZE`].
    pub size: u32,
    /// The population: another seed, other phantoms.
    pub seed: u64,
    /// A planted object that betrays a class, for testing whether explanations find it.
    #[serde(default)]
    pub shortcut: Option<Shortcut>,
}

impl PhantomOptions {
    /// Phantoms without a shortcut.
    pub fn new(size: u32, seed: u64) -> Self {
        Self {
            size,
            seed,
            shortcut: None,
        }
    }
}

/// A drawn dermoscopic image and what is known about it. All masks are `[size, size]`, indexed `[y, x]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Phantom {
    /// The picture, `size`×`size` pixels.
    pub image: RgbImage,
    /// What it shows.
    pub class: Class,
    /// Inside the lesion's outline.
    pub lesion: Array2<bool>,
    /// The pixels that decide the class: see [`Class`].
    pub cause: Array2<bool>,
    /// The planted object, when one was planted in this phantom.
    pub shortcut: Option<Array2<bool>>,
}

/// The phantom number `index` of the population that `options` describes.
///
/// Classes are balanced: of the phantoms 3k, 3k+1, 3k+2 one belongs to each class, in an order shuffled by seed and k.
/// The shortcut, too, has a stream of its own: with and without it, the rest of the picture is the same.
pub fn generate(index: u64, options: &PhantomOptions) -> Phantom {
    generate_class(index, class_of(index, options.seed), options)
}

/// As [`generate`], with the class given: the same patient, light and hair, the same place, area and mean colour, and
/// the causes of another class. Pairs of these are counterfactuals.
pub fn generate_class(index: u64, class: Class, options: &PhantomOptions) -> Phantom {
    let size = options.size.clamp(MIN_SIZE, MAX_SIZE) as usize;
    let stream = |purpose| Stream::new(options.seed, index, purpose);
    let mut canvas = Canvas::new(size);

    let skin = skin::Skin::draw(&mut stream(random::Purpose::Skin));
    skin.paint(&mut canvas);
    let lesion = pigment::Lesion::draw(
        class,
        &mut stream(random::Purpose::Lesion),
        &mut stream(class.into()),
    );
    let masks = lesion.paint(&mut canvas, &skin);
    hair::paint(&mut canvas, &mut stream(random::Purpose::Hair));
    optics::paint_bubbles(&mut canvas, &mut stream(random::Purpose::Bubbles));
    let shortcut = options.shortcut.as_ref().and_then(|shortcut| {
        shortcut.paint(
            &mut canvas,
            class,
            lesion.centre(),
            &mut stream(random::Purpose::Shortcut),
        )
    });
    light::Light::draw(&mut stream(random::Purpose::Light)).shine_on(&mut canvas);

    Phantom {
        image: canvas.into_image(),
        class,
        lesion: masks.lesion,
        cause: masks.cause,
        shortcut,
    }
}

/// The class that [`generate`] draws for this number of a population: one of each in every block of three, shuffled.
pub fn class_of(index: u64, seed: u64) -> Class {
    let mut order = Class::ALL;
    let mut stream = Stream::new(seed, index / 3, random::Purpose::ClassOrder);
    order.swap(0, stream.below(3));
    order.swap(1, 1 + stream.below(2));
    order[(index % 3) as usize]
}
