//! The metrics of an archive, and of the daemon that keeps it.
//!
//! All numbers about syncs come from the archive, which has a row for each sync. For this reason they are the same in a
//! file and on a server, counters survive restarts, and manual syncs count too. A daemon adds its own state. An unknown
//! value is omitted: a 0 would be believed, and an alert can detect an absent metric.
//!
//! Labels are outcomes and the like, never droplets or scopes, so that a large account has no more series than a small
//! one. Where accounts are configured, each has its own series.
//!
//! `totals` adds up the log of syncs, each row once. This file also reads the present content of the archive, once after
//! each sync and not for each request. `text` names and explains all metrics.

mod text;
mod totals;

pub use text::text;
pub use totals::{Histogram, LastRun, Quota, Totals};

use crate::archive::LATEST_VERSION;
use crate::core::account::AccountName;
use crate::core::time::Timestamp;
use crate::query;
use crate::query::status::{self, ListingStatus};
use rusqlite::Connection;

/// The figures of an archive. `holdings` is unknown before the first update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The totals of its syncs.
    pub totals: Totals,
    /// The content of the archive.
    pub holdings: Option<Holdings>,
}

/// The content of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// The number of actions.
    pub actions: u64,
    /// Actions that were in progress when last seen.
    pub open_actions: u64,
    /// The start of the oldest of them.
    pub oldest_open_at: Option<Timestamp>,
    /// The listings in the scope of the last sync.
    pub listings: ListingFigures,
    /// The size of the archive, free pages included.
    pub archive_bytes: u64,
    /// The number of applied migrations.
    pub schema_version: i64,
}

/// The archived part of some listings. Listings of gone droplets are left out: the API does not have them any more, and
/// their missing actions are read in the account's listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListingFigures {
    /// The number of listings.
    pub listings: u64,
    /// The number of listings of which a part is missing, or may be.
    pub incomplete: u64,
    /// The actions in these listings; an action in several listings counts for each. When the account's listing is read
    /// only for some droplets, its unread positions count, because they may concern these droplets.
    pub listed_actions: u64,
    /// The actions among them that are not archived.
    pub missing_actions: u64,
}

pub(super) const ACTIONS: &str = "SELECT count(*) FROM actions";

pub(super) const OPEN: &str = "
SELECT count(*) AS open_actions, min(started_at) AS oldest_open_at
  FROM actions
 WHERE status = 'in-progress'";

const BYTES: &str =
    "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)";

impl Figures {
    /// Reads the changes, all as of one moment.
    ///
    /// # Errors
    /// When the archive cannot be read. The figures then stay as they were.
    pub fn update(&mut self, connection: &Connection) -> Result<(), query::Error> {
        // All statements see the same state, even while a sync writes.
        let tx = connection.unchecked_transaction()?;
        let mut totals = self.totals.clone();
        totals.update(&tx)?;
        let holdings = Holdings::read(&tx, totals.scope())?;
        *self = Self {
            totals,
            holdings: Some(holdings),
        };
        Ok(())
    }
}

impl Holdings {
    fn read(connection: &Connection, scope: &str) -> Result<Self, query::Error> {
        let mut open = connection.prepare_cached(OPEN)?;
        let (open_actions, oldest): (i64, Option<String>) =
            open.query_row([], |row| row.try_into())?;
        let listings = status::listings_of_scope(connection, scope)?;
        Ok(Self {
            actions: count(connection, ACTIONS)?,
            open_actions: open_actions.unsigned_abs(),
            oldest_open_at: oldest.and_then(|text| text.parse().ok()),
            listings: ListingFigures::of(&listings),
            archive_bytes: count(connection, BYTES)?,
            schema_version: LATEST_VERSION,
        })
    }
}

impl ListingFigures {
    fn of(listings: &[ListingStatus]) -> Self {
        let mut figures = Self::default();
        for listing in listings.iter().filter(|listing| listing.gone_at.is_none()) {
            let listed = if listing.is_through_account() {
                listing.missing
            } else {
                listing.total.unwrap_or(0)
            };
            figures.listings += 1;
            figures.incomplete += u64::from(listing.has_gap());
            figures.listed_actions = figures.listed_actions.saturating_add(listed);
            figures.missing_actions = figures.missing_actions.saturating_add(listing.missing);
        }
        figures
    }

    /// The archived part of the actions, from 0 to 1; `None` when no listing has actions.
    #[must_use]
    pub fn coverage_ratio(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no 53 bits")]
        let (listed, missing) = (self.listed_actions as f64, self.missing_actions as f64);
        (self.listed_actions > 0).then(|| 1.0 - missing / listed)
    }
}

fn count(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// An archive, and the daemon that keeps it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The account, which becomes a label of each metric.
    pub account: Option<AccountName>,
    /// The numbers of the archive.
    pub figures: Figures,
    /// The state of the daemon, if there is one.
    pub daemon: Option<DaemonFigures>,
}

/// The state of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonFigures {
    /// The start of the daemon. Its own counts begin there.
    pub started_at: Timestamp,
    /// The counts of the ticks of its schedule.
    pub ticks: Ticks,
    /// The start of the running sync, if there is one.
    pub running_since: Option<Timestamp>,
    /// The expected start of the next sync.
    pub next_tick_at: Option<Timestamp>,
    /// The number of consecutive failed syncs.
    pub consecutive_failures: u64,
    /// Pings to the dead man's switch that did not arrive; `None` without a switch.
    pub pings_failed: Option<u64>,
    /// True when the API refused the token the last time.
    pub is_token_refused: bool,
}

/// Ticks, counted by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// A sync was started on time.
    pub run: u64,
    /// Skipped, because the previous sync was still running or because of the wait after a failure.
    pub skipped: u64,
    /// A sync was started late, in place of missed ticks.
    pub made_up: u64,
    /// A sync was started between ticks, because the previous one had failed.
    pub retry: u64,
}

#[cfg(test)]
mod tests;
