//! The boundary at which a panic of a library ends: what tract or another crate panics on becomes an error.
//!
//! In the browser nothing is caught, since WebAssembly aborts; there the worker is replaced (`www/viewer/room.js`).

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::said;

thread_local! {
    /// How many boundaries stand around what this thread runs.
    static AROUND: Cell<usize> = const { Cell::new(0) };
}

/// What a library panicked with, in short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Panicked(pub String);

/// Runs `work`; a panic in it comes back as an error. What `work` has changed may be half done then, and must not be used again.
///
/// # Errors
/// [`Panicked`].
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    let before = AROUND.get();
    AROUND.set(before + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    AROUND.set(before);
    result.map_err(|payload| Panicked(words(&*payload)))
}

/// Makes panics silent that [`guarded`] catches, and others one sentence: neither the place in the source nor a trace of the stack
/// is of use to whoever reads them. `RUST_BACKTRACE` set to 1 brings both back. For programs; called once.
pub fn hush_panics() {
    let loud = std::panic::take_hook();
    let wanted = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |info| {
        if wanted {
            loud(info);
        } else if AROUND.get() == 0 {
            eprintln!(
                "error: a part of the computation failed inside ({})",
                words(info.payload())
            );
        }
    }));
}

/// The text of a panic.
fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(|text| &text[..]));
    let first = text.and_then(|text| text.lines().next());
    said::name(first.unwrap_or("no reason is given")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_in_short() {
        let caught = guarded(|| -> usize { panic!("index {} is too large\nand more", 7) });
        assert_eq!(caught.unwrap_err().to_string(), "index 7 is too large");
        assert_eq!(guarded(|| 3), Ok(3));
        assert_eq!(AROUND.get(), 0);
    }
}
