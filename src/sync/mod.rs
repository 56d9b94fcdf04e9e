//! One sync: which pages to fetch, in what order, and whether that was all.
//!
//! [`run`] reads every listing of a [`Scope`] and hands each page to the store as it comes. What to read next is
//! decided by a pure `plan` for each listing; several pages are under way at once; the store is the one writer. A
//! listing that fails neither stops nor hides the others: each has its own result in the [`Report`].
//!
//! What each file is for:
//!
//! - `scope` says what is to be read, `account` what the token may see of it;
//! - a `session` is one sync at work; `engine` leads through it, `traffic` keeps requests under way, a `batch` collects
//!   answers to be archived together, a `reading` archives the pages of one listing;
//! - `plan` and `full_scan` decide what to read next of a listing, by an `answer`; `check` holds answers against what they
//!   claim, `passes` judges whether a walk through all pages is to be believed, `inconsistency` says why one cannot be trusted;
//! - `follow` keeps many droplets current through the account's listing, `gone` proves that droplets are gone, and reads
//!   there what they have left;
//! - `expectation` says how much is to come;
//! - `finalize` notes what is proven, `unsettled` asks how actions ended, `follow_up` for names;
//! - `report` says how it all ended, `forecast` what it would cost, `observer` tells whoever watches.

pub mod access;

mod account;
mod answer;
mod batch;
mod droplet_list;
mod droplets;
mod engine;
mod fetch;
mod finalize;
mod follow;
mod forecast;
mod full_scan;
mod gone;
mod listing_sync;
mod page_plan;
mod report;
mod scope;
mod session;
mod unsettled;

use std::sync::Arc;

pub use forecast::{Forecast, Known, forecast};
pub use report::{Counts, ListingReport, ListingResult, Report};
pub use report::{Event, Observer};
pub use scope::{Scope, Settings};

use self::session::Session;
use crate::api::Client;
use crate::archive::{self, RunSummary, Store};
use crate::core::cancellation::Cancellation;

/// Syncs once. From the first request to end on, nothing more is asked for, and the pages that are under way are still
/// archived, for a few seconds at most. The store must have been opened for the same cancellation.
///
/// # Errors
/// When the archive cannot be written. What the API does wrong is not an error but part of the report.
pub async fn run(
    client: Arc<Client>,
    store: &mut Store,
    settings: &Settings,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<Report, archive::Error> {
    let clock = settings.clock;
    let before = Traffic::of(&client);
    let run = store.begin_run(&settings.scope.to_string(), clock())?;
    observer.observe(&Event::Began { run });
    let session = Session::new(Arc::clone(&client), store, settings, observer, run);
    let outcome = session.read_everything(cancellation).await;
    let traffic = Traffic::of(&client).since(before);
    let left = client.rate_limit().remaining;
    match outcome {
        Ok(mut report) => {
            report.requests = traffic.requests;
            report.retries = traffic.retries;
            report.faults = traffic.faults;
            let (ended, missing) = (report.outcome(), report.what_is_missing());
            let summary = traffic.summary(ended, missing, report.counts, left);
            store.finish_run(run, &summary, clock())?;
            Ok(report)
        }
        Err(error) => {
            let message = Some(error.to_string());
            let counts = Counts::default();
            let outcome = if error.is_busy() && cancellation.is_requested() {
                archive::Outcome::Interrupted
            } else {
                archive::Outcome::Failed
            };
            let summary = traffic.summary(outcome, message, counts, left);
            // The archive just refused to be written; that is the error to report, whether or not this works. What it
            // was kept locked by was waited for.
            if error.is_busy() {
                let _ = store.wait_no_longer();
            }
            let _ = store.finish_run(run, &summary, clock());
            Err(error)
        }
    }
}

/// The most that is noted of why a sync is not complete: there may be thousands of listings, each with its own reason.
const LONGEST_MESSAGE: usize = 2_000;

fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// How many requests a client has sent: it may serve one sync after the other.
#[derive(Clone, Copy)]
struct Traffic {
    requests: u64,
    retries: u64,
    faults: u64,
}

impl Traffic {
    fn of(client: &Client) -> Self {
        Self {
            requests: client.requests(),
            retries: client.retries(),
            faults: client.faults(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            retries: self.retries - before.retries,
            faults: self.faults - before.faults,
        }
    }
    /// What is noted of a sync that caused it.
    fn summary(
        self,
        outcome: archive::Outcome,
        message: Option<String>,
        counts: Counts,
        ratelimit_remaining: Option<u64>,
    ) -> RunSummary {
        RunSummary {
            outcome,
            requests: self.requests,
            retries: self.retries,
            faults: self.faults,
            inserted: counts.inserted,
            updated: counts.updated,
            unchanged: counts.unchanged,
            rejected: counts.rejected,
            ratelimit_remaining,
            message: message.map(shortened),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_a_sync_is_no_longer_than_people_read() {
        assert_eq!(shortened("é".to_owned()), "é");
        let whole = "é".repeat(LONGEST_MESSAGE);
        assert_eq!(shortened(whole.clone()), whole);
        assert_eq!(shortened(format!("{whole}é")), format!("{whole}…"));
    }
}
