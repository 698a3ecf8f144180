//! What Ctrl-C does, and what a batch system's signals do: SIGINT, SIGTERM and SIGHUP ask a job to stop or end it, and the
//! exit code is 128 and the signal's number.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::stop::Stop;

static STOP: Stop = Stop::new();
/// The exit code of the signal that came first.
static CODE: AtomicU8 = AtomicU8::new(130);

/// What signals ask to stop.
pub(super) fn stop() -> &'static Stop {
    &STOP
}

/// The exit code of a job that has stopped because it was asked to.
pub(super) fn exit_code() -> u8 {
    CODE.load(Ordering::Relaxed)
}

/// From now on signals ask the job to stop where it holds, and else end the program, without a half-written file; a second
/// one ends it in any case. A file that becomes too large for the system's limit becomes an error of the write. Where no handler
/// can be set, a note says so, and signals end the program as ever.
#[cfg(unix)]
pub(super) fn watch() {
    if let Err(error) = unix::watch() {
        super::output::note(&format!(
            "signals will end this at once: they cannot be handled ({error})"
        ));
    }
}

#[cfg(not(unix))]
pub(super) fn watch() {}

#[cfg(unix)]
mod unix {
    use std::io::{self, IsTerminal, Write};
    use std::sync::atomic::Ordering;
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::sys::signal::{SigSet, Signal};
    use pellucid_shared::files;

    use super::{CODE, STOP};
    use crate::stop::Answer;

    /// A closed terminal hangs up twice, by itself and by its shell, and wrappers pass on what the terminal sends anyway: what
    /// follows the first signal so soon was not meant as a second.
    const ECHO: Duration = Duration::from_millis(100);

    pub(super) fn watch() -> io::Result<()> {
        let mut watched = SigSet::empty();
        watched.add(Signal::SIGINT);
        watched.add(Signal::SIGTERM);
        // `nohup` means that a hangup is to change nothing.
        if !is_ignored(Signal::SIGHUP) {
            watched.add(Signal::SIGHUP);
        }
        let mut blocked = watched;
        // Its default action ends the program in the middle of a write, which otherwise is an error.
        blocked.add(Signal::SIGXFSZ);
        // Threads inherit this: from now on no signal comes but to the thread that waits for it.
        blocked.thread_block()?;
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || wait(watched))
            .map(drop)
    }

    fn wait(watched: SigSet) {
        let mut first = None;
        while let Ok(signal) = watched.wait() {
            let since = first.get_or_insert_with(|| {
                let code = u8::try_from(128 + signal as i32).unwrap_or(1);
                CODE.store(code, Ordering::Relaxed);
                Instant::now()
            });
            match STOP.ask() {
                Answer::Wait if since.elapsed() < ECHO => {}
                Answer::Wait => end(None),
                Answer::End(words) => end(words),
            }
        }
    }

    /// Ends the program now. Nothing is unwound: other threads may be anywhere, also in libtorch.
    fn end(words: Option<String>) -> ! {
        let named = files::abandon();
        let words = words.unwrap_or_else(|| {
            let left = if named == 0 {
                "nothing was written"
            } else {
                "every file that was written is whole"
            };
            format!("interrupted: {left}")
        });
        let mut out = io::stderr();
        // A bar may stand in the line.
        let begin = if out.is_terminal() { "\r\x1b[K" } else { "" };
        let _ = writeln!(out, "{begin}{words}");
        // SAFETY: it ends the process, and neither runs nor returns to anybody's code.
        unsafe { nix::libc::_exit(i32::from(super::exit_code())) }
    }

    /// Whether this process was started with a signal that is ignored.
    fn is_ignored(signal: Signal) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| (mask >> (signal as i32 - 1)) & 1 == 1)
    }
}
