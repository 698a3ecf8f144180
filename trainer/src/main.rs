//! The command line `pellucid`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pellucid_trainer::cli::main()
}
