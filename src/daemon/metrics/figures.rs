//! What the archive holds now, beside what its syncs came to.
//!
//! Millions of actions are not counted each time somebody asks: their number is that of the last sync that may have
//! archived some. All else is read from small tables and the small index over what is in progress.

use super::totals::Totals;
use crate::archive::LATEST_VERSION;
use crate::core::time::Timestamp;
use crate::query::status;
use crate::query::status::ListingStatus;
use rusqlite::Connection;

/// What there is to tell of an archive. Before the first update nothing is known of what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What its syncs came to.
    pub totals: Totals,
    /// What it holds.
    pub holdings: Option<Holdings>,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Actions, when the last sync that may have archived some had ended.
    pub actions: u64,
    /// Actions that were in progress when last seen.
    pub open_actions: u64,
    /// When the first of them started.
    pub oldest_open_at: Option<Timestamp>,
    /// What is known of the listings of the last sync's scope.
    pub listings: ListingFigures,
    /// The size of the archive, free pages included.
    pub archive_bytes: u64,
    /// The migrations that were applied.
    pub schema_version: i64,
}

/// How much of some listings is archived. Those of droplets that are gone are left out: the API does not have them any
/// more, and what was missing of them is read in the account's listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListingFigures {
    /// How many there are.
    pub listings: u64,
    /// Those of which something is not archived, or may not be.
    pub incomplete: u64,
    /// Actions that they hold, one that several hold counted for each. Of the account's listing, where it is read for the
    /// sake of some droplets, what has not been looked at yet: it may concern them.
    pub listed_actions: u64,
    /// Those among them that are not archived.
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
    /// Reads what has changed, all of it as of one moment.
    ///
    /// # Errors
    /// When the archive cannot be read. The figures are then those of before.
    pub fn update(&mut self, connection: &Connection) -> Result<(), status::Error> {
        // Several statements see one archive, whatever a sync writes meanwhile.
        let tx = connection.unchecked_transaction()?;
        let mut totals = self.totals.clone();
        let changes = totals.update(&tx)?;
        let counted = self.holdings.as_ref().map(|holdings| holdings.actions);
        let actions = match counted.filter(|_| !changes.may_have_archived) {
            Some(actions) => actions,
            None => count(&tx, ACTIONS)?,
        };
        let holdings = Holdings::read(&tx, actions, totals.scope())?;
        *self = Self {
            totals,
            holdings: Some(holdings),
        };
        Ok(())
    }
}

impl Holdings {
    fn read(connection: &Connection, actions: u64, scope: &str) -> Result<Self, status::Error> {
        let open = connection.prepare_cached(OPEN)?.query_row([], |row| {
            let count: i64 = row.get("open_actions")?;
            let oldest: Option<String> = row.get("oldest_open_at")?;
            Ok((count.unsigned_abs(), oldest))
        });
        let (open_actions, oldest) = open?;
        let listings = status::listings_of_scope(connection, scope)?;
        Ok(Self {
            actions,
            open_actions,
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

    /// Which part of the actions is archived, from 0 to 1; nothing where no listing holds any.
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

/// What a daemon hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonFigures {
    /// When it started. Its own counts begin there.
    pub started_at: Timestamp,
    /// What became of the ticks of its schedule.
    pub ticks: Ticks,
    /// When the sync that is at work began, if one is.
    pub running_since: Option<Timestamp>,
    /// When the next sync starts, if nothing comes between.
    pub next_tick_at: Option<Timestamp>,
    /// How many syncs in a row have failed.
    pub consecutive_failures: u64,
    /// Messages to the dead man's switch that did not arrive; nothing where there is no such switch.
    pub pings_failed: Option<u64>,
    /// Whether the API refused the token when it was last asked.
    pub is_token_refused: bool,
}

/// What became of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// A sync was started on time.
    pub run: u64,
    /// Left out, because the sync before was still at work or because of the wait after a failure.
    pub skipped: u64,
    /// A sync was started late, in place of what was missed while nobody looked.
    pub made_up: u64,
    /// A sync was started between ticks, because the one before had failed.
    pub retry: u64,
}

impl Ticks {
    /// Each with its name.
    pub(super) fn by_result(self) -> [(&'static str, u64); 4] {
        [
            ("run", self.run),
            ("skipped", self.skipped),
            ("made_up", self.made_up),
            ("retry", self.retry),
        ]
    }
}
