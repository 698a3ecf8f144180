//! Progress on a terminal; plain lines where there is none.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar that counts bytes up to `total`. Without a terminal the label is printed once instead.
pub(crate) fn bytes_bar(label: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(
        "{msg:32} [{bar:32}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(label.to_owned());
    if !std::io::stderr().is_terminal() {
        eprintln!("{label} ({})", crate::sizes::bytes(total));
    }
    bar
}
