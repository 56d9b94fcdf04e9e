//! `archiver auth`: questions about the token itself → stdout, and an exit status for scripts.

mod check;
mod page;

use clap::Subcommand;

use super::Context;
use super::exit::{Failure, Status};

/// Flags of `archiver auth`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Say whose token it is, and whether it may do what a sync needs
    Check(check::Arguments),
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    match &arguments.question {
        Question::Check(arguments) => check::run(context, arguments),
    }
}
