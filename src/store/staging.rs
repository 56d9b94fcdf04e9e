//! Actions of a first sync of many droplets, put aside until they can be written in the order of their ids.
//!
//! Droplets are read one after the other, and each page of a droplet spans months: its actions belong all over the table.
//! Written at once, 500,000 actions of 500 droplets make the file system write eighty times the archive's size. So they
//! are appended to `staged_actions`, in the transaction that covers their positions, and from there put in place, some
//! ten thousand at a time, in order.
//!
//! Whether an action was staged before is known from the ids that its listing showed while it is read. Few actions stand
//! in the listings of several droplets: those that a droplet lists although their resource says something else.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, Row, named_params, params};

use super::Store;
use super::connection::{CACHE, set_cache};
use super::error::{Error, Step};
use super::indexes::LargeIndexes;
use super::links;
use super::listings::{Listing, ListingKind};
use super::runs::RunId;
use super::transaction::atomically;
use super::upsert::{Upsert, Written, merged_extra};
use crate::model::{Action, ActionId, DropletId};
use crate::time::Timestamp;

/// With fewer actions than this in the archive, any of them is in place in no time.
pub(super) const STAGED_FROM: u64 = 4_000;
/// Staged actions are put in place when they are so many times those that are: that keeps what is written for it low, and
/// a fifth of what was read before the eyes of readers.
const MOST_TIMES: u64 = 4;
/// So many are put in place at a time.
const AT_A_TIME: usize = 12_500;
/// Pages that are changed more than once on the way are in memory until then.
const CACHE_WHILE_PLACING: &str = "-4096";
/// One id in so many tells where to divide them.
const SAMPLED: usize = 500;

const STAGE: &str = "cannot put actions aside";
const PLACE: &str = "cannot put actions in place";

/// What is put aside.
#[derive(Debug, Default)]
pub(super) struct Staging {
    rows: u64,
    /// The ids that each listing showed, while it is read.
    ids: BTreeMap<i64, HashSet<ActionId>>,
    /// The ids of actions that more than one listing may show.
    linked: HashSet<ActionId>,
    droplets: HashSet<DropletId>,
}

impl Staging {
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether the archive may know a droplet from staged actions alone.
    pub(super) fn knows(&self, droplet_id: DropletId) -> bool {
        self.droplets.contains(&droplet_id)
    }

    /// A listing will not be read any further.
    pub(super) fn close(&mut self, listing_id: i64) {
        self.ids.remove(&listing_id);
    }

    /// Stages an action that the archive does not have; writes one that it has.
    pub(super) fn write(
        &mut self,
        upsert: &mut Upsert<'_>,
        listing: &Listing,
        action: &Action,
        run: RunId,
    ) -> Result<Written, Error> {
        let connection = upsert.connection();
        if is_in_place(connection, action.id)? {
            links::link(connection, listing, action)?;
            return upsert.write(action, run);
        }
        let is_linked = links::is_linked(listing, action);
        let listed_by = listing.kind.droplet_id().filter(|_| is_linked);
        append(connection, action, run, listed_by)?;
        self.rows += 1;
        self.droplets.extend(listing.kind.droplet_id());
        let mut is_new = self.ids.entry(listing.id).or_default().insert(action.id);
        if is_linked {
            is_new &= self.linked.insert(action.id);
        }
        Ok(if is_new {
            Written::New
        } else {
            // What it says besides is merged when it is put in place.
            Written::Unchanged
        })
    }
}

impl Store {
    /// Whether what this listing shows is put aside.
    pub(super) fn stages(&self, kind: ListingKind) -> bool {
        self.large_indexes == LargeIndexes::Deferred
            && matches!(kind, ListingKind::Droplet(_))
            && self.archived >= Some(STAGED_FROM)
    }

    /// Puts staged actions in place once they are many more than those that are.
    pub(super) fn place_when_many_are_staged(&mut self) -> Result<(), Error> {
        if self.staging.rows / MOST_TIMES >= self.archived.unwrap_or(0).max(1) {
            self.place_unless_cancelled()?;
        }
        Ok(())
    }

    /// Puts staged actions in place, unless `is_enough` says that there is no more time: then some stay where they are.
    pub(super) fn place_staged_actions(
        &mut self,
        is_enough: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        if self.staging.is_empty() {
            return Ok(());
        }
        set_cache(&self.connection, CACHE_WHILE_PLACING)?;
        let placed = place_all(&self.connection, is_enough);
        set_cache(&self.connection, CACHE)?;
        if let Some(placed) = placed? {
            self.staging = Staging::default();
            self.archived = self.archived.map(|archived| archived + placed);
        }
        Ok(())
    }

    /// Puts in place what a killed sync left.
    pub(super) fn place_what_was_left(&mut self) -> Result<(), Error> {
        self.staging.rows = self
            .connection
            .query_row(
                "SELECT coalesce(max(position), 0) FROM staged_actions",
                [],
                |row| row.get::<_, i64>(0),
            )
            .step(PLACE)?
            .unsigned_abs();
        self.place_unless_cancelled()
    }

    fn place_unless_cancelled(&mut self) -> Result<(), Error> {
        let patience = self.patience.clone();
        self.place_staged_actions(move || patience.is_cancelled())
    }
}

fn is_in_place(connection: &Connection, id: i64) -> Result<bool, Error> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM actions WHERE id = :id)")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
        .step(STAGE)
}

fn append(
    connection: &Connection,
    action: &Action,
    run: RunId,
    listed_by: Option<DropletId>,
) -> Result<(), Error> {
    let extra = merged_extra(connection, action)?;
    connection
        .prepare_cached(
            "INSERT INTO staged_actions (id, status, type, started_at, completed_at, resource_id, resource_type,
                                         region_slug, first_seen_run, extra, listed_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                action.id,
                action.status,
                action.kind,
                action.started_at.map(Timestamp::epoch_seconds),
                action.completed_at.map(Timestamp::epoch_seconds),
                action.resource_id,
                action.resource_type,
                action.region_slug,
                run,
                extra,
                listed_by,
            ])
        })
        .step(STAGE)?;
    Ok(())
}

/// Ranges of ids, ascending, that hold all staged actions, about [`AT_A_TIME`] each.
fn ranges(connection: &Connection) -> Result<Vec<(i64, i64)>, Error> {
    let samples: Vec<i64> = connection
        .prepare("SELECT id FROM staged_actions WHERE position % :sampled = 0 ORDER BY id")
        .and_then(|mut statement| {
            let ids = statement.query_map([SAMPLED as i64], |row| row.get(0))?;
            ids.collect()
        })
        .step(PLACE)?;
    let mut ranges = Vec::new();
    let mut first = i64::MIN;
    for border in samples.into_iter().step_by(AT_A_TIME / SAMPLED).skip(1) {
        if border > first {
            ranges.push((first, border - 1));
            first = border;
        }
    }
    ranges.push((first, i64::MAX));
    Ok(ranges)
}

/// Puts all staged actions in place; returns how many are new there, or nothing when there was no time for all.
fn place_all(
    connection: &Connection,
    mut is_enough: impl FnMut() -> bool,
) -> Result<Option<u64>, Error> {
    let mut placed = 0;
    for (first, last) in ranges(connection)? {
        if is_enough() {
            return Ok(None);
        }
        placed += atomically(connection, PLACE, || place(connection, first, last))?;
    }
    connection
        .execute("DELETE FROM staged_actions", [])
        .step(PLACE)?;
    Ok(Some(placed))
}

/// Puts the staged actions of a range of ids in place; returns how many are new there.
fn place(connection: &Connection, first: i64, last: i64) -> Result<u64, Error> {
    let range = named_params! { ":first": first, ":last": last };
    let staged: usize = connection
        .query_row(
            "SELECT count(*) FROM staged_actions WHERE id BETWEEN :first AND :last",
            range,
            |row| {
                row.get::<_, i64>(0)
                    .map(|rows| rows.unsigned_abs() as usize)
            },
        )
        .step(PLACE)?;
    let added = connection
        .execute(
            "INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                                  first_seen_run, extra)
             SELECT id, status, type, strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch'),
                    strftime('%Y-%m-%dT%H:%M:%SZ', completed_at, 'unixepoch'), resource_id, resource_type,
                    region_slug, first_seen_run, extra
               FROM staged_actions
              WHERE id BETWEEN :first AND :last
              ORDER BY id, position
                 ON CONFLICT (id) DO NOTHING",
            range,
        )
        .step(PLACE)?;
    if added < staged {
        // Some were staged twice, or put in place by a sync that was killed then.
        merge(connection, first, last)?;
    }
    connection
        .execute(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id)
             SELECT listed_by, id
               FROM staged_actions
              WHERE id BETWEEN :first AND :last AND listed_by IS NOT NULL
                 ON CONFLICT (droplet_id, action_id) DO NOTHING",
            range,
        )
        .step(PLACE)?;
    Ok(added as u64)
}

/// Merges the staged actions of a range of ids with what is in place, in the order they came.
fn merge(connection: &Connection, first: i64, last: i64) -> Result<(), Error> {
    let mut statement = connection
        .prepare(
            "SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                    first_seen_run, extra
               FROM staged_actions
              WHERE id BETWEEN :first AND :last
              ORDER BY id, position",
        )
        .step(PLACE)?;
    let mut rows = statement.query(params![first, last]).step(PLACE)?;
    let mut upsert = Upsert::new(connection)?;
    while let Some(row) = rows.next().step(PLACE)? {
        let (action, run) = staged(row).step(PLACE)?;
        upsert.write(&action, run)?;
    }
    Ok(())
}

fn staged(row: &Row<'_>) -> rusqlite::Result<(Action, RunId)> {
    let time = |name: &str| {
        row.get::<_, Option<i64>>(name)
            .map(|seconds| seconds.and_then(|it| Timestamp::from_epoch_seconds(it).ok()))
    };
    let extra: Option<String> = row.get("extra")?;
    let action = Action {
        id: row.get("id")?,
        status: row.get("status")?,
        kind: row.get("type")?,
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        resource_id: row.get("resource_id")?,
        resource_type: row.get("resource_type")?,
        region_slug: row.get("region_slug")?,
        region: None,
        extra: extra
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
    };
    Ok((action, row.get("first_seen_run")?))
}
