//! What is done to a convolution's sums on their way into the result.

use crate::geometry::Geometry;
use crate::lanes::{Lanes, at, put};

/// What happens to the sums of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, low), high)`
    Within(f32, f32),
}

/// What is done to the sums on their way into the result.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// What is added to each of them; as long as the result.
    pub plus: Option<&'a [f32]>,
    /// What is done then.
    pub activation: Activation,
}

impl Finish<'_> {
    /// Nothing at all.
    pub const NOTHING: Finish<'static> = Finish {
        plus: None,
        activation: Activation::None,
    };
}

/// Where sums go: bias, what is added, activation, and whether they were numbers.
pub(crate) struct Sink<'a, const W: usize, L: Lanes<W>> {
    bias: &'a [f32],
    finish: Finish<'a>,
    plane: usize,
    filters: usize,
    result: &'a mut [f32],
    /// Zero times every sum, added up: NaN as soon as one is not finite.
    check: L,
}

impl<'a, const W: usize, L: Lanes<W>> Sink<'a, W, L> {
    #[inline(always)]
    pub(crate) fn new(
        geometry: &Geometry,
        bias: &'a [f32],
        finish: Finish<'a>,
        result: &'a mut [f32],
    ) -> Self {
        Self {
            bias,
            finish,
            plane: geometry.result_plane(),
            filters: geometry.filters,
            result,
            check: L::splat(0.0),
        }
    }

    /// Takes the sums of a filter from a pixel on. The slice may be longer than `length`, by up to a vector.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(crate) fn take(
        &mut self,
        image: usize,
        filter: usize,
        pixel: usize,
        sums: &[f32],
        length: usize,
    ) {
        let start = (image * self.filters + filter) * self.plane + pixel;
        let bias = self.bias[filter];
        let to = &mut self.result[start..][..length];
        let sums = &sums[..length];
        let plus = self.finish.plus.map(|plus| &plus[start..][..length]);
        let (zero, shift) = (L::splat(0.0), L::splat(bias));
        let (low, high) = match self.finish.activation {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Within(low, high) => (low, high),
        };
        let active = self.finish.activation != Activation::None;
        let (least, most) = (L::splat(low), L::splat(high));
        let whole = length / W * W;
        for place in (0..whole).step_by(W) {
            let mut sum = at::<W, L>(sums, place).add(shift);
            if let Some(plus) = plus {
                sum = sum.add(at(plus, place));
            }
            self.check = sum.mul_add(zero, self.check);
            if active {
                sum = sum.max(least).min(most);
            }
            put(to, place, sum);
        }
        let mut rest = [0.0; W];
        for place in whole..length {
            let sum = sums[place] + bias + plus.map_or(0.0, |plus| plus[place]);
            rest[place - whole] = sum;
            to[place] = match active {
                true => sum.max(low).min(high),
                false => sum,
            };
        }
        self.check = L::load(&rest).mul_add(zero, self.check);
    }

    pub(crate) fn is_finite(&self) -> bool {
        let mut check = [0.0; W];
        self.check.store(&mut check);
        check.iter().all(|&sum| sum == 0.0)
    }
}
