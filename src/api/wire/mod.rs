//! From the network's JSON to values of the model: lenient at the edge, strict inside.
//!
//! Only the `id` of a row is required. A null, a missing field, an old shape or a value of the wrong type leaves its
//! column empty, and `extra` keeps the original text. `extra` also keeps fields without a column. A row that is not an
//! object, has no integer `id`, or exceeds a size limit (see `fields`) becomes a [`RejectedRow`], and the rest of its
//! page stays usable. A body that is not complete JSON with the list is an error, and the request is worth another try:
//! half a page proves nothing.
//!
//! Every field is first taken as raw text, so known text is not parsed again: the 2 KB of region that every action
//! repeats are recognised by their text ([`Regions`]).

mod fields;
mod objects;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::error::{ApiMessage, printable};
use crate::core::model::{Action, Droplet};
use fields::Fields;
use fields::{Few, MOST_ROW_BYTES, MOST_ROWS, MOST_VALUES};
use objects::Regions;
pub(super) use objects::{account, holds_list};

/// One page of a listing, rows in the API's order: newest first, as observed.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Each row, or the reason why it cannot be archived.
    pub rows: Vec<Result<T, RejectedRow>>,
    /// `meta.total`: the length of the listing, as the API states it. It is evidence, not truth.
    pub total: Option<u64>,
    /// True when the answer links to a further page. The link itself is never followed.
    pub has_next: bool,
    /// The size of the unpacked answer in bytes.
    pub bytes: usize,
}

type Rows<T> = Vec<Result<T, RejectedRow>>;

/// A row without a usable `id`, or above a size limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// The problem with the row.
    pub reason: String,
    /// The beginning of the row.
    pub excerpt: String,
}

/// The reason why a body does not answer the request, as text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(String);

/// The error for a body without the requested member.
fn without(member: &str) -> BodyError {
    BodyError(format!("it has no `{member}`"))
}

#[derive(Deserialize)]
struct WireListing<'a, Row> {
    actions: Option<Few<Row, MOST_ROWS>>,
    droplets: Option<Few<Row, MOST_ROWS>>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    links: Option<&'a RawValue>,
}

impl<Row> WireListing<'_, Row> {
    fn page<T>(&self, rows: Rows<T>, bytes: usize) -> Page<T> {
        let member = |object, name| Fields::of(object).get(name);
        let pages = self.links.and_then(|it| member(it.get(), "pages"));
        let next = pages.and_then(|pages| member(pages, "next"));
        let total = self.meta.and_then(|it| member(it.get(), "total"));
        Page {
            rows,
            total: total.and_then(|text| text.parse().ok()),
            has_next: next.is_some_and(|text| text.starts_with('"')),
            bytes,
        }
    }
}

/// Reads pages of actions out of the bodies of answers.
///
/// ```
/// let mut reader = archiver::api::PageReader::new();
/// let page = reader.actions(br#"{"actions": [{"id": 36804636, "type": "create"}], "meta": {"total": 1}}"#)?;
/// assert_eq!(page.total, Some(1));
/// assert_eq!(page.rows[0].as_ref().unwrap().kind.as_deref(), Some("create"));
/// # Ok::<(), archiver::api::BodyError>(())
/// ```
#[derive(Default)]
pub struct PageReader {
    regions: Regions,
}

impl PageReader {
    /// A reader that knows no region yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the body of an answer of `/v2/actions` or `/v2/droplets/{id}/actions`.
    ///
    /// # Errors
    /// When the body is not complete JSON with a list of `actions`. A row that cannot be archived is not an error; it
    /// is among the page's rows.
    pub fn actions(&mut self, body: &[u8]) -> Result<Page<Action>, BodyError> {
        self.regions.take_values();
        let mut values = 0;
        let read = |fields: &Fields<'_>| {
            let row = objects::action(fields, &mut self.regions);
            values += values_of(&row, &mut self.regions);
            if values > MOST_VALUES {
                return Err(BodyError(format!(
                    "its rows have more than {MOST_VALUES} values without a column"
                )));
            }
            Ok(row)
        };
        if let Some((listing, rows)) = in_one_pass(body) {
            let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
            return Ok(listing.page(rows, body.len()));
        }
        let listing: WireListing<'_, &RawValue> = parse(body)?;
        let rows = rows(listing.actions.as_ref(), "actions", read)?;
        Ok(listing.page(rows, body.len()))
    }

    /// Decodes the JSON text of one action, and returns it with the number of its values without a column.
    ///
    /// # Errors
    /// When the text is not an action that can be archived.
    pub fn row(&mut self, text: &[u8]) -> Result<(Action, usize), RejectedRow> {
        self.regions.take_values();
        let raw: &RawValue = serde_json::from_slice(text).map_err(|_| RejectedRow {
            reason: "it is not JSON".to_owned(),
            excerpt: printable(&String::from_utf8_lossy(&text[..text.len().min(80)])),
        })?;
        let row = objects::action(&Fields::of(raw.get()), &mut self.regions);
        let values = values_of(&row, &mut self.regions);
        row.map(|action| (action, values))
    }

    /// Decodes the body of an answer to a request for one action.
    pub(in crate::api) fn action(&mut self, body: &[u8]) -> Result<Action, BodyError> {
        let read = |fields: &Fields<'_>| objects::action(fields, &mut self.regions);
        one(body, "action", read)
    }
}

/// The number of values without a column that were kept from a row that was just read.
fn values_of(row: &Result<Action, RejectedRow>, regions: &mut Regions) -> usize {
    let extra = row.as_ref().map_or(0, |action| action.extra.len());
    extra + regions.take_values()
}

/// Decodes a page of droplets.
pub(super) fn droplets(body: &[u8]) -> Result<Page<Droplet>, BodyError> {
    let listing: WireListing<'_, &RawValue> = parse(body)?;
    let read = |fields: &Fields<'_>| Ok(objects::droplet(fields));
    let rows = rows(listing.droplets.as_ref(), "droplets", read)?;
    Ok(listing.page(rows, body.len()))
}

/// Decodes the answer to a request for one droplet.
pub(super) fn droplet(body: &[u8]) -> Result<Droplet, BodyError> {
    one(body, "droplet", objects::droplet)
}

/// Applies `read` to the single member of an answer.
fn one<T>(
    body: &[u8],
    member: &str,
    read: impl FnOnce(&Fields<'_>) -> Result<T, RejectedRow>,
) -> Result<T, BodyError> {
    read(&Fields::of(member_of(body, member)?))
        .map_err(|rejected| BodyError(format!("{}: {}", rejected.reason, rejected.excerpt)))
}

/// The text of a member of an answer.
fn member_of<'a>(body: &'a [u8], member: &str) -> Result<&'a str, BodyError> {
    let answer: &RawValue = parse(body)?;
    let value = Fields::of(answer.get()).get(member);
    value.ok_or_else(|| without(member))
}

/// A page of actions whose rows are all objects with an `id`, and so short that no row is too long. Nearly all pages are
/// like that, and the rows of other pages must be taken as text first, which takes half as long again.
fn in_one_pass(body: &[u8]) -> Option<(WireListing<'_, Fields<'_>>, Vec<Fields<'_>>)> {
    if body.len() > MOST_ROW_BYTES {
        return None;
    }
    let mut listing: WireListing<'_, Fields<'_>> = serde_json::from_slice(body).ok()?;
    let rows = listing.actions.take()?.0?;
    rows.iter()
        .all(|row| row.id().is_ok())
        .then_some((listing, rows))
}

/// Applies `read` to each row of the list `name`. A row that is too long is rejected without parsing it.
fn rows<T>(
    list: Option<&Few<&RawValue, MOST_ROWS>>,
    name: &str,
    mut read: impl FnMut(&Fields<'_>) -> Result<Result<T, RejectedRow>, BodyError>,
) -> Result<Rows<T>, BodyError> {
    let Few(Some(list)) = list.ok_or_else(|| without(name))? else {
        return Err(BodyError(format!("it has more than {MOST_ROWS} rows")));
    };
    let row = |raw: &&RawValue| {
        let text = raw.get();
        if text.len() > MOST_ROW_BYTES {
            return Ok(Err(RejectedRow {
                reason: format!("it is longer than {MOST_ROW_BYTES} bytes"),
                excerpt: printable(text),
            }));
        }
        read(&Fields::of(text))
    };
    list.iter().map(row).collect()
}

/// The API's own words in an error answer; empty when another program answered.
pub(super) fn message(status: u16, body: &[u8]) -> ApiMessage {
    let answer: Option<&RawValue> = serde_json::from_slice(body).ok();
    let fields = answer.map(|answer| Fields::of(answer.get()));
    let text = |name: &str| fields.as_ref()?.text(name);
    ApiMessage {
        status,
        id: text("id"),
        message: text("message"),
        request_id: text("request_id"),
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(body).map_err(|error| unlike(&error, body))
}

/// Describes an invalid body in archiver's own words, because `serde_json` quotes whole values of any length and
/// decodes their escapes.
fn unlike(error: &serde_json::Error, body: &[u8]) -> BodyError {
    if body.is_empty() {
        return BodyError("it is empty".to_owned());
    }
    let what = match error.classify() {
        Category::Eof => "it breaks off",
        Category::Syntax | Category::Io => "it is not JSON",
        Category::Data => "it is not the JSON that was expected",
    };
    let (line, column) = (error.line(), error.column());
    let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
    BodyError(format!(
        "{what}, at line {line} column {column}; it begins `{}`",
        printable(&start)
    ))
}
