//! How libtorch's threads wait for work.

use std::env;
use std::process::Command;

/// What OpenMP reads, <https://www.openmp.org/spec-html/5.2/openmpse52.html>.
const POLICY: &str = "OMP_WAIT_POLICY";

/// Lets waiting threads sleep instead of spin, where the user has not chosen: spinning threads make a shared machine slow,
/// their own program included.
///
/// GNU OpenMP reads the variable when its library is loaded, which is before `main`; so this starts the program anew, in
/// the same process, with the variable set. Call it before anything else has been done. Where that fails, threads spin.
pub fn let_waiting_threads_sleep() {
    if env::var_os(POLICY).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1)).env(POLICY, "passive");
    become_process(&mut again);
}

/// Returns only where the process could not become the other.
#[cfg(unix)]
fn become_process(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    let _ = command.exec();
}

/// Elsewhere libtorch comes with another OpenMP, and no process can become another.
#[cfg(not(unix))]
fn become_process(_: &mut Command) {}
