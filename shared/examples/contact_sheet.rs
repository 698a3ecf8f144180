//! Draws a contact sheet of phantoms: three of each class and a fourth with a planted shortcut, each beside its masks.
//!
//! `cargo run -p pellucid-shared --example contact_sheet -- phantoms.png [SIZE] [SEED]`

use std::error::Error;
use std::path::Path;

use ndarray::Array2;
use pellucid_shared::files::write_atomic;
use pellucid_shared::image::{Rgb, RgbImage, encode_png};
use pellucid_shared::phantom::{
    Class, Phantom, PhantomOptions, Shortcut, ShortcutKind, generate_class,
};
use pellucid_shared::render::{ColourMap, Normalised, WHITE, grid, outline, overlay};

const BLUE: Rgb<u8> = Rgb([33, 113, 181]);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: contact_sheet OUT.png [SIZE] [SEED]")?;
    let size = arguments.next().map_or(Ok(224), |size| size.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;

    let rows: Vec<Vec<RgbImage>> = Class::ALL
        .into_iter()
        .map(|class| {
            let plain = PhantomOptions::new(size, seed);
            let kind = if class == Class::Nevus {
                ShortcutKind::Patch
            } else {
                ShortcutKind::Ruler
            };
            let shortcut = Some(Shortcut {
                kind,
                class,
                correlation: 1.0,
            });
            let planted = PhantomOptions {
                shortcut,
                ..plain.clone()
            };
            let first = 10 * class.index() as u64;
            (first..first + 3)
                .map(|index| generate_class(index, class, &plain))
                .chain([generate_class(first + 3, class, &planted)])
                .flat_map(|phantom| [annotated(&phantom), phantom.image])
                .collect()
        })
        .collect();
    write_atomic(Path::new(&path), &encode_png(&grid(&rows, 4))?)?;
    Ok(())
}

/// The picture with its cause in red, its lesion outlined in white and its shortcut in blue.
fn annotated(phantom: &Phantom) -> RgbImage {
    let width = phantom.image.width().div_ceil(150);
    let mut picture = overlay(
        &phantom.image,
        &painted(&phantom.cause),
        ColourMap::Diverging,
        0.5,
    );
    outline(&mut picture, &phantom.lesion, WHITE, width);
    if let Some(shortcut) = &phantom.shortcut {
        outline(&mut picture, shortcut, BLUE, 2 * width);
    }
    picture
}

/// A mask as a map: 0.8 is a bright red of the diverging colours.
fn painted(mask: &Array2<bool>) -> Normalised {
    Normalised {
        values: mask.mapv(|inside| if inside { 0.8 } else { 0.0 }),
        scale: 1.0,
        signed: true,
        flag: None,
    }
}
