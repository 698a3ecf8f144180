//! Errors as one sentence.

use pellucid_shared::said;

/// The error and its causes in one short line, without the C++ stack that libtorch appends to what it says.
#[must_use]
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let lines = error.chain().map(|cause| {
        let text = cause.to_string();
        let said = text.split("\nException raised from").next();
        let words = said.unwrap_or_default().split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    });
    said::sentence(&said::joined(lines))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_stack_goes_and_the_causes_stay() {
        let error = anyhow!(
            "CUDA out of memory.\nTried to allocate 2 GiB.\nException raised from malloc at x.cpp:3 (most recent call first):\nframe #0: c10"
        );
        let error = error
            .context("node `conv1` (Conv) failed")
            .context("step 3");
        assert_eq!(
            sentence(&error),
            "step 3: node `conv1` (Conv) failed: CUDA out of memory. Tried to allocate 2 GiB."
        );
        let twice = anyhow!("cause").context("it failed: cause, twice");
        assert_eq!(sentence(&twice), "it failed: cause, twice");
        let odd = anyhow!("no class `\u{1b}[2J{}`", "x".repeat(10_000));
        let odd = sentence(&odd);
        assert!(odd.starts_with("no class `\\u{1b}[2Jxxx"), "{odd}");
        assert!(odd.len() < 1_000);
    }
}
