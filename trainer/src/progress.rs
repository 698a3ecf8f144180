//! What a long job shows: bars on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where a job reports to; everything goes to standard error, so that standard output holds results alone.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: MultiProgress,
    quiet: bool,
}

impl Progress {
    /// Bars where standard error is a terminal; lines in any case.
    #[must_use]
    pub fn visible() -> Self {
        Self {
            bars: MultiProgress::new(),
            quiet: false,
        }
    }

    /// Nothing at all, for tests and for programs that read the answer.
    #[must_use]
    pub fn silent() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            quiet: true,
        }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }

    /// A bar that goes when it is dropped or finished; hidden where there is no terminal.
    #[must_use]
    pub fn bar(&self, title: &str, length: usize) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length as u64));
        let template = "{prefix:14} {bar:30} {pos}/{len} {eta:>4}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(title.to_owned());
        bar
    }
}
