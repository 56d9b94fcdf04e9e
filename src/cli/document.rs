//! An answer that is a single document and not rows: text for people, or one JSON object for scripts.

use std::collections::BTreeMap;
use std::io;

use archiver::core::account::AccountName;
use archiver::output::visible_json;
use serde::Serialize;

use super::Context;
use super::exit::{Failure, Status};
use super::pager;

/// The output format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DocumentFormat {
    /// For people
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

/// The document of one of several accounts.
#[derive(Serialize)]
struct OfAccount<'a, T> {
    account: String,
    #[serde(flatten)]
    document: &'a T,
}

/// Prints the document of each account as JSON, in one object. Without several accounts there is one document.
pub(super) fn print_json_of_each<T: Serialize>(
    context: &Context,
    documents: &[(Option<AccountName>, T)],
) -> Result<Status, Failure> {
    if let [(None, document)] = documents {
        return print_json(context, document);
    }
    let accounts = documents.iter().filter_map(|(account, document)| {
        let account = (*account)?.to_string();
        Some(OfAccount { account, document })
    });
    let accounts: Vec<_> = accounts.collect();
    print_json(context, &BTreeMap::from([("accounts", accounts)]))
}
