//! Archives pages and single actions, and reads the actions to ask for again.
//!
//! An action is written as a new row, or as new information about a known one. Information only grows. An answer of the
//! API replaces known values, except by null, and reopens no settled status. A file only adds what is unknown.

use super::connection::{atomically, changed, execute, row, rows};
use super::error::Error;
use super::listings::Listing;
use super::regions::Written;
use super::runs::RunId;
use super::{Store, listings, regions, runs};
use crate::core::coverage::Interval;
use crate::core::model::{Action, ActionId, DropletId, Extra, merge_extra, parse_extra};
use crate::core::time::Timestamp;
use rusqlite::{Connection, ToSql, named_params, params};

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
}

/// Writes a new action, and leaves a known action unchanged. Most rows of a sync are one or the other, and this takes
/// half the time of [`GROW`], which compares and merges.
const ADD: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, first_seen_import, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (id) DO NOTHING";

/// Writes the new information about a known action. Changes no row when there is none.
const GROW: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, first_seen_import, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (id) DO UPDATE
   SET status = CASE
           WHEN excluded.status IS NULL THEN status
           WHEN status IN ('completed', 'errored')
                AND excluded.status NOT IN ('completed', 'errored') THEN status
           ELSE excluded.status
       END,
       type = coalesce(excluded.type, type),
       started_at = coalesce(excluded.started_at, started_at),
       completed_at = coalesce(excluded.completed_at, completed_at),
       resource_id = coalesce(excluded.resource_id, resource_id),
       resource_type = coalesce(excluded.resource_type, resource_type),
       region_slug = coalesce(excluded.region_slug, region_slug),
       extra = coalesce(excluded.extra, extra),
       changed_run = coalesce(excluded.first_seen_run, changed_run)
 WHERE (excluded.status IS NOT status AND excluded.status IS NOT NULL
        AND (status IS NULL OR status NOT IN ('completed', 'errored')
             OR excluded.status IN ('completed', 'errored')))
    OR (excluded.type IS NOT type AND excluded.type IS NOT NULL)
    OR (excluded.started_at IS NOT started_at AND excluded.started_at IS NOT NULL)
    OR (excluded.completed_at IS NOT completed_at AND excluded.completed_at IS NOT NULL)
    OR (excluded.resource_id IS NOT resource_id AND excluded.resource_id IS NOT NULL)
    OR (excluded.resource_type IS NOT resource_type AND excluded.resource_type IS NOT NULL)
    OR (excluded.region_slug IS NOT region_slug AND excluded.region_slug IS NOT NULL)
    OR (excluded.extra IS NOT extra AND excluded.extra IS NOT NULL)";

/// Writes what a file adds to a known action: the values that are unknown, and the end of an action that had not ended.
/// No known value is replaced, because a file is older than what the API says. So a file that was imported before, in
/// whatever order, has nothing to add.
const FILL: &str = "
UPDATE actions
   SET status = CASE
           WHEN status IN ('completed', 'errored') THEN status
           WHEN ?2 IN ('completed', 'errored') THEN ?2
           ELSE coalesce(status, ?2)
       END,
       type = coalesce(type, ?3),
       started_at = coalesce(started_at, ?4),
       completed_at = coalesce(completed_at, ?5),
       resource_id = coalesce(resource_id, ?6),
       resource_type = coalesce(resource_type, ?7),
       region_slug = coalesce(region_slug, ?8),
       extra = coalesce(?11, extra)
 WHERE id = ?1
   AND ((status IS NULL AND ?2 IS NOT NULL)
        OR (?2 IN ('completed', 'errored') AND status NOT IN ('completed', 'errored'))
        OR (type IS NULL AND ?3 IS NOT NULL)
        OR (started_at IS NULL AND ?4 IS NOT NULL)
        OR (completed_at IS NULL AND ?5 IS NOT NULL)
        OR (resource_id IS NULL AND ?6 IS NOT NULL)
        OR (resource_type IS NULL AND ?7 IS NOT NULL)
        OR (region_slug IS NULL AND ?8 IS NOT NULL)
        OR (?11 IS NOT extra AND ?11 IS NOT NULL))";

/// Notes that a sync has seen an action that only an import knew.
const RECOGNISE: &str =
    "UPDATE actions SET first_seen_run = ?2 WHERE id = ?1 AND first_seen_run IS NULL";

/// The reader of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenBy {
    Run(RunId),
    Import(i64),
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

const ACTIONS_WITHOUT_END: &str = "
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
const WRITE: &str = "cannot archive an action";

const BATCH: &str = "cannot archive pages of actions";

impl Store {
    /// Begins a batch: everything written until [`Self::end_batch`] is archived together or not at all.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn begin_batch(&mut self) -> Result<(), Error> {
        self.before_transaction()?;
        execute(&self.connection, BATCH, "BEGIN IMMEDIATE", [])
    }

    /// Archives the batch, or discards it after a failure in it.
    ///
    /// # Errors
    /// The failure, or that the archive cannot be written; then nothing of the batch is archived.
    pub fn end_batch(&mut self, written: Result<(), Error>) -> Result<(), Error> {
        let archived = written.and_then(|()| execute(&self.connection, BATCH, "COMMIT", []));
        if archived.is_err() && !self.connection.is_autocommit() {
            // If the rollback fails too, closing the connection does it.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        archived
    }

    /// Archives a page in one transaction: its rows, their regions and its coverage.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of the page is archived.
    pub fn record_page(&mut self, page: &PageRecord<'_>) -> Result<Recorded, Error> {
        if self.connection.is_autocommit() {
            self.before_transaction()?;
        }
        let (connection, regions) = (&self.connection, &mut self.written_regions);
        atomically(connection, RECORD, || {
            let (seen_by, now) = (SeenBy::Run(page.run), page.now);
            let mut recorded = Recorded::default();
            write(connection, page.rows, seen_by, now, regions, &mut recorded)?;
            // The oldest first, as the rows.
            for (action, _) in page.rows.iter().rev() {
                link(connection, page.listing, action)?;
            }
            if recorded.unexpected > 0 {
                listings::forget(connection, page.listing.id)?;
            } else {
                note_progress(connection, page)?;
            }
            runs::count(connection, page.run, recorded.inserted, recorded.updated)?;
            Ok(recorded)
        })
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
        let connection = &self.connection;
        atomically(connection, RECORD, || {
            let mut recorded = Recorded::default();
            let (rows, seen_by, regions) = ([(action, false)], SeenBy::Run(run), &mut Vec::new());
            write(connection, &rows, seen_by, now, regions, &mut recorded)?;
            runs::count(connection, run, recorded.inserted, recorded.updated)?;
            Ok(recorded)
        })
    }
}

/// Writes and counts actions, and writes their regions unless the transaction has `written` them.
pub(super) fn write(
    connection: &Connection,
    rows: &[(&Action, bool)],
    seen_by: SeenBy,
    now: Timestamp,
    written: &mut Written,
    recorded: &mut Recorded,
) -> Result<(), Error> {
    // Rows arrive newest first. Written in the order of their ids, they make a file that is a sixth smaller. Two rows of
    // the same action keep their order.
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(action, _)| action.id);
    let is_import = matches!(seen_by, SeenBy::Import(_));
    let actions = rows.iter().map(|(action, _)| *action);
    regions::write(connection, actions, is_import, now, written)?;
    for (action, is_expected) in rows {
        write_action(connection, action, is_expected, seen_by, recorded)?;
    }
    Ok(())
}

/// Writes the new information of an action.
fn write_action(
    connection: &Connection,
    action: &Action,
    is_expected: bool,
    seen_by: SeenBy,
    recorded: &mut Recorded,
) -> Result<(), Error> {
    let (run, import, grow) = match seen_by {
        SeenBy::Run(run) => (Some(run), None, GROW),
        SeenBy::Import(import) => (None, Some(import), FILL),
    };
    let columns = params![
        action.id,
        action.status,
        action.kind,
        action.started_at.map(|time| time.to_string()),
        action.completed_at.map(|time| time.to_string()),
        action.resource_id,
        action.resource_type,
        action.region_slug,
        run,
        import,
        extra_to_write(connection, action, seen_by)?,
    ];
    let is_new = changed(connection, WRITE, ADD, columns)?;
    let is_recognised =
        !is_new && run.is_some() && changed(connection, WRITE, RECOGNISE, params![action.id, run])?;
    let is_grown = !is_new && changed(connection, WRITE, grow, columns)?;
    let is_updated = is_recognised || is_grown;
    let is_news = is_new || is_updated;
    let is_new_to_syncs = is_new || is_recognised;
    recorded.inserted += u64::from(is_new);
    recorded.updated += u64::from(is_updated);
    recorded.unchanged += u64::from(!is_news);
    recorded.recognised += u64::from(is_recognised);
    recorded.unexpected += u64::from(is_new_to_syncs && is_expected);
    recorded.unreadable_times += u64::from(is_news && action.has_unreadable_time());
    Ok(())
}

pub(super) const KNOWN_EXTRA: &str = "SELECT extra FROM actions WHERE id = :id";

/// The JSON for `extra`: the known fields, overwritten by those of an answer, or the fields of a file, overwritten by the
/// known ones.
fn extra_to_write(
    connection: &Connection,
    action: &Action,
    seen_by: SeenBy,
) -> Result<Option<String>, Error> {
    if action.extra.is_empty() {
        return Ok(None);
    }
    let known = known_extra(connection, "cannot read an action", KNOWN_EXTRA, action.id)?;
    Ok(Some(match seen_by {
        SeenBy::Run(_) => merge_extra(known, &action.extra),
        SeenBy::Import(_) => merge_extra(action.extra.clone(), &known),
    }))
}

/// The fields in the column `extra` of a row; none when there is no such row.
pub(super) fn known_extra(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    id: i64,
) -> Result<Extra, Error> {
    let known: Option<Option<String>> = row(connection, step, sql, [id], |row| row.get("extra"))?;
    Ok(parse_extra(known.flatten().as_deref()))
}

/// Writes the coverage and the length that a page proves.
fn note_progress(connection: &Connection, page: &PageRecord<'_>) -> Result<(), Error> {
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
