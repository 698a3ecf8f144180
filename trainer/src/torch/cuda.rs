//! CUDA where it is there, the CPU where not.

use std::str::FromStr;
use std::sync::Once;

use anyhow::{Result, bail};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Cuda, Device};

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU, or an error.
    Cuda,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(format!("`{other}` is no device: auto, cpu or cuda")),
        }
    }
}

/// The device to compute on.
///
/// # Errors
/// Where CUDA was asked for and cannot be used.
pub fn choose_device(choice: DeviceChoice) -> Result<Device> {
    if choice == DeviceChoice::Cpu {
        return Ok(Device::Cpu);
    }
    load_cuda_library();
    match (Cuda::is_available(), choice) {
        (true, _) => Ok(Device::Cuda(0)),
        (false, DeviceChoice::Cuda) => bail!(
            "no CUDA device can be used: check `nvidia-smi`, run `cargo xtask deps --cuda`, or choose --device cpu"
        ),
        (false, _) => Ok(Device::Cpu),
    }
}

/// Loads libtorch's CUDA half, once and for good.
///
/// The linker drops `libtorch_cuda.so`, since nothing in the binary names a symbol of it; its kernels register
/// themselves when it is loaded. A libtorch without it, or a machine without a driver, leaves the CPU.
fn load_cuda_library() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the library comes with the libtorch that this binary is linked with; its initializers only register
        // kernels, and it is never unloaded.
        if let Ok(library) =
            unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) }
        {
            std::mem::forget(library);
        }
    });
}
