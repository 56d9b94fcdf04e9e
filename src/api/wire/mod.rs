//! From the network's JSON to values of the model: lenient at the edge, strict inside.
//!
//! Only a row's `id` is needed. A null, a missing field, an old shape or a value of the wrong type leaves its column
//! empty and keeps the original text in `extra`; a field that no column knows is kept there too. A row that is no
//! object, or has no integer `id`, is handed on as [`RejectedRow`] and does not cost its page. But a body that is not
//! whole JSON with the list in it is an error, and the request is worth another try: half a page is no page.
//!
//! Every field is first taken as raw text, so nothing is parsed that is already known: the 2 KB of region that every
//! action repeats are recognised by their text ([`Regions`]). There are two ways to the fields of a page of actions: the
//! plain way, by `serde_json`, whose word counts, and [`quick`], which reads healthy pages three times as fast, says the
//! same, and leaves all others to the plain way.

mod account;
mod action;
mod droplet;
mod few;
mod fields;
mod quick;
#[cfg(test)]
mod quick_generated_tests;
#[cfg(test)]
mod quick_tests;
mod reader;
mod region;
mod row;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ApiMessage, printable};
use crate::model::{Action, Droplet};
pub(super) use account::{account, holds_list};
use few::Few;
use fields::{Fields, Members};
pub use reader::PageReader;
use region::Regions;

/// One page of a listing, rows in the API's order: newest first, as observed.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Each row, or why it cannot be archived.
    pub rows: Vec<Result<T, RejectedRow>>,
    /// `meta.total`: how long the whole listing says it is. Evidence, not truth.
    pub total: Option<u64>,
    /// Whether the answer links to a further page. The link itself is never followed.
    pub has_next: bool,
}

type Rows = Vec<Result<Action, RejectedRow>>;

/// A row that has no identity to archive it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// What is wrong with it.
    pub reason: String,
    /// How it begins.
    pub excerpt: String,
}

/// Why a body is no answer to what was asked. The words are for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(String);

/// A body in which what was asked for is missing.
fn without(member: &str) -> BodyError {
    BodyError(format!("it has no `{member}`"))
}

#[derive(Deserialize)]
struct WireListing<'a> {
    #[serde(borrow)]
    actions: Option<Few<Fields<'a>>>,
    #[serde(borrow)]
    droplets: Option<Few<Fields<'a>>>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    links: Option<&'a RawValue>,
}

impl<'a> WireListing<'a> {
    fn meta(&self) -> Option<&'a str> {
        self.meta.map(RawValue::get)
    }

    fn links(&self) -> Option<&'a str> {
        self.links.map(RawValue::get)
    }
}

/// A page of actions, the plain way: `serde_json` finds all there is. What it says of a body is what counts.
fn plain_actions(body: &[u8], regions: &mut Regions) -> Result<Page<Action>, BodyError> {
    let listing: WireListing<'_> = parse(body)?;
    let rows = listing.actions.as_ref().map(|Few(rows)| {
        rows.iter()
            .map(|fields| action::from_fields(fields, regions))
            .collect()
    });
    page(listing.meta(), listing.links(), rows).ok_or_else(|| without("actions"))
}

/// A page of droplets.
pub(super) fn droplets(body: &[u8]) -> Result<Page<Droplet>, BodyError> {
    let listing: WireListing<'_> = parse(body)?;
    let rows = listing.droplets.as_ref();
    let rows = rows.map(|Few(rows)| rows.iter().map(droplet::from_fields).collect());
    page(listing.meta(), listing.links(), rows).ok_or_else(|| without("droplets"))
}

/// The answer to a request for one action.
fn action(body: &[u8], regions: &mut Regions) -> Result<Action, BodyError> {
    let answer: Fields<'_> = parse(body)?;
    let raw = answer.get("action").ok_or_else(|| without("action"))?;
    let fields: Fields<'_> = parse(raw.as_bytes())?;
    action::from_fields(&fields, regions)
        .map_err(|rejected| BodyError(format!("{}: {}", rejected.reason, rejected.excerpt)))
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields
        .get(name)
        .and_then(fields::string)
        .map(Cow::into_owned)
}

/// The API's own words in an error answer; empty where something else answered.
pub(super) fn message(status: u16, body: &[u8]) -> ApiMessage {
    let fields: Option<Fields<'_>> = serde_json::from_slice(body).ok();
    let text = |name: &str| text(fields.as_ref()?, name);
    ApiMessage {
        status,
        id: text("id"),
        message: text("message"),
        request_id: text("request_id"),
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(body).map_err(|error| {
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
        BodyError(format!("{error} (it begins `{}`)", printable(&start)))
    })
}

/// What a listing's members say, each by its text; nothing without rows.
fn page<T>(
    meta: Option<&str>,
    links: Option<&str>,
    rows: Option<Vec<Result<T, RejectedRow>>>,
) -> Option<Page<T>> {
    let pages = links.and_then(|links| member(links, "pages"));
    let next = pages.and_then(|pages| member(pages, "next"));
    let total = meta.and_then(|meta| member(meta, "total"));
    Some(Page {
        rows: rows?,
        total: total.and_then(|text| text.parse().ok()),
        has_next: next.is_some_and(|text| text.starts_with('"')),
    })
}

fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let fields: Fields<'a> = serde_json::from_str(object).ok()?;
    fields.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Page<Action>, BodyError> {
        PageReader::new().actions(body.as_bytes())
    }

    #[test]
    fn a_body_that_is_not_a_whole_page_is_an_error() {
        for body in [
            "",
            "<html>502</html>",
            "null",
            "[]",
            "{}",
            r#"{"actions": null}"#,
            r#"{"actions": {}}"#,
            r#"{"actions": [{"id": 1}], "meta": {"tot"#,
            r#"{"actions": []} trailing"#,
            r#"{"actions": [{"id": 1, "type": "\ud800"}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn what_nests_too_deep_for_other_tools_is_kept_as_a_string() {
        let deep = format!("{}1{}", "[".repeat(9_999), "]".repeat(9_999));
        let page = read(&format!(r#"{{"actions": [{{"id": 1, "x": {deep}}}]}}"#)).unwrap();
        let action = page.rows[0].as_ref().unwrap();
        assert_eq!(action.extra["x"].get(), format!("\"{deep}\""));
    }

    #[test]
    fn a_page_with_more_rows_than_anybody_sends_is_an_error() {
        let body = |rows: usize| {
            format!(
                "{{\"actions\": [{}{{\"id\": 1}}]}}",
                "{\"id\":1},".repeat(rows - 1)
            )
        };
        assert_eq!(
            read(&body(few::MOST_ROWS)).unwrap().rows.len(),
            few::MOST_ROWS
        );
        let error = read(&body(few::MOST_ROWS + 1)).unwrap_err();
        assert!(
            error.to_string().contains("more than 10000 rows"),
            "{error}"
        );
        let unusual = body(few::MOST_ROWS + 1).replacen('1', "\"\\u0031\"", 1);
        assert!(read(&unusual).is_err());
    }

    #[test]
    fn a_row_without_an_integer_id_is_rejected_alone() {
        let page = read(
            r#"{"actions": [{"id": 1}, {}, null, 7, [1], "x", {"id": "2"}, {"id": 2.5}, {"id": null},
                {"id": 92233720368547758080}, {"id": 9007199254740993}], "meta": {"total": 11}}"#,
        )
        .unwrap();
        let ids: Vec<_> = page
            .rows
            .iter()
            .filter_map(|row| row.as_ref().ok())
            .map(|row| row.id)
            .collect();
        assert_eq!(ids, [1, 9_007_199_254_740_993]);
        assert_eq!(page.rows.len(), 11);
        let reason = &page.rows[6].as_ref().unwrap_err();
        assert!(
            reason.reason.contains("id") && reason.excerpt.contains(r#""2""#),
            "{reason:?}"
        );
    }

    #[test]
    fn totals_and_links_are_evidence_that_may_be_missing() {
        for (rest, total, has_next) in [
            ("", None, false),
            (r#", "meta": {"total": 450}, "links": {}"#, Some(450), false),
            (r#", "meta": {"total": -1}, "links": null"#, None, false),
            (r#", "meta": {"total": "3"}, "links": []"#, None, false),
            (r#", "meta": 5, "links": {"pages": null}"#, None, false),
            (
                r#", "links": {"pages": {"next": "https://x/?page=2", "last": "y"}}"#,
                None,
                true,
            ),
            (r#", "links": {"pages": {"next": null}}"#, None, false),
            (
                r#", "links": {"pages": {"prev": "https://x/?page=1"}}"#,
                None,
                false,
            ),
        ] {
            let page = read(&format!(r#"{{"actions": []{rest}}}"#)).unwrap();
            assert_eq!((page.total, page.has_next), (total, has_next), "{rest}");
        }
    }
}
