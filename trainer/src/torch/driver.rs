//! The NVIDIA driver and its cards, as the driver's own management library tells of them.

use anyhow::{Error, Result};
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use serde::Serialize;

/// The first CUDA version that libtorch 2.11's pinned wheel runs on.
const CUDA_NEEDED: i32 = 13_000;

/// A driver and the cards that it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driver {
    /// Its version, such as `580.65.06`.
    pub version: String,
    /// The newest CUDA that it knows, such as `13.0`.
    pub cuda: String,
    /// Its cards, in the order of the bus.
    pub cards: Vec<Card>,
    #[serde(skip)]
    cuda_number: i32,
}

/// A graphics card.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// Its name, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Its memory in bytes.
    pub memory: u64,
    /// Its compute capability, such as `9.0`.
    pub capability: String,
}

impl Driver {
    /// Asks the driver.
    ///
    /// # Errors
    /// One sentence where there is no driver, or it does not answer.
    pub fn ask() -> Result<Self> {
        let nvml = Nvml::init().map_err(|error| match error {
            NvmlError::LibloadingError(_)
            | NvmlError::LibraryNotFound
            | NvmlError::DriverNotLoaded => {
                Error::new(error).context("no NVIDIA driver is installed or loaded")
            }
            other => silent(other),
        })?;
        Self::read(&nvml).map_err(silent)
    }

    fn read(nvml: &Nvml) -> Result<Self, NvmlError> {
        let cuda_number = nvml.sys_cuda_driver_version()?;
        let card = |index| {
            let device = nvml.device_by_index(index)?;
            let capability = device.cuda_compute_capability()?;
            Ok(Card {
                name: device.name()?,
                memory: device.memory_info()?.total,
                capability: format!("{}.{}", capability.major, capability.minor),
            })
        };
        Ok(Self {
            version: nvml.sys_driver_version()?,
            cuda: version(cuda_number),
            cards: (0..nvml.device_count()?)
                .map(card)
                .collect::<Result<_, NvmlError>>()?,
            cuda_number,
        })
    }
}

fn silent(error: NvmlError) -> Error {
    let said = format!("the NVIDIA driver does not answer: {error}");
    Error::new(error).context(said)
}

/// Why libtorch sees no card, in one sentence with what to do. `loading` is what was wrong when libtorch's CUDA half was
/// loaded; `visible` is the variable `CUDA_VISIBLE_DEVICES`.
pub(super) fn why_no_card(
    driver: &Result<Driver>,
    loading: Option<&str>,
    visible: Option<&str>,
) -> String {
    let driver = match driver {
        Err(reason) => {
            return format!(
                "{reason}: install one for CUDA 13 (580 or newer), or choose --device cpu"
            );
        }
        Ok(driver) => driver,
    };
    if driver.cards.is_empty() {
        return format!(
            "the NVIDIA driver {} has no card: check `nvidia-smi`, or choose --device cpu",
            driver.version
        );
    }
    if driver.cuda_number < CUDA_NEEDED {
        return format!(
            "the NVIDIA driver {} is for CUDA {}, and libtorch needs {}: install driver 580 or newer, or choose --device cpu",
            driver.version,
            driver.cuda,
            version(CUDA_NEEDED)
        );
    }
    if let Some(reason) = loading {
        return format!(
            "libtorch's CUDA half cannot be loaded ({reason}): run `cargo xtask deps --cuda`, set LD_LIBRARY_PATH to a torch \
             2.11.0 for CUDA, or choose --device cpu"
        );
    }
    match visible {
        Some(list) => format!(
            "CUDA_VISIBLE_DEVICES is `{list}`, and libtorch sees no card: set it to 0, or choose --device cpu"
        ),
        None => format!(
            "libtorch sees no card although the driver {} has one: check `nvidia-smi` and the rights on /dev/nvidia*, or choose \
             --device cpu",
            driver.version
        ),
    }
}

/// CUDA's number `13020` as `13.2`.
fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(cuda_number: i32, cards: usize) -> Result<Driver> {
        let card = Card {
            name: "NVIDIA H100".into(),
            memory: 80 << 30,
            capability: "9.0".into(),
        };
        Ok(Driver {
            version: "550.54".into(),
            cuda: version(cuda_number),
            cards: vec![card; cards],
            cuda_number,
        })
    }

    #[test]
    fn each_reason_is_told_with_its_remedy() {
        for (driver, loading, visible, words) in [
            (
                Err(Error::msg("no NVIDIA driver is installed or loaded")),
                None,
                None,
                "580 or newer",
            ),
            (driver(13_000, 0), None, None, "has no card"),
            (
                driver(12_040, 1),
                None,
                None,
                "is for CUDA 12.4, and libtorch needs 13.0",
            ),
            (
                driver(13_000, 1),
                Some("libtorch_cuda.so: no such file"),
                None,
                "deps --cuda",
            ),
            (
                driver(13_010, 1),
                None,
                Some(""),
                "CUDA_VISIBLE_DEVICES is ``",
            ),
            (driver(13_010, 1), None, None, "/dev/nvidia*"),
        ] {
            let reason = why_no_card(&driver, loading, visible);
            assert!(
                reason.contains(words) && reason.contains("--device cpu"),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_machine_is_asked_without_a_panic() {
        if let Err(reason) = Driver::ask() {
            assert!(reason.to_string().contains("NVIDIA driver"), "{reason}");
        }
    }
}
