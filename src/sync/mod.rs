//! One sync run: decides which pages to fetch, in which order, and if the archive is complete afterwards.
//!
//! [`run`] reads every listing of a [`Scope`] and passes each page to the store as it arrives. A pure page plan decides
//! what to read next of each listing. Several pages are under way at once, and the store is the only writer. A listing
//! that fails neither stops nor hides the others: each has its own result in the [`Report`].
//!
//! The files:
//!
//! - `account` checks which account the token belongs to, `access` checks the token's scopes;
//! - `session` has the scope, the settings and the state of a sync run, `engine` runs it from beginning to end, `fetch`
//!   reads listings: it keeps requests under way and takes in their answers, `listing_sync` archives the pages of one
//!   listing;
//! - `page_plan` and `full_scan` decide which page of a listing to read next, `answer` defines their values and the
//!   inconsistencies;
//! - `follow` keeps many droplets current through the account's listing, `gone` proves that droplets are gone and reads
//!   their remaining actions there;
//! - `droplets` and `droplet_list` read the list of droplets and their tags;
//! - `finalize` notes the proven results and refreshes names, `unsettled` asks how actions ended;
//! - `import` reads actions from files instead;
//! - `report` describes the results and the events on the way, `forecast` estimates the cost of a sync run.

pub mod access;
pub mod import;

mod account;
mod answer;
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
mod session;
mod unsettled;

use std::sync::Arc;

pub use forecast::{Forecast, Known, forecast};
pub use report::{Counts, ListingReport, ListingResult, Report, UnknownTag};
pub use report::{Event, Observer};
pub use session::{Scope, Settings};

use self::session::Session;
use crate::api::Client;
use crate::archive::{self, RunSummary, Store};
use crate::core::cancellation::Cancellation;

/// Syncs once. After a cancellation, it sends no further requests, and still archives the pages that are under way for
/// a few seconds at most. The store must have been opened with the same cancellation.
///
/// # Errors
/// When the archive cannot be written. Failures of the API are part of the report instead.
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
            // The archive could not be written, and that is the error to report, even if this fails too. The sync has
            // already waited for the lock.
            if error.is_busy() {
                let _ = store.wait_no_longer();
            }
            let _ = store.finish_run(run, &summary, clock());
            Err(error)
        }
    }
}

/// The longest message about an incomplete sync run, because thousands of listings may each have a reason.
const LONGEST_MESSAGE: usize = 2_000;

fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// The number of requests that a client has sent. A client may serve several sync runs one after the other.
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
    /// The summary of the sync run for the archive.
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
