//! The fuzz targets: every reader of text from other programs. Each target takes any bytes, and panics when a promise
//! does not hold. `cargo test` runs the corpus of each target too (`tests/it/fuzz_corpus.rs`).

mod answer;
pub(crate) mod doctl;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub(crate) use answer::answer;
use archiver::api::{Origin, Page, PageReader, RateLimit};
use archiver::config::ConfigFile;
use archiver::core::model::Action;
use archiver::core::time::{
    Timestamp, Zone, parse_duration, parse_period, parse_since, parse_until,
};
use archiver::daemon::ping::PingUrl;
use archiver::daemon::schedule::Schedule;
use archiver::query::report::Library;
use archiver::web::ListenAddress;
pub(crate) use doctl::doctl;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// A function that reads any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets, by name.
pub(crate) const ALL: [(&str, Target); 9] = [
    ("answer", answer),
    ("api_body", api_body),
    ("headers", headers),
    ("times", times),
    ("configuration", configuration),
    ("doctl", doctl),
    ("report_header", report_header),
    ("schedule", schedule),
    ("addresses", addresses),
];

fn now() -> Timestamp {
    Timestamp::from_epoch_seconds(NOW).expect("it is a time")
}

/// A time zone that is loaded once.
fn zone(name: &'static str) -> &'static Zone {
    static ZONES: Mutex<BTreeMap<&str, &Zone>> = Mutex::new(BTreeMap::new());
    let mut zones = ZONES.lock().unwrap_or_else(PoisonError::into_inner);
    zones
        .entry(name)
        .or_insert_with(|| Box::leak(Box::new(name.parse().expect("it is a zone"))))
}

/// A page with a region, as the API sends it: the input that a reader has met before.
const KNOWN: &[u8] = include_bytes!("../fixtures/droplet_actions.json");

/// Any body is a page or an error. The result does not depend on whether the reader has met the regions before.
pub(crate) fn api_body(data: &[u8]) {
    let first = shown(PageReader::new().actions(data));
    let mut reader = PageReader::new();
    reader
        .actions(KNOWN)
        .expect("the page that is known is one");
    assert_eq!(first, shown(reader.actions(data)), "after another page");
    assert_eq!(first, shown(reader.actions(data)), "the second time");
}

fn shown<E>(page: Result<Page<Action>, E>) -> Option<String> {
    page.ok()
        .map(|page| format!("{:?} {:?}", page.total, page.rows))
}

/// One header per line, `name: value`. For any value, the wait is bounded by a number.
pub(crate) fn headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let limit = RateLimit::from_headers(&headers, now());
    let again = RateLimit::from_headers(&headers, now());
    assert_eq!(limit, again);
}

/// A text that parses as a time can be written and read again.
pub(crate) fn times(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for zone in [&Zone::utc(), zone("Europe/Dublin")] {
        let since = parse_since(text, now(), zone).ok();
        let until = parse_until(text, now(), zone).ok();
        let period = parse_period(text, now(), zone).ok();
        if let Some(period) = period {
            assert!(period.since <= period.until, "{text}");
        }
        for instant in [since, until].into_iter().flatten() {
            let written = instant.to_string();
            assert_eq!(written.parse(), Ok(instant), "{text}");
            let shown = instant.in_zone(zone).to_string();
            assert_eq!(shown.parse(), Ok(instant), "{text}");
        }
    }
    let _ = parse_duration(text);
    // The lookup of a zone name searches hundreds of files: only try texts that could be a name.
    if text.starts_with(['+', '-']) || text.contains('/') {
        let _ = text.parse::<Zone>();
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        assert_eq!(instant.to_string().len(), 20);
    }
}

/// Any text is a configuration or an error.
pub(crate) fn configuration(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = toml::from_str::<ConfigFile>(text);
    }
}

/// Any file beside the configuration is a report or a problem, and hides none of the built-in reports.
pub(crate) fn report_header(data: &[u8]) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    std::fs::write(folder.path().join("mine.sql"), data).expect("there is room for a file");
    let library = Library::load(Some(folder.path()));
    let known = library.reports.len() + library.problems.len();
    assert!(known >= Library::load(None).reports.len());
}

/// A text that parses as a schedule goes forward, forever or until its end.
pub(crate) fn schedule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Schedule::new(text, zone("America/New_York").clone(), now()) {
        Ok(schedule) => {
            let ticks = schedule.after(now()).take(50).collect::<Vec<_>>();
            assert!(ticks.first().is_some_and(|tick| *tick > now()), "{text}");
            assert!(ticks.is_sorted_by(|first, second| first < second), "{text}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Addresses: the program accepts only encrypted addresses and addresses of this machine.
pub(crate) fn addresses(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(origin) = Origin::parse(text) {
        assert!(
            origin.is_loopback() || origin.to_string().starts_with("https://"),
            "{text}"
        );
    }
    if let Ok(url) = text.parse::<PingUrl>() {
        let shown = format!("{url} {url:?}");
        assert!(shown.starts_with("http"), "{text}");
    }
    if let Ok(address) = text.parse::<ListenAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address), "{text}");
    }
}
