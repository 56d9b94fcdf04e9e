//! Pages and single actions on their way into the archive, and what is asked of those that are there.

use rusqlite::{Connection, ToSql, named_params};

use super::Store;
use super::connection::atomically;
use super::error::{Error, Step};
use super::listings::{self, Listing};
use super::runs::RunId;
use super::upsert::link;
use super::upsert::{Upsert, Written};
use crate::core::coverage::Interval;
use crate::core::model::{Action, ActionId, DropletId};
use crate::core::time::Timestamp;

/// One answered page of a listing, ready to be archived.
#[derive(Debug)]
pub struct PageRecord<'a> {
    /// The listing it is a page of.
    pub listing: &'a Listing,
    /// Its actions, and for each whether it stands at a position that was covered before: then it must be known.
    pub rows: &'a [(&'a Action, bool)],
    /// The positions that it covers.
    pub covers: &'a [Interval],
    /// The listing's length, where it is believed.
    pub total: Option<u64>,
    /// The sync that read it.
    pub run: RunId,
    /// When it was read.
    pub now: Timestamp,
}

/// What archiving rows came to, as SQLite counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Rows that are new in the archive.
    pub inserted: u64,
    /// Rows about which something more became known.
    pub updated: u64,
    /// Rows in which nothing was new.
    pub unchanged: u64,
    /// Rows that are new or updated, and have a time that cannot be read.
    pub unreadable_times: u64,
    /// New rows at positions that were thought covered: the listing is not what it was, its coverage is forgotten.
    pub strangers: u64,
}

impl Recorded {
    fn count(&mut self, written: Written, action: &Action, is_expected: bool) {
        let is_news = written != Written::Unchanged;
        self.unreadable_times += u64::from(is_news && action.has_unreadable_time());
        match written {
            Written::New => {
                self.inserted += 1;
                self.strangers += u64::from(is_expected);
            }
            Written::Grown => self.updated += 1,
            Written::Unchanged => self.unchanged += 1,
        }
    }
}

/// An action about which the API may know more than the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsettledAction {
    /// Its id.
    pub id: ActionId,
    /// The droplet it was done to, or that listed it.
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
    /// Archives a page: its rows, their regions and what they cover, in one transaction.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of the page is in it.
    pub fn record_page(&mut self, page: &PageRecord<'_>) -> Result<Recorded, Error> {
        let outcome = self.try_record_page(page);
        self.forget_regions_after_failure(&outcome);
        outcome
    }

    /// What was written of the regions was rolled back with the rest.
    fn forget_regions_after_failure(&mut self, outcome: &Result<Recorded, Error>) {
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
            let mut upsert = Upsert::new(connection)?;
            for (action, is_expected) in in_order_of_ids(page.rows) {
                written_regions.write(connection, action, page.now)?;
                let written = upsert.write(action, page.run)?;
                link(connection, page.listing, action)?;
                recorded.count(written, action, is_expected);
            }
            note_progress(connection, page, recorded)?;
            Ok(recorded)
        })?;
        self.archived = self.archived.map(|rows| rows + recorded.inserted);
        Ok(recorded)
    }

    /// The actions that are in progress in the archive and are to be asked for, oldest first. Those that began a day ago
    /// are asked for once an hour, those of a month ago once a day, those of a year ago once a week.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn open_actions(&self, now: Timestamp) -> Result<Vec<UnsettledAction>, Error> {
        self.unsettled(OPEN_ACTIONS, named_params! { ":now": now.to_string() })
    }

    /// The newest completed actions of which neither a listing nor the action itself told when they ended; those that
    /// were asked for in vain are left out.
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
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let unsettled = statement.query_map(parameters, |row| {
                    Ok(UnsettledAction {
                        id: row.get("id")?,
                        droplet_id: row.get("droplet_id")?,
                    })
                })?;
                unsettled.collect()
            })
            .step("cannot read which actions are not settled")
    }

    /// Notes that the API was asked for an action: when, if it is still in progress.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn note_asked_for(&mut self, id: ActionId, now: Timestamp) -> Result<(), Error> {
        self.connection
            .execute(
                NOTE_ASKED_FOR,
                named_params! { ":id": id, ":now": now.to_string() },
            )
            .step("cannot note that an action was asked for")?;
        Ok(())
    }

    /// Archives an action that was asked for by its id.
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
            written_regions.write(connection, action, now)?;
            let mut recorded = Recorded::default();
            let written = Upsert::new(connection)?.write(action, run)?;
            recorded.count(written, action, false);
            Ok(recorded)
        })
    }
}

/// Rows come newest first. Written in the order of their ids they leave a file that is a sixth smaller. The two rows of an
/// action that stands there twice keep their order.
fn in_order_of_ids<'a>(rows: &[(&'a Action, bool)]) -> Vec<(&'a Action, bool)> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(action, _)| action.id);
    rows
}

/// Writes what a page proves of its listing.
fn note_progress(
    connection: &Connection,
    page: &PageRecord<'_>,
    recorded: Recorded,
) -> Result<(), Error> {
    if recorded.strangers > 0 {
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
