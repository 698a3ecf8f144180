//! What `tests/wasm.mjs` calls: the kernels held to float64 in WebAssembly, and timed there.
//!
//! Numbers go in and out as they are, so that no glue is needed.

#[path = "../tests/drawn/mod.rs"]
mod drawn;

use drawn::Chance;
use pellucid_kernels::{Accuracy, Convolution, Finish, Geometry, Scratch, Transposed};

/// The largest of a number of cases' errors, each as a part of what is allowed: right where it is below one.
#[unsafe(no_mangle)]
pub extern "C" fn error(seed: u32, cases: u32) -> f64 {
    let mut chance = Chance(u64::from(seed) + 1);
    let mut scratch = Scratch::default();
    let mut worst: f64 = 0.0;
    for case in 0..cases as usize {
        let geometry = drawn::geometry(&mut chance, case);
        let image = chance.numbers(geometry.image_length());
        let weights = chance.numbers(geometry.weights_length());
        let mut expected = vec![0.0; geometry.result_length()];
        drawn::each_product(&geometry, |to, from, weight| {
            expected[to] += f64::from(image[from]) * f64::from(weights[weight]);
        });
        for (accuracy, bound) in [(Accuracy::Decisions, 1e-6), (Accuracy::Gradient, 2e-6)] {
            let mut result = vec![f32::NAN; geometry.result_length()];
            let Ok(convolution) = Convolution::new(geometry, &weights, &[], accuracy) else {
                return f64::INFINITY;
            };
            if convolution.run(&image, Finish::NOTHING, &mut result, &mut scratch) != Ok(true) {
                return f64::INFINITY;
            }
            worst = worst.max(drawn::error(&result, &expected) / bound);
        }
        let from = result_like(&mut chance, &geometry);
        let mut expected = vec![0.0; geometry.image_length()];
        drawn::each_product(&geometry, |result, image, weight| {
            expected[image] += f64::from(from[result]) * f64::from(weights[weight]);
        });
        let mut to = vec![f32::NAN; geometry.image_length()];
        let Ok(transposed) = Transposed::new(geometry, &weights, &[]) else {
            return f64::INFINITY;
        };
        if transposed.run(&from, &mut to, &mut scratch).is_err() {
            return f64::INFINITY;
        }
        worst = worst.max(drawn::error(&to, &expected) / 1e-6);
    }
    worst
}

fn result_like(chance: &mut Chance, geometry: &Geometry) -> Vec<f32> {
    chance.numbers(geometry.result_length())
}

/// Something to be timed.
pub struct Timed {
    geometry: Geometry,
    image: Vec<f32>,
    result: Vec<f32>,
    convolution: Option<Convolution>,
    transposed: Option<Transposed>,
    scratch: Scratch,
}

/// A layer of the given sizes: `kind` 0 is a convolution whose decisions matter, 1 one for the gradient, 2 a transposed one. The
/// image is square, and the window too.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(
    kind: u32,
    channels: u32,
    filters: u32,
    side: u32,
    window: u32,
    stride: u32,
    groups: u32,
) -> *mut Timed {
    let [channels, filters, side, window, stride, groups] =
        [channels, filters, side, window, stride, groups].map(|value| value as usize);
    let padding = window / 2;
    let result = (side + 2 * padding - window) / stride + 1;
    let geometry = Geometry {
        images: 1,
        channels,
        filters,
        groups,
        image: [side, side],
        window: [window, window],
        strides: [stride, stride],
        dilations: [1, 1],
        padding: [padding, padding],
        result: [result, result],
    };
    let mut chance = Chance(7);
    let weights = chance.numbers(geometry.weights_length());
    let accuracy = match kind {
        0 => Accuracy::Decisions,
        _ => Accuracy::Gradient,
    };
    Box::into_raw(Box::new(Timed {
        image: chance.numbers(geometry.image_length()),
        result: chance.numbers(geometry.result_length()),
        convolution: (kind < 2)
            .then(|| Convolution::new(geometry, &weights, &[], accuracy).ok())
            .flatten(),
        transposed: (kind == 2)
            .then(|| Transposed::new(geometry, &weights, &[]).ok())
            .flatten(),
        geometry,
        scratch: Scratch::default(),
    }))
}

/// Runs it once; tells how many multiplications the definition has.
///
/// # Safety
/// The pointer comes of [`prepare`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn once(timed: *mut Timed) -> f64 {
    // SAFETY: as the caller promises.
    let timed = unsafe { &mut *timed };
    if let Some(convolution) = &timed.convolution {
        let _ = convolution.run(
            &timed.image,
            Finish::NOTHING,
            &mut timed.result,
            &mut timed.scratch,
        );
    }
    if let Some(transposed) = &timed.transposed {
        let _ = transposed.run(&timed.result, &mut timed.image, &mut timed.scratch);
    }
    let window = timed.geometry.window[0] * timed.geometry.window[1];
    let depth = timed.geometry.channels / timed.geometry.groups;
    (timed.geometry.result_length() * depth * window) as f64
}

/// Twelve chains of multiplications and additions with nothing to load: `rounds` of them in each, what a processor can do at most.
#[unsafe(no_mangle)]
pub extern "C" fn peak(rounds: u32, factor: f32) -> f32 {
    let mut sums = [[0.0_f32; 4]; 12];
    multiply(rounds, factor, &mut sums);
    sums.iter().flatten().sum()
}

#[cfg(target_family = "wasm")]
fn multiply(rounds: u32, factor: f32, sums: &mut [[f32; 4]; 12]) {
    use core::arch::wasm32::{f32x4, f32x4_extract_lane, f32x4_splat, v128};
    let factor = f32x4_splat(factor);
    let madd = |sum: v128| {
        #[cfg(target_feature = "relaxed-simd")]
        return core::arch::wasm32::f32x4_relaxed_madd(factor, factor, sum);
        #[cfg(not(target_feature = "relaxed-simd"))]
        core::arch::wasm32::f32x4_add(core::arch::wasm32::f32x4_mul(sum, factor), factor)
    };
    let mut vectors: [v128; 12] = std::array::from_fn(|row| f32x4(row as f32, 1.0, 2.0, 3.0));
    for _ in 0..rounds {
        for vector in &mut vectors {
            *vector = madd(*vector);
        }
    }
    for (sum, vector) in sums.iter_mut().zip(vectors) {
        *sum = [f32x4_extract_lane::<0>(vector); 4];
    }
}

#[cfg(not(target_family = "wasm"))]
fn multiply(_: u32, _: f32, _: &mut [[f32; 4]; 12]) {}
