//! The command `archiver`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    leave_no_core_dump();
    cli::run(
        std::env::args_os(),
        archiver::config::Environment::of_process(),
    )
}

/// A crash is to leave no file with all of the memory, which holds the token.
#[cfg(unix)]
fn leave_no_core_dump() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Limits can always be lowered; where that fails nevertheless, all else works.
    let _ = setrlimit(Resource::Core, none);
}

#[cfg(not(unix))]
fn leave_no_core_dump() {}
