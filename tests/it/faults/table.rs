//! The rows of the fault matrix. The slow ones come first, so that they do not run alone at the end.

use archiver::core::time::Timestamp;

use super::{Row, always, always_on, once, once_on};
use crate::cloud::Fault;

pub(super) fn rows() -> Vec<Row> {
    let groups = [
        stalls(),
        lasting_faults(),
        refusals(),
        passing_faults(),
        limits(),
        wrong_bodies(),
        lasting_nonsense(),
        passing_nonsense(),
        harmless_oddities(),
    ];
    groups.into_iter().flatten().collect()
}

/// A server that becomes silent is an error within a minute, and not a hang.
fn stalls() -> Vec<Row> {
    vec![
        always("no answer", Fault::Stall)
            .exits(1)
            .says("the API cannot be reached")
            .holds_at_least(0),
        once_on(2, "a body that trickles", Fault::DripBody(100)),
        once_on(1, "no answer", Fault::Stall),
        once_on(3, "a head and no body", Fault::StallAfterHead),
        once_on(5, "half a body", Fault::StallInBody),
    ]
}

/// Every try fails alike: the sync keeps the actions of the other pages.
fn lasting_faults() -> Vec<Row> {
    let of_all = [
        ("500", Fault::Status(500), "500 server_error"),
        ("502 with HTML", Fault::HtmlError(502), "answered 502"),
        ("reset", Fault::Reset, "the API cannot be reached"),
        ("HTML with 200", Fault::HtmlBody200, "it begins `<html>"),
        ("cut JSON", Fault::CutJson, "cannot be read"),
    ];
    let of_one = [
        ("500", Fault::Status(500), "page=3"),
        ("503", Fault::Status(503), "tried 6 times"),
        ("408", Fault::Status(408), "answered 408"),
        ("closed early", Fault::CloseEarly, "the connection broke"),
        ("reset in the body", Fault::ResetInBody, "page=3"),
        ("truncated", Fault::Truncated, "page=3"),
        ("cut JSON", Fault::CutJson, "cannot be read: it breaks off"),
        (
            "empty body",
            Fault::EmptyBody,
            "cannot be read: it is empty",
        ),
        ("bad gzip", Fault::BadGzip, "page=3"),
        (
            "bomb",
            Fault::GzipBomb(1 << 30),
            "longer than 16777216 bytes",
        ),
    ];
    let of_all = of_all
        .map(|(name, fault, words)| always(name, fault).exits(1).says(words).holds_at_least(0));
    let of_one = of_one.map(|(name, fault, words)| {
        always_on(3, name, fault)
            .exits(3)
            .says(words)
            .holds_at_least(700)
    });
    of_all.into_iter().chain(of_one).collect()
}

/// Answers that no further try can change.
fn refusals() -> Vec<Row> {
    let elsewhere = || Fault::Redirect("http://127.0.0.1:9/".to_owned());
    vec![
        always("401", Fault::Status(401))
            .exits(4)
            .says("401 unauthorized")
            .holds_at_least(0),
        always_on(3, "401", Fault::Status(401))
            .exits(4)
            .says("does not accept the token")
            .holds_at_least(200),
        always("403", Fault::Status(403))
            .exits(4)
            .says("403 forbidden")
            .holds_at_least(0),
        always_on(3, "403", Fault::Status(403))
            .exits(4)
            .says("scope")
            .holds_at_least(200),
        always_on(3, "404 of a proxy", Fault::HtmlError(404))
            .exits(3)
            .says("answered 404")
            .holds_at_least(200),
        always_on(3, "404 of the API", Fault::Status(404))
            .exits(3)
            .says("404 not_found")
            .holds_at_least(200),
        always("redirect", elsewhere())
            .exits(1)
            .says("with a redirect")
            .holds_at_least(0),
        always_on(3, "redirect", elsewhere())
            .exits(3)
            .says("with a redirect")
            .holds_at_least(200),
    ]
}

/// The sync asks for the page again, and then succeeds.
fn passing_faults() -> Vec<Row> {
    let faults = [
        ("500", Fault::Status(500)),
        ("502 with HTML", Fault::HtmlError(502)),
        ("503", Fault::Status(503)),
        ("504 with HTML", Fault::HtmlError(504)),
        ("599", Fault::Status(599)),
        ("408", Fault::Status(408)),
        ("reset", Fault::Reset),
        ("reset in the body", Fault::ResetInBody),
        ("closed early", Fault::CloseEarly),
        ("truncated", Fault::Truncated),
        ("cut JSON", Fault::CutJson),
        ("empty body", Fault::EmptyBody),
        ("bad gzip", Fault::BadGzip),
        ("bomb", Fault::GzipBomb(64 << 20)),
        ("HTML with 200", Fault::HtmlBody200),
    ];
    faults.map(|(name, fault)| once(name, fault)).into()
}

fn too_many(retry_after: Option<&str>, reset_in: Option<i64>) -> Fault {
    let now = Timestamp::now();
    let reset = reset_in.map(|seconds| now.saturating_add_seconds(seconds).epoch_seconds());
    Fault::TooManyRequests {
        retry_after: retry_after.map(str::to_owned),
        reset: reset.map(|seconds| seconds.to_string()),
    }
}

fn limits() -> Vec<Row> {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let soon = Timestamp::now().saturating_add_seconds(3).epoch_seconds();
    let soon = jiff::Timestamp::from_second(soon).unwrap();
    let date = printer.timestamp_to_rfc9110_string(&soon).unwrap();
    vec![
        once("429 for a second", too_many(Some("1"), None)),
        once("429 until a date", too_many(Some(&date), None)),
        once("429 for no time", too_many(Some("0"), None)),
        once("429 for negative time", too_many(Some("-5"), None)),
        once("429 for a word", too_many(Some("later"), None)),
        once("429 without headers", too_many(None, None)),
        once("429 of an hour that ends soon", too_many(None, Some(2))),
        once("429 of an hour that is over", too_many(None, Some(-300))),
        always("429 of an hour", too_many(None, Some(3_000)))
            .exits(3)
            .says("rate limit is used up until 2")
            .holds_at_least(0),
        always_on(3, "429 of an hour", too_many(None, Some(3_000)))
            .exits(3)
            .says("rate limit is used up until 2")
            .holds_at_least(200),
        always_on(3, "429 without end", too_many(Some("0"), None))
            .exits(3)
            .says("rate limit")
            .holds_at_least(700),
    ]
}

/// JSON, but not a page of actions.
fn wrong_bodies() -> Vec<Row> {
    let bodies = [
        "null",
        "[]",
        "{}",
        "{\"actions\": null, \"meta\": {\"total\": 900}}",
        "{\"actions\": {\"id\": 1}}",
        "{\"actions\": [], \"meta\": {\"total\": 900}} trailing",
        "{\"droplets\": []}",
        "\u{0}\u{1}\u{2}",
    ];
    let rows = bodies.map(|body| once(&format!("{body:?}"), Fault::Body(body.to_owned())));
    rows.into()
}

/// Listings with an inconsistency in every answer: the sync keeps everything that was shown, and is partial.
fn lasting_nonsense() -> Vec<Row> {
    let totals = [
        (
            "total too large",
            Fault::TotalOffBy(3),
            "its total says 903",
        ),
        (
            "total much too large",
            Fault::WrongTotal(48_392_811),
            "48392811",
        ),
        (
            "total beyond reason",
            Fault::WrongTotal(i64::MAX),
            "its total says",
        ),
        (
            "total too small",
            Fault::TotalOffBy(-3),
            "its total says 897",
        ),
        (
            "total of two whole pages",
            Fault::WrongTotal(400),
            "its total says 400",
        ),
        ("total of zero", Fault::WrongTotal(0), "its total says 0"),
        ("negative total", Fault::WrongTotal(-1), "no `meta.total`"),
        ("no total", Fault::MissingTotal, "no `meta.total`"),
    ];
    let totals = totals.map(|(name, fault, words)| always(name, fault).exits(3).says(words));
    let pages = [
        ("three rows missing", Fault::ShortPage(3), 897),
        ("all rows missing", Fault::ShortPage(200), 700),
        ("five rows repeated", Fault::RepeatedRows(5), 895),
    ];
    let pages = pages.map(|(name, fault, actions)| {
        always_on(2, name, fault)
            .exits(3)
            .says("its total says 900")
            .holds_at_least(actions)
    });
    totals.into_iter().chain(pages).collect()
}

/// Listings with one inconsistency: the sync reads again from the first page, and then the answers are consistent.
fn passing_nonsense() -> Vec<Row> {
    let faults = [
        ("total jumps up", Fault::TotalOffBy(7)),
        ("total jumps up a page", Fault::TotalOffBy(200)),
        ("total jumps far up", Fault::WrongTotal(48_392_811)),
        ("total jumps down", Fault::TotalOffBy(-7)),
        ("total jumps down a page", Fault::TotalOffBy(-200)),
        ("total of two whole pages", Fault::WrongTotal(400)),
        ("total of zero", Fault::WrongTotal(0)),
        ("no total", Fault::MissingTotal),
        ("three rows missing", Fault::ShortPage(3)),
        ("all rows missing", Fault::ShortPage(200)),
        ("five rows repeated", Fault::RepeatedRows(5)),
    ];
    let everywhere =
        |(name, fault): (&str, Fault)| [1, 3, 5].map(|page| once_on(page, name, fault.clone()));
    faults.into_iter().flat_map(everywhere).collect()
}

/// Odd answers that lose nothing.
fn harmless_oddities() -> Vec<Row> {
    let header =
        |name: &str, value: Option<&str>| Fault::Header(name.to_owned(), value.map(str::to_owned));
    let faults = [
        (
            "wrong content type",
            Fault::WrongContentType("text/html".to_owned()),
        ),
        ("no content type", header("content-type", None)),
        (
            "limits in words",
            header("ratelimit-remaining", Some("a few")),
        ),
        (
            "nothing left of the limit",
            header("ratelimit-remaining", Some("0")),
        ),
        ("a reset before time", header("ratelimit-reset", Some("-9"))),
        ("a cookie", header("set-cookie", Some("session=1"))),
        ("rows of a page in another order", Fault::UnknownOrder),
        ("a `next` that leads to itself", Fault::LoopingNext),
        ("late answers", Fault::Delay(150)),
    ];
    faults.map(|(name, fault)| always(name, fault)).into()
}
