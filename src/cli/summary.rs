//! The result of a sync, for people and for scripts.

use archiver::core::model::DropletId;
use archiver::core::time::Timestamp;
use archiver::output::grouped;
use archiver::query::status::counted;
use archiver::sync::{Counts, Forecast, ListingReport, ListingResult, Report, Settings};
use serde::Serialize;

/// The summary for scripts.
#[derive(Serialize)]
pub(super) struct Summary {
    outcome: &'static str,
    scope: String,
    started_at: String,
    finished_at: String,
    /// The duration of the sync.
    #[serde(skip)]
    pub(super) seconds: i64,
    requests: u64,
    retries: u64,
    faults: u64,
    #[serde(flatten)]
    counts: Counts,
    pub(super) message: Option<String>,
    listings: Vec<ListingSummary>,
}

#[derive(Serialize)]
struct ListingSummary {
    path: String,
    droplet_id: Option<DropletId>,
    result: &'static str,
    total: Option<u64>,
    message: Option<String>,
}

impl Summary {
    pub(super) fn of(
        report: &Report,
        settings: &Settings,
        started_at: Timestamp,
        finished_at: Timestamp,
    ) -> Self {
        Self {
            outcome: report.outcome().as_str(),
            scope: settings.scope.to_string(),
            started_at: started_at.to_string(),
            finished_at: finished_at.to_string(),
            seconds: finished_at.epoch_seconds() - started_at.epoch_seconds(),
            requests: report.requests,
            retries: report.retries,
            faults: report.faults,
            counts: report.counts,
            message: report.what_is_missing(),
            listings: report.listings.iter().map(ListingSummary::of).collect(),
        }
    }
}

impl ListingSummary {
    fn of(report: &ListingReport) -> Self {
        let (total, message) = match &report.result {
            ListingResult::Complete { total } => (Some(*total), None),
            ListingResult::Incomplete { reason } => (None, Some(reason.clone())),
            ListingResult::Failed(error) => (None, Some(error.to_string())),
            ListingResult::Followed | ListingResult::Gone | ListingResult::NotRead => (None, None),
        };
        Self {
            path: report.listing.path(),
            droplet_id: report.listing.droplet_id(),
            result: report.result.as_str(),
            total,
            message,
        }
    }
}

/// The summary for people.
pub(super) fn in_words(report: &Report) -> String {
    let counts = report.counts;
    let again = match report.retries {
        0 => String::new(),
        retries => format!(" ({} of them again)", grouped(retries)),
    };
    let unreadable = match counts.unreadable_times {
        0 => String::new(),
        count => format!(
            "; {} with times that cannot be read, which are kept as they came, in `extra`",
            counted(count, "action")
        ),
    };
    format!(
        "{}: {} new actions, {} updated, {} unchanged; {}{again}{unreadable}",
        report.outcome().as_str(),
        grouped(counts.inserted),
        grouped(counts.updated),
        grouped(counts.unchanged),
        counted(report.requests, "request"),
    )
}

/// The cost of a sync, for people.
pub(super) fn forecast_in_words(forecast: &Forecast) -> String {
    let time = match forecast.seconds.div_ceil(60) {
        0 => "less than a minute".to_owned(),
        minutes => format!("about {} minutes", grouped(minutes + 1)),
    };
    let actions = counted(forecast.actions, "action");
    let pages = counted(forecast.pages, "page");
    let requests = counted(forecast.requests, "request");
    format!("{actions} to read in {pages}: at most {requests}, {time}; nothing was written")
}
