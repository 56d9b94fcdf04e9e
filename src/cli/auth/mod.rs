//! `archiver auth`: answers questions about the token on stdout, and sets an exit status for scripts.

mod check;
mod page;

use clap::Subcommand;

use super::Context;
use super::exit::{Failure, Status};

/// Flags of `archiver auth`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  archiver auth check")]
pub(super) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Show the account of the token, and check that it has the scopes for a sync
    Check(check::Arguments),
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    match &arguments.question {
        Question::Check(arguments) => check::run(context, arguments),
    }
}
