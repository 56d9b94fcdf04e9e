//! An answer that is a single document and not rows: text for people, or one JSON object for scripts.

use std::io;

use archiver::core::account::AccountName;
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

/// The documents of several accounts.
#[derive(Serialize)]
struct Accounts<T> {
    accounts: Vec<OfAccount<T>>,
}

#[derive(Serialize)]
struct OfAccount<T> {
    account: String,
    #[serde(flatten)]
    document: T,
}

/// Prints the document of each account as JSON, in one object.
pub(super) fn print_json_of_accounts<T: Serialize>(
    context: &Context,
    documents: impl Iterator<Item = (AccountName, T)>,
) -> Result<Status, Failure> {
    let accounts = documents.map(|(account, document)| OfAccount {
        account: account.to_string(),
        document,
    });
    let accounts = accounts.collect();
    print_json(context, &Accounts { accounts })
}
