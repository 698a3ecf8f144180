//! What libtorch reads from the environment before it begins: how its threads wait for work, and in which pages its tensors lie.

use std::env;
use std::process::Command;

/// Waiting threads sleep instead of spin: spinning threads make a shared machine slow, their own program included. OpenMP reads it,
/// <https://www.openmp.org/spec-html/5.2/openmpse52.html>.
const WAITING: (&str, &str) = ("OMP_WAIT_POLICY", "passive");
/// Large tensors lie in pages of 2 MiB where the system has them, which spares most of the page faults. libtorch reads it (c10's
/// `alloc_cpu.cpp`).
const PAGES: (&str, &str) = ("THP_MEM_ALLOC_ENABLE", "1");

/// Sets both, where the user has not.
///
/// GNU OpenMP reads its variable when its library is loaded, which is before `main`; so this starts the program anew, in
/// the same process, with the variables set. Call it before anything else has been done. Where that fails, threads spin and pages are small.
pub fn set_up_threads_and_memory() {
    let unset: Vec<(&str, &str)> = [WAITING, PAGES]
        .into_iter()
        .filter(|(name, _)| env::var_os(name).is_none())
        .collect();
    if unset.is_empty() {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut again = Command::new(program);
    again.args(env::args_os().skip(1)).envs(unset);
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
