//! Writing a network as it is in the middle of a training.

use std::path::Path;

use anyhow::{Context, Result};
use pellucid_shared::card::Card;
use pellucid_shared::onnx::Model;

use crate::torch::Network;

/// Writes the network's weights and the card as an ONNX file; the path holds the whole file or what it held before.
pub(super) fn save(model: &mut Model, network: &Network, card: &Card, path: &Path) -> Result<()> {
    network.write_back(model)?;
    card.write_into(model)?;
    model.save(path).with_context(|| {
        format!(
            "the checkpoint {} cannot be written, and what was there is unchanged: free some space and go on from it with --init",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_a_sentence() {
        use pellucid_shared::card::Input;
        use pellucid_shared::image::Preprocessing;
        use pellucid_shared::zoo::{Architecture, Blueprint, build};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest.onnx");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut model = build(&Blueprint::new(Architecture::ResnetSmall, 3, 32, 0)).unwrap();
        let network = Network::new(&model, tch::Device::Cpu).unwrap();
        let card = Card::new("", vec![], Input::plain(Preprocessing::square(32)));
        let error = save(&mut model, &network, &card, &path).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("latest.onnx") && text.contains("free some space"),
            "{text}"
        );
        assert!(text.contains("No space left"), "{text}");
    }
}
