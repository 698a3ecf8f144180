//! What the machine is.

use anyhow::Result;
use serde_json::json;
use tch::Device;

use super::Told;
use crate::torch::{Driver, card_memory, cuda_versions, torch_version};

/// Processor or card, driver and libraries.
pub(super) fn describe(device: Device) -> Result<Told> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let torch = torch_version();
    let Device::Cuda(index) = device else {
        let threads = tch::get_num_threads();
        return Ok((
            format!("the CPU ({threads} threads on {cores} cores), libtorch {torch}"),
            json!({"device": "cpu", "threads": threads, "cores": cores, "libtorch": torch}),
        ));
    };
    let driver = Driver::ask();
    let (free, total) = card_memory(index).unwrap_or_default();
    let (cuda, cudnn) = cuda_versions().unwrap_or_default();
    let card = match &driver {
        Ok(driver) => {
            let names: Vec<String> = driver.cards.iter().map(|card| card.name.clone()).collect();
            format!(
                "{}, driver {} for CUDA {}",
                names.join(" and "),
                driver.version,
                driver.cuda
            )
        }
        // The card computes, so that nothing is wrong; the management library may be kept from a container.
        Err(reason) => format!("a card that its driver says nothing about ({reason})"),
    };
    Ok((
        format!(
            "{card}; {:.1} of {:.1} GB free; libtorch {torch} with CUDA {cuda} and cuDNN {cudnn}; {cores} CPU cores",
            free as f64 / 1e9,
            total as f64 / 1e9,
        ),
        json!({
            "device": "cuda",
            "driver": driver.ok(),
            "memory_free": free,
            "memory_total": total,
            "libtorch": torch,
            "cuda": cuda,
            "cudnn": cudnn,
            "cores": cores,
        }),
    ))
}
