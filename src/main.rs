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

/// Disables core dumps: a dump would hold all memory, and the token with it.
fn leave_no_core_dump() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A limit can always be lowered. If this fails nevertheless, everything else works.
    let _ = setrlimit(Resource::Core, none);
}
