//! What tch does not reach of libtorch; `shim.cpp` holds the other half.

use std::ffi::CStr;
use std::os::raw::c_char;

use anyhow::{Error, anyhow};

unsafe extern "C" {
    fn pellucid_thrown() -> *const c_char;
    fn pellucid_torch_version() -> *const c_char;
    fn pellucid_allow_tf32(convolutions: bool, products: bool) -> bool;
    fn pellucid_cuda_version() -> i64;
    fn pellucid_cudnn_version() -> i64;
    fn pellucid_card_memory(card: i32, free: *mut u64, total: *mut u64) -> bool;
    fn pellucid_peak_memory(card: i32) -> i64;
    fn pellucid_reset_peak_memory(card: i32) -> bool;
    fn pellucid_keep_memory() -> bool;
    fn pellucid_release_memory() -> bool;
}

/// What the last function of the shim threw on this thread, in one line.
pub(super) fn thrown() -> Error {
    // SAFETY: the pointer is to a string of this thread's that lives until its next failure.
    let text = unsafe { CStr::from_ptr(pellucid_thrown()) }.to_string_lossy();
    anyhow!("{}", text.lines().next().unwrap_or("libtorch failed"))
}

/// The version of libtorch that the binary was compiled for, such as `2.11.0`.
#[must_use]
pub fn torch_version() -> String {
    // SAFETY: the function returns a literal of the library.
    unsafe { CStr::from_ptr(pellucid_torch_version()) }
        .to_string_lossy()
        .into_owned()
}

/// Where float32 may be rounded to TF32 (10 bits of mantissa instead of 23) on CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tf32 {
    /// Nowhere.
    Never,
    /// The factors of convolutions: libtorch's own default, and that of training.
    Convolutions,
    /// Those of matrix products too.
    Everywhere,
}

/// Allows TF32. Without CUDA it changes nothing.
pub fn allow_tf32(tf32: Tf32) {
    // SAFETY: the function only sets flags of libtorch's context and catches what it throws.
    let _ = unsafe { pellucid_allow_tf32(tf32 != Tf32::Never, tf32 == Tf32::Everywhere) };
}

/// The versions of CUDA's runtime and cuDNN that libtorch uses, such as `13.0` and `9.19.0`; `None` without CUDA.
#[must_use]
pub fn cuda_versions() -> Option<(String, String)> {
    // SAFETY: the functions read numbers and catch what they throw.
    let (cuda, cudnn) = unsafe { (pellucid_cuda_version(), pellucid_cudnn_version()) };
    (cuda > 0).then(|| {
        (
            format!("{}.{}", cuda / 1000, cuda % 1000 / 10),
            format!(
                "{}.{}.{}",
                cudnn / 10_000,
                cudnn % 10_000 / 100,
                cudnn % 100
            ),
        )
    })
}

/// Free and total bytes of a card's memory.
#[must_use]
pub fn card_memory(card: usize) -> Option<(u64, u64)> {
    let (mut free, mut total) = (0, 0);
    // SAFETY: both pointers are to numbers that live until the call returns.
    let told = unsafe { pellucid_card_memory(i32::try_from(card).ok()?, &mut free, &mut total) };
    told.then_some((free, total))
}

/// The most bytes that tensors held on a card since [`reset_peak_memory`].
#[must_use]
pub fn peak_memory(card: usize) -> Option<u64> {
    // SAFETY: the function reads a number and catches what it throws.
    u64::try_from(unsafe { pellucid_peak_memory(i32::try_from(card).ok()?) }).ok()
}

/// Begins to measure [`peak_memory`] anew.
pub fn reset_peak_memory(card: usize) {
    if let Ok(card) = i32::try_from(card) {
        // SAFETY: the function sets a number and catches what it throws.
        let _ = unsafe { pellucid_reset_peak_memory(card) };
    }
}

/// Lets the C library keep memory that is freed on the CPU for the next tensor, until [`release_memory`]. By itself it gives every large
/// tensor back to the system, which then clears the same pages anew many times a step: a quarter of a forward pass's time of EfficientNet-Lite0.
pub fn keep_memory() {
    // SAFETY: the function only sets options of the C library's allocator.
    let _ = unsafe { pellucid_keep_memory() };
}

/// Gives the memory that libtorch and the C library keep for later back to the card and the system.
pub fn release_memory() {
    // SAFETY: the function frees what no tensor holds, and catches what it throws.
    let _ = unsafe { pellucid_release_memory() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_libtorch_is_told_and_nothing_fails_without_a_card() {
        assert!(torch_version().starts_with("2.11."), "{}", torch_version());
        for tf32 in [Tf32::Never, Tf32::Everywhere, Tf32::Convolutions] {
            allow_tf32(tf32);
        }
        if !tch::Cuda::is_available() {
            assert_eq!(
                (cuda_versions(), card_memory(0), peak_memory(0)),
                (None, None, None)
            );
        }
        reset_peak_memory(0);
        keep_memory();
        release_memory();
    }
}
