//! An answer that is a single document and not rows: text for people, or one JSON object for scripts.

use std::io;

use archiver::output::visible_json;
use serde::Serialize;

use super::Context;
use super::exit::{Failure, Status};
use super::pager;

/// The output format of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DocumentFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

/// Prints a document as JSON.
pub(super) fn print_json(context: &Context, document: &impl Serialize) -> Result<Status, Failure> {
    pager::print(context, |stdout| {
        let text = serde_json::to_string_pretty(document).map_err(io::Error::from)?;
        writeln!(stdout, "{}", visible_json(&text))
    })
}
