//! CUDA where it is there, the CPU where not.

use std::sync::OnceLock;

use anyhow::{Result, bail};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Cuda, Device};

use super::driver::{Driver, why_no_card};
use crate::device::DeviceChoice;

/// The device to compute on.
///
/// # Errors
/// Where CUDA was asked for and cannot be used: one sentence that says why and what to do.
pub fn choose_device(choice: DeviceChoice) -> Result<Device> {
    if choice == DeviceChoice::Cpu {
        return Ok(Device::Cpu);
    }
    let loading = load_cuda_library();
    match (Cuda::is_available(), choice) {
        (true, _) => Ok(Device::Cuda(0)),
        (false, DeviceChoice::Cuda) => {
            let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
            bail!(why_no_card(&Driver::ask(), loading, visible.as_deref()))
        }
        (false, _) => Ok(Device::Cpu),
    }
}

/// Loads libtorch's CUDA half, once and for good, and tells what was wrong with it.
///
/// The linker drops `libtorch_cuda.so`, since nothing in the binary names a symbol of it; its kernels register
/// themselves when it is loaded. A libtorch without it, or a machine without a driver, leaves the CPU.
fn load_cuda_library() -> Option<&'static str> {
    static LOADED: OnceLock<Option<String>> = OnceLock::new();
    let failure = LOADED.get_or_init(|| {
        // SAFETY: the library comes with the libtorch that this binary is linked with; its initializers only register
        // kernels, and it is never unloaded.
        match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => {
                std::mem::forget(library);
                None
            }
            Err(error) => Some(error.to_string()),
        }
    });
    failure.as_deref()
}
