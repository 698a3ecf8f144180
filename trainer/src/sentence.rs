//! Errors as one sentence.

/// The error and its causes in one line, without the C++ stack that libtorch appends to what it says.
#[must_use]
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = vec![];
    for cause in error.chain() {
        let text = cause.to_string();
        let said = text
            .split("\nException raised from")
            .next()
            .unwrap_or_default();
        let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
        // A wrapper that shows its cause by itself says it once.
        if !parts.last().is_some_and(|last| last.ends_with(&line)) {
            parts.push(line);
        }
    }
    parts.join(": ")
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
        let twice = anyhow!("cause").context("it failed: cause");
        assert_eq!(sentence(&twice), "it failed: cause");
    }
}
