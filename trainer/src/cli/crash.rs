//! The last resort: ONNX Runtime and libtorch are C++, and what crashes there ends the process. It then says so in a sentence and
//! with the exit code of a failed job, not with the shell's words for a signal.

#[cfg(unix)]
use nix::libc;

/// Puts the sentence in place of the system's own way to end a process that crashes. `RUST_BACKTRACE` leaves it as it is, for
/// debuggers and core files.
#[cfg(unix)]
pub(super) fn say_it() {
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        return;
    }
    let signals = [
        libc::SIGSEGV,
        libc::SIGABRT,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
    ];
    for signal in signals {
        // SAFETY: the handler calls `write` and `_exit` only, which are safe in signal handlers.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = crashed as extern "C" fn(libc::c_int) as libc::sighandler_t;
            // A stack that overflowed cannot hold the handler too; the runtime keeps another one at hand.
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

#[cfg(not(unix))]
pub(super) fn say_it() {}

#[cfg(unix)]
extern "C" fn crashed(_: libc::c_int) {
    const WORDS: &[u8] = b"error: the engine crashed, or there was not enough memory: \
use another --engine, a smaller batch, or another model\n";
    // SAFETY: both may be called in a signal handler, and the bytes live forever.
    unsafe {
        libc::write(2, WORDS.as_ptr().cast(), WORDS.len());
        libc::_exit(1);
    }
}
