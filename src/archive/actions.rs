//! Archives pages and single actions, and reads the actions to ask for again.

use super::connection::{atomically, execute, rows};
use super::error::Error;
use super::listings::Listing;
use super::runs::RunId;
use super::upsert::{SeenBy, Upsert, Written};
use super::{Store, listings, runs};
use crate::core::coverage::Interval;
use crate::core::model::{Action, ActionId, DropletId};
use crate::core::time::Timestamp;
use rusqlite::{Connection, ToSql, named_params};

/// One page of a listing, ready to be archived.
#[derive(Debug)]
pub struct PageRecord<'a> {
    /// The listing of the page.
    pub listing: &'a Listing,
    /// Its actions. The flag is true when the action's position was covered before: then the archive must know the
    /// action.
    pub rows: &'a [(&'a Action, bool)],
    /// The positions that the page covers.
    pub covers: &'a [Interval],
    /// The listing's length, if it can be trusted.
    pub total: Option<u64>,
    /// The sync that read it.
    pub run: RunId,
    /// The time of reading.
    pub now: Timestamp,
}

/// The result of archiving rows, as SQLite counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Rows that are new in the archive.
    pub inserted: u64,
    /// Rows with new information.
    pub updated: u64,
    /// Rows without new information.
    pub unchanged: u64,
    /// New or updated rows that have an unreadable time.
    pub unreadable_times: u64,
    /// Updated rows that only an import knew. No sync had seen them, so they are new to the listing.
    pub recognised: u64,
    /// New rows at covered positions. This is an inconsistency: the coverage of the listing is forgotten.
    pub unexpected: u64,
}

impl Recorded {
    /// The number of rows that no sync had seen before.
    #[must_use]
    pub fn new_to_syncs(self) -> u64 {
        self.inserted + self.recognised
    }

    /// The numbers of new rows, and of rows with new information.
    pub(super) fn news(self) -> (u64, u64) {
        (self.inserted, self.updated)
    }

    pub(super) fn count(&mut self, written: Written, action: &Action, is_expected: bool) {
        let is_news = written != Written::Unchanged;
        self.unreadable_times += u64::from(is_news && action.has_unreadable_time());
        match written {
            Written::New => {
                self.inserted += 1;
                self.unexpected += u64::from(is_expected);
            }
            Written::Recognised => {
                self.updated += 1;
                self.recognised += 1;
                self.unexpected += u64::from(is_expected);
            }
            Written::Grown => self.updated += 1,
            Written::Unchanged => self.unchanged += 1,
        }
    }
}

/// An action that may be newer at the API than in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsettledAction {
    /// Its id.
    pub id: ActionId,
    /// The droplet of the action, or a droplet that listed it.
    pub droplet_id: Option<DropletId>,
}

/// A time in the future shows that a clock was wrong.
pub(super) const OPEN_ACTIONS: &str = "
SELECT id,
       CASE WHEN resource_type = 'droplet' AND resource_id IS NOT NULL THEN resource_id
            ELSE (SELECT min(droplet_id) FROM droplet_listed_actions WHERE action_id = actions.id)
       END AS droplet_id
  FROM actions
  LEFT JOIN actions_asked_for ON action_id = id
 WHERE status = 'in-progress'
   AND (asked_at IS NULL OR asked_at > :now OR asked_at <= CASE
           WHEN started_at > strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-1 day') THEN :now
           WHEN started_at > strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-1 month') THEN strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-1 hour')
           WHEN started_at > strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-1 year') THEN strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-1 day')
           ELSE strftime('%Y-%m-%dT%H:%M:%SZ', :now, '-7 days')
       END)
 ORDER BY started_at";

pub(super) const ACTIONS_WITHOUT_END: &str = "
SELECT id,
       CASE WHEN resource_type = 'droplet' AND resource_id IS NOT NULL THEN resource_id
            ELSE (SELECT min(droplet_id) FROM droplet_listed_actions WHERE action_id = actions.id)
       END AS droplet_id
  FROM actions
 WHERE status = 'completed' AND completed_at IS NULL
   AND id NOT IN (SELECT action_id FROM actions_asked_for WHERE asked_at IS NULL)
 ORDER BY id DESC
 LIMIT :most";

const NOTE_ASKED_FOR: &str = "
INSERT INTO actions_asked_for (action_id, asked_at)
SELECT id, CASE status WHEN 'in-progress' THEN :now END
  FROM actions
 WHERE id = :id AND completed_at IS NULL
    ON CONFLICT (action_id) DO UPDATE SET asked_at = excluded.asked_at";

const RECORD: &str = "cannot archive a page of actions";

impl Store {
    /// Archives a page in one transaction: its rows, their regions and its coverage.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of the page is archived.
    pub fn record_page(&mut self, page: &PageRecord<'_>) -> Result<Recorded, Error> {
        let outcome = self.try_record_page(page);
        self.forget_regions_after_failure(&outcome);
        outcome
    }

    /// Forgets the written regions after a failure: they were rolled back together with the page.
    pub(super) fn forget_regions_after_failure<T>(&mut self, outcome: &Result<T, Error>) {
        if outcome.is_err() {
            self.written_regions.clear();
        }
    }

    fn try_record_page(&mut self, page: &PageRecord<'_>) -> Result<Recorded, Error> {
        if self.connection.is_autocommit() {
            self.leave_readers_alone()?;
        }
        let Self {
            connection,
            written_regions,
            ..
        } = self;
        let recorded = atomically(connection, RECORD, || {
            let mut recorded = Recorded::default();
            let seen_by = SeenBy::Run(page.run);
            let mut upsert = Upsert::new(connection, seen_by)?;
            for (action, is_expected) in in_order_of_ids(page.rows) {
                written_regions.write(connection, action, seen_by, page.now)?;
                let written = upsert.write(action)?;
                link(connection, page.listing, action)?;
                recorded.count(written, action, is_expected);
            }
            note_progress(connection, page, recorded)?;
            runs::count(connection, page.run, recorded.news())?;
            Ok(recorded)
        })?;
        self.archived = self.archived.map(|rows| rows + recorded.inserted);
        Ok(recorded)
    }

    /// The archived actions in progress that are due for a recheck, oldest first. An action that began a day ago is
    /// asked for once an hour, one of a month ago once a day, one of a year ago once a week.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn open_actions(&self, now: Timestamp) -> Result<Vec<UnsettledAction>, Error> {
        self.unsettled(OPEN_ACTIONS, named_params! { ":now": now.to_string() })
    }

    /// The newest completed actions without an end time. Leaves out actions that were asked for in vain.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn actions_without_end(&self, most: i64) -> Result<Vec<UnsettledAction>, Error> {
        self.unsettled(ACTIONS_WITHOUT_END, named_params! { ":most": most })
    }

    fn unsettled(
        &self,
        sql: &str,
        parameters: &[(&str, &dyn ToSql)],
    ) -> Result<Vec<UnsettledAction>, Error> {
        let step = "cannot read which actions are not settled";
        rows(&self.connection, step, sql, parameters, |row| {
            Ok(UnsettledAction {
                id: row.get("id")?,
                droplet_id: row.get("droplet_id")?,
            })
        })
    }

    /// Notes that the API was asked for an action. Stores the time only if the action is still in progress.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn note_asked_for(&mut self, id: ActionId, now: Timestamp) -> Result<(), Error> {
        let step = "cannot note that an action was asked for";
        let parameters = named_params! { ":id": id, ":now": now.to_string() };
        execute(&self.connection, step, NOTE_ASKED_FOR, parameters)
    }

    /// Archives an action that the API returned by its id.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn record_action(
        &mut self,
        action: &Action,
        run: RunId,
        now: Timestamp,
    ) -> Result<Recorded, Error> {
        let outcome = self.try_record_action(action, run, now);
        self.forget_regions_after_failure(&outcome);
        outcome
    }

    fn try_record_action(
        &mut self,
        action: &Action,
        run: RunId,
        now: Timestamp,
    ) -> Result<Recorded, Error> {
        let Self {
            connection,
            written_regions,
            ..
        } = self;
        atomically(connection, RECORD, || {
            let seen_by = SeenBy::Run(run);
            written_regions.write(connection, action, seen_by, now)?;
            let mut recorded = Recorded::default();
            let written = Upsert::new(connection, seen_by)?.write(action)?;
            recorded.count(written, action, false);
            runs::count(connection, run, recorded.news())?;
            Ok(recorded)
        })
    }
}

/// Rows arrive newest first. Written in the order of their ids, they make a file that is a sixth smaller. Two rows of
/// the same action keep their order.
fn in_order_of_ids<'a>(rows: &[(&'a Action, bool)]) -> Vec<(&'a Action, bool)> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(action, _)| action.id);
    rows
}

/// Writes the coverage and the length that a page proves.
fn note_progress(
    connection: &Connection,
    page: &PageRecord<'_>,
    recorded: Recorded,
) -> Result<(), Error> {
    if recorded.unexpected > 0 {
        return listings::forget(connection, page.listing.id);
    }
    for interval in page.covers {
        listings::cover(connection, page.listing.id, *interval)?;
    }
    if let Some(total) = page.total {
        listings::raise_total(connection, page.listing.id, total)?;
    }
    Ok(())
}

/// Links an action to the droplet that listed it, if the action's resource does not name that droplet.
pub(super) fn link(
    connection: &Connection,
    listing: &Listing,
    action: &Action,
) -> Result<(), Error> {
    let is_of =
        |id| action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(id);
    let Some(droplet_id) = listing.kind.droplet_id().filter(|id| !is_of(*id)) else {
        return Ok(());
    };
    execute(
        connection,
        "cannot link an action to its droplet",
        "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (:droplet_id, :action_id)
         ON CONFLICT (droplet_id, action_id) DO NOTHING",
        named_params! { ":droplet_id": droplet_id, ":action_id": action.id },
    )
}
