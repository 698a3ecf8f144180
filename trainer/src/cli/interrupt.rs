//! Ctrl-C as a flag that long jobs look at.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The flag that Ctrl-C sets from now on; pressed a second time it ends the program at once. Where no handler can be set, a
/// note says so and Ctrl-C ends the program as ever.
pub(super) fn flag() -> &'static AtomicBool {
    let handler = || {
        // Who presses twice does not want to wait for the step.
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    if ctrlc::set_handler(handler).is_err() {
        super::output::note("Ctrl-C will end this at once: its handler could not be set");
    }
    &INTERRUPTED
}
