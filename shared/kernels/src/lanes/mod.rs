//! Vectors of float32: what all kernels are written in.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

/// `W` numbers that are computed with at once.
pub(crate) trait Lanes<const W: usize>: Copy {
    fn splat(value: f32) -> Self;
    fn load(from: &[f32; W]) -> Self;
    fn store(self, to: &mut [f32; W]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once or twice.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger of two numbers; what it makes of NaN is not said.
    fn max(self, other: Self) -> Self;
    /// The smaller of two numbers; what it makes of NaN is not said.
    fn min(self, other: Self) -> Self;
}

/// Work that is done on whatever vectors there are.
pub(crate) trait Task {
    type Output;

    /// To be `#[inline(always)]`, with all that it calls in its loops: the processor's instructions are those of the caller.
    fn run<const W: usize, L: Lanes<W>>(self) -> Self::Output;
}

/// Does the work on the widest vectors of this processor, or on `plain` ones.
pub(crate) fn on_lanes<T: Task>(task: T, plain: bool) -> T::Output {
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    if plain {
        return task.run::<4, portable::Vector>();
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe { avx2::run(task) };
    }
    // A binary for these vectors holds nothing else.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let (_, answer) = (plain, task.run::<4, wasm::Vector>());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return answer;
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    task.run::<4, portable::Vector>()
}

/// The `W` numbers from a place on.
#[inline(always)]
pub(crate) fn at<const W: usize, L: Lanes<W>>(from: &[f32], place: usize) -> L {
    match from[place..].first_chunk::<W>() {
        Some(chunk) => L::load(chunk),
        None => L::splat(f32::NAN),
    }
}

/// Puts `W` numbers to a place.
#[inline(always)]
pub(crate) fn put<const W: usize, L: Lanes<W>>(to: &mut [f32], place: usize, value: L) {
    if let Some(chunk) = to[place..].first_chunk_mut::<W>() {
        value.store(chunk);
    }
}
