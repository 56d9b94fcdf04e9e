//! The command `archiver`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(
        std::env::args_os(),
        archiver::config::Environment::of_process(),
    )
}
