//! Another archive, as the source of an import. It is read in order and never written.
//!
//! Its actions go through the same writes as those of any other file. What only an archive knows is copied as far as it
//! is unknown here: regions, droplets with their names and tags, and the droplets whose listings showed an action.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use super::connection::{damaged, open_any_version};
use super::error::{Error, Step};
use super::imports::{BATCH_BYTES, BATCH_ROWS, copy_row};
use super::interrupt::LockWait;
use super::migrations::{self, LATEST_VERSION};
use super::{ArchivedAccount, Store, account};
use crate::core::model::{Action, Extra};

/// The earliest version that is read. Earlier versions keep some actions in another table, or know no team.
const EARLIEST: i64 = 9;
/// The version that added tags.
const WITH_TAGS: i64 = 11;

const READ: &str = "cannot read the other archive";
const COPY: &str = "cannot copy from another archive";

const ACTIONS: &str = "
SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra
  FROM actions
 WHERE id > ?1
 ORDER BY id";

/// What is copied before the actions, which refer to it: the statement that reads, and the one that writes what is
/// unknown.
const BEFORE: [(&str, &str); 3] = [
    (
        "SELECT slug, name, available, extra, first_seen_at, last_seen_at FROM regions",
        "INSERT INTO regions (slug, name, available, extra, first_seen_at, last_seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (slug) DO UPDATE
            SET name = excluded.name, available = excluded.available, extra = coalesce(extra, excluded.extra),
                first_seen_at = min(first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at
          WHERE name IS NULL AND excluded.name IS NOT NULL",
    ),
    (
        "SELECT region_slug, feature, first_seen_at, last_seen_at FROM region_features",
        "INSERT OR IGNORE INTO region_features (region_slug, feature, first_seen_at, last_seen_at)
         VALUES (?1, ?2, ?3, ?4)",
    ),
    (
        "SELECT region_slug, size_slug, first_seen_at, last_seen_at FROM region_sizes",
        "INSERT OR IGNORE INTO region_sizes (region_slug, size_slug, first_seen_at, last_seen_at)
         VALUES (?1, ?2, ?3, ?4)",
    ),
];

/// What is copied after the actions. A droplet that is known keeps its state here, and learns names and tags.
const AFTER: [(&str, &str); 4] = [
    (
        "SELECT id, name, region_slug, created_at, extra, first_seen_at, gone_at FROM droplets",
        "INSERT OR IGNORE INTO droplets (id, name, region_slug, created_at, extra, first_seen_at, gone_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    ),
    (
        "SELECT droplet_id, name, first_seen_at FROM droplet_names",
        "INSERT OR IGNORE INTO droplet_names (droplet_id, name, first_seen_at) VALUES (?1, ?2, ?3)",
    ),
    (
        "SELECT droplet_id, tag, first_seen_at, gone_at FROM droplet_tags",
        // A droplet that was known before has no more tags than before.
        "INSERT OR IGNORE INTO droplet_tags (droplet_id, tag, first_seen_at, gone_at)
         SELECT ?1, ?2, ?3,
                CASE WHEN ?2 IN (SELECT value
                                   FROM droplets, json_each(iif(json_valid(extra), extra, '{}'), '$.tags')
                                  WHERE droplets.id = ?1)
                     THEN ?4
                     ELSE coalesce(?4, ?3)
                 END",
    ),
    (
        "SELECT droplet_id, action_id FROM droplet_listed_actions",
        "INSERT OR IGNORE INTO droplet_listed_actions (droplet_id, action_id) VALUES (?1, ?2)",
    ),
];

/// Another archive, open for reading.
pub struct OtherArchive {
    connection: Connection,
    path: PathBuf,
    version: i64,
    last: i64,
}

impl OtherArchive {
    /// Opens an archive of this version, or of one shortly before.
    ///
    /// # Errors
    /// When it is foreign, newer, too old or damaged.
    pub fn open(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let connection = open_any_version(path, lock_wait)?;
        let version = migrations::version(&connection).map_err(|error| damaged(path, error))?;
        if version < EARLIEST {
            return Err(Error::Older {
                path: path.to_owned(),
                found: version,
                known: LATEST_VERSION,
            });
        }
        // All reads see the same archive, even while a sync writes to it.
        connection.execute_batch("BEGIN").step(READ)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            version,
            last: i64::MIN,
        })
    }

    /// The number of its actions.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn count(&self) -> Result<u64, Error> {
        let count = "SELECT count(*) FROM actions";
        let count: Result<i64, Error> = self
            .connection
            .query_row(count, [], |row| row.get(0))
            .step(READ);
        self.read(count).map(i64::unsigned_abs)
    }

    /// The next actions in the order of their ids; empty at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_actions(&mut self) -> Result<Vec<Action>, Error> {
        let actions = batch(&self.connection, self.last).step(READ);
        let actions = self.read(actions)?;
        self.last = actions.last().map_or(self.last, |action| action.id);
        Ok(actions)
    }

    /// Names the file when it is damaged.
    fn read<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| damaged(&self.path, error))
    }
}

/// The actions after the one with this id.
fn batch(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Action>> {
    let mut statement = connection.prepare_cached(ACTIONS)?;
    let mut rows = statement.query([after])?;
    let (mut actions, mut bytes) = (Vec::new(), 0);
    while actions.len() < BATCH_ROWS
        && bytes < BATCH_BYTES
        && let Some(row) = rows.next()?
    {
        let action = action(row)?;
        let extra = action.extra.values();
        bytes += extra.map(|value| value.get().len()).sum::<usize>();
        actions.push(action);
    }
    Ok(actions)
}

fn action(row: &Row<'_>) -> rusqlite::Result<Action> {
    let extra: Option<String> = row.get("extra")?;
    let extra = extra.and_then(|text| serde_json::from_str::<Extra>(&text).ok());
    Ok(Action {
        id: row.get("id")?,
        status: row.get("status")?,
        kind: row.get("type")?,
        started_at: parsed(row, "started_at")?,
        completed_at: parsed(row, "completed_at")?,
        resource_id: row.get("resource_id")?,
        resource_type: row.get("resource_type")?,
        region_slug: row.get("region_slug")?,
        region: None,
        extra: extra.unwrap_or_default(),
    })
}

fn parsed<T: FromStr>(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(name)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Store {
    /// The reason why another archive must not be imported: it belongs to another team or person.
    ///
    /// # Errors
    /// When one of the archives cannot be read.
    pub fn conflict_with(&self, other: &OtherArchive) -> Result<Option<String>, Error> {
        let archive = self.rehearsed.as_ref().unwrap_or(&self.connection);
        let own = account(archive)?;
        let others = other.read(account(&other.connection))?;
        Ok(own
            .zip(others)
            .and_then(|(own, others)| own.conflict_with(&others)))
    }

    /// Copies the regions of another archive that are unknown here, and makes this archive belong to the same account
    /// if it belonged to none.
    ///
    /// # Errors
    /// When an archive cannot be read or written.
    pub fn copy_before_actions(&mut self, other: &OtherArchive) -> Result<(), Error> {
        self.written_regions.clear();
        self.copy(other, &BEFORE)?;
        let own = self.account()?;
        let others = other.read(account(&other.connection))?;
        match (own, others) {
            (None, Some(others)) if self.rehearsed.is_none() => {
                self.set_account(&ArchivedAccount {
                    token_fingerprint: None,
                    actions_refused_at: None,
                    ..others
                })
            }
            _ => Ok(()),
        }
    }

    /// Copies what another archive knows about droplets and is unknown here.
    ///
    /// # Errors
    /// When an archive cannot be read or written.
    pub fn copy_after_actions(&mut self, other: &OtherArchive) -> Result<(), Error> {
        self.copy(other, &AFTER)
    }

    fn copy(&self, other: &OtherArchive, tables: &[(&str, &str)]) -> Result<(), Error> {
        let tx = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let tx = tx.step(COPY)?;
        let is_there =
            |table: &&(&str, &str)| other.version >= WITH_TAGS || !table.0.contains("droplet_tags");
        for (from, to) in tables.iter().filter(is_there) {
            other.read(copy_rows(&other.connection, from, &tx, to))?;
        }
        tx.commit().step(COPY)
    }
}

fn copy_rows(from: &Connection, read: &str, to: &Connection, write: &str) -> Result<(), Error> {
    let mut read = from.prepare(read).step(READ)?;
    let mut write = to.prepare(write).step(COPY)?;
    let mut rows = read.query([]).step(READ)?;
    while let Some(row) = rows.next().step(READ)? {
        copy_row(row, &mut write, READ, COPY)?;
    }
    Ok(())
}
