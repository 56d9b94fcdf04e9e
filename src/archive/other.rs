//! Another archive, as the source of an import. It is read in order and never written.
//!
//! Its actions go through the same writes as those of any other file. What only an archive knows is copied as far as it
//! is unknown here: regions, droplets with their names and tags, and the droplets whose listings showed an action.
//!
//! Its contents are not trusted: its schema must be that of the migrations, and no value may be longer than a row of an
//! answer. An archive of an earlier version is upgraded in a temporary copy, so that one set of statements reads all.

use std::path::{Path, PathBuf};

use rusqlite::limits::Limit;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, ffi};

use super::connection::{atomically, damaged, open_any_version};
use super::error::{Error, Step};
use super::imports::{BATCH_BYTES, BATCH_ROWS, up_to_date};
use super::interrupt::LockWait;
use super::migrations::{self, LATEST_VERSION};
use super::{ArchivedAccount, Store, account, schema_drift};
use crate::core::model::{Action, parsed};
use crate::core::time::Timestamp;

/// The longest value that is read, in bytes, like the longest row of an answer.
const LONGEST_VALUE: i32 = 1 << 20;

const READ: &str = "cannot read the other archive";
const COPY: &str = "cannot copy from another archive";

const ACTIONS: &str = "
SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra
  FROM actions
 WHERE id > ?1
 ORDER BY id";

/// The tables and columns that are copied after the actions, as far as their rows are unknown. A droplet that is known
/// keeps its state here, and learns names.
const BESIDE_ACTIONS: [&str; 5] = [
    "region_features (region_slug, feature, first_seen_at, last_seen_at)",
    "region_sizes (region_slug, size_slug, first_seen_at, last_seen_at)",
    "droplets (id, name, region_slug, created_at, extra, first_seen_at, gone_at)",
    "droplet_names (droplet_id, name, first_seen_at)",
    "droplet_listed_actions (droplet_id, action_id)",
];

const READ_REGIONS: &str =
    "SELECT slug, name, available, extra, first_seen_at, last_seen_at FROM regions";

/// A region without a name is known from its slug alone.
const FILL_REGION: &str = "
INSERT INTO regions (slug, name, available, extra, first_seen_at, last_seen_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (slug) DO UPDATE
   SET name = excluded.name, available = excluded.available, extra = coalesce(extra, excluded.extra),
       first_seen_at = min(first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at
 WHERE name IS NULL AND excluded.name IS NOT NULL";

const READ_TAGS: &str = "SELECT droplet_id, tag, first_seen_at, gone_at FROM droplet_tags";

/// A droplet that was known before has no more tags than before.
const ADD_TAG: &str = "
INSERT OR IGNORE INTO droplet_tags (droplet_id, tag, first_seen_at, gone_at)
SELECT ?1, ?2, ?3,
       CASE WHEN ?2 IN (SELECT value
                          FROM droplets, json_each(iif(json_valid(extra), extra, '{}'), '$.tags')
                         WHERE droplets.id = ?1)
            THEN ?4
            ELSE coalesce(?4, ?3)
       END";

/// Another archive, open for reading.
pub struct OtherArchive {
    connection: Connection,
    path: PathBuf,
    last: i64,
}

impl OtherArchive {
    /// Opens an archive of this version or of an earlier one.
    ///
    /// # Errors
    /// When it is foreign, newer, altered or damaged.
    pub fn open(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let mut connection = open_any_version(path, lock_wait)?;
        // All reads see the same archive, even while a sync writes to it.
        connection.execute_batch("BEGIN").step(READ)?;
        schema_drift::refuse(&connection, path).map_err(|error| damaged(path, error))?;
        if migrations::version(&connection)? < LATEST_VERSION {
            connection = up_to_date(Some(&connection)).map_err(|error| damaged(path, error))?;
        }
        connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            .step(READ)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            last: i64::MIN,
        })
    }

    /// The number of its actions; 0 when they cannot be counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        let count = self
            .connection
            .query_row("SELECT count(*) FROM actions", [], |row| row.get(0));
        count.map_or(0, i64::unsigned_abs)
    }

    /// The next actions in the order of their ids; empty at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_actions(&mut self) -> Result<Vec<Action>, Error> {
        let mut actions = Vec::new();
        let read = batch(&self.connection, self.last, &mut actions).step(READ);
        self.last = actions.last().map_or(self.last, |action| action.id);
        match self.read(read) {
            // The next call says what is wrong.
            Err(_) if !actions.is_empty() => Ok(actions),
            read => read.map(|()| actions),
        }
    }

    /// Names the file when it is damaged.
    fn read<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| damaged(&self.path, error))
    }
}

/// Reads the actions after the one with this id.
fn batch(connection: &Connection, after: i64, actions: &mut Vec<Action>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(ACTIONS)?;
    let mut rows = statement.query([after])?;
    let mut bytes = 0;
    while actions.len() < BATCH_ROWS
        && bytes < BATCH_BYTES
        && let Some(row) = rows.next()?
    {
        let action = action(row)?;
        if actions.last().map_or(after, |last| last.id) >= action.id {
            return Err(corrupt());
        }
        let extra = action.extra.values();
        bytes += extra.map(|value| value.get().len()).sum::<usize>();
        actions.push(action);
    }
    Ok(())
}

/// The error for rows that SQLite reads in another order than that of their ids: it would never come to an end.
fn corrupt() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None)
}

fn action(row: &Row<'_>) -> rusqlite::Result<Action> {
    let time = |name: &str| -> rusqlite::Result<Option<Timestamp>> {
        let text: Option<String> = row.get(name)?;
        Ok(text.and_then(|text| text.parse().ok()))
    };
    let extra: Option<String> = row.get("extra")?;
    Ok(Action {
        id: row.get("id")?,
        status: row.get("status")?,
        kind: row.get("type")?,
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        resource_id: row.get("resource_id")?,
        resource_type: row.get("resource_type")?,
        region_slug: row.get("region_slug")?,
        region: None,
        extra: parsed(extra.as_deref()),
    })
}

impl Store {
    /// Makes this archive belong to the account of another one, if it belongs to none and no sync has filled it.
    /// Returns the reason why the other archive must not be imported: it belongs to another team or person.
    ///
    /// # Errors
    /// When an archive cannot be read or written.
    pub fn share_account(&mut self, other: &OtherArchive) -> Result<Option<String>, Error> {
        let Some(others) = other.read(account(&other.connection))? else {
            return Ok(None);
        };
        if let Some(own) = self.account()? {
            return Ok(own.conflict_with(&others));
        }
        let archive = &self.connection;
        let is_synced = "SELECT EXISTS (SELECT 1 FROM sync_runs)";
        let is_synced = archive.query_row(is_synced, [], |row| row.get::<_, bool>(0));
        if !is_synced.step(COPY)? {
            self.set_account(&ArchivedAccount {
                token_fingerprint: None,
                actions_refused_at: None,
                ..others
            })?;
        }
        Ok(None)
    }

    /// Copies what another archive knows about regions and droplets, and is unknown here.
    ///
    /// # Errors
    /// When an archive cannot be read or written.
    pub fn copy_beside_actions(&mut self, other: &OtherArchive) -> Result<(), Error> {
        let archive = &self.connection;
        atomically(archive, COPY, || {
            let copy = |read: &str, write: &str| {
                other.read(copy_rows(&other.connection, read, archive, write))
            };
            copy(READ_REGIONS, FILL_REGION)?;
            for table in BESIDE_ACTIONS {
                let (name, columns) = table.split_once(' ').unwrap_or_default();
                let columns = columns.trim_matches(['(', ')']);
                let values = vec!["?"; columns.split(',').count()].join(", ");
                copy(
                    &format!("SELECT {columns} FROM {name}"),
                    &format!("INSERT OR IGNORE INTO {table} VALUES ({values})"),
                )?;
            }
            copy(READ_TAGS, ADD_TAG)
        })
    }
}

fn copy_rows(from: &Connection, read: &str, to: &Connection, write: &str) -> Result<(), Error> {
    let mut read = from.prepare(read).step(READ)?;
    let mut write = to.prepare(write).step(COPY)?;
    let mut rows = read.query([]).step(READ)?;
    while let Some(row) = rows.next().step(READ)? {
        for index in 0..write.parameter_count() {
            let value: Value = row.get(index).step(READ)?;
            write.raw_bind_parameter(index + 1, value).step(COPY)?;
        }
        write.raw_execute().step(COPY)?;
    }
    Ok(())
}
