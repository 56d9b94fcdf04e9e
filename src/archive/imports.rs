//! Imports: files with actions, which add what is unknown.
//!
//! An import proves nothing about a listing, so it touches no coverage. An action that no sync has seen keeps
//! `first_seen_run` null: the counts of a sync leave it out, and the first sync that sees it sets the column. The row in
//! `imports` is written together with the first news of the file. A file without news adds a row only if no import read
//! it before.
//!
//! A dump shows a region as it was long ago, so it fills only regions that are unknown.
//!
//! The file may be another archive. It is read in order and never written. Its actions go through the same writes as
//! those of any other file. Facts that only an archive knows are copied as far as they are unknown here: regions,
//! droplets with their names and tags, and the droplets whose listings showed an action. Its contents are not trusted:
//! its schema must be that of the migrations, and no value may be longer than a row of an answer. An archive of an
//! earlier version is upgraded in a temporary copy, so that one set of statements reads all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::actions::{self, Recorded, SeenBy};
use super::connection::{atomically, damaged, execute, open_any_version};
use super::connection::{prepare, sql_number, time, value};
use super::error::{Error, Step};
use super::interrupt::LockWait;
use super::{ArchivedAccount, Store, account, migrations, schema_drift};
use crate::core::model::{Action, parse_extra};
use crate::core::time::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::limits::Limit;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, ffi, named_params};

/// The most rows that are archived together: as many as those of a sync.
pub const BATCH_ROWS: usize = 3_200;
/// The most text of these rows, in bytes.
pub const BATCH_BYTES: usize = 8 << 20;

/// The form of an imported file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportKind {
    /// A JSON array of actions.
    #[default]
    List,
    /// Answers of the API.
    Answers,
    /// JSON objects, one after the other.
    Lines,
    /// Another archive.
    Archive,
}

impl ImportKind {
    /// The text in the archive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Answers => "answers",
            Self::Lines => "lines",
            Self::Archive => "archive",
        }
    }
}

/// An import under way, or its result.
#[derive(Clone, Debug)]
pub struct Import {
    id: Option<i64>,
    /// The file, as it was given.
    pub path: String,
    /// The form of the file.
    pub kind: ImportKind,
    started_at: Timestamp,
    /// The rows that were read.
    pub rows_read: u64,
    /// The rows that are no actions.
    pub refused: u64,
    /// The result of archiving the others.
    pub recorded: Recorded,
    /// The SHA-256 of the file, in hexadecimal digits, when it was read to its end.
    pub sha256: Option<String>,
    /// The missing part at the end, in words.
    pub message: Option<String>,
}

const RECORD: &str = "cannot archive what a file says";
const NOTE: &str = "cannot note an import";

const KNOWS_FILE: &str = "
SELECT EXISTS (SELECT 1 FROM imports WHERE sha256 = :sha256 AND message IS :message)";

const WRITE: &str = "
INSERT INTO imports (id, path, kind, started_at, version,
                     finished_at, rows_read, inserted, updated, unchanged, refused, sha256, message)
VALUES (:id, :path, :kind, :started_at, :version,
        :finished_at, :rows_read, :inserted, :updated, :unchanged, :refused, :sha256, :message)
ON CONFLICT (id) DO UPDATE
   SET finished_at = excluded.finished_at, rows_read = excluded.rows_read, inserted = excluded.inserted,
       updated = excluded.updated, unchanged = excluded.unchanged, refused = excluded.refused,
       sha256 = excluded.sha256, message = excluded.message";

impl Import {
    /// An import that has read nothing yet.
    #[must_use]
    pub fn new(path: String, kind: ImportKind, started_at: Timestamp) -> Self {
        Self {
            id: None,
            path,
            kind,
            started_at,
            rows_read: 0,
            refused: 0,
            recorded: Recorded::default(),
            sha256: None,
            message: None,
        }
    }

    fn record(&mut self, connection: &Connection, rows: &[Action]) -> Result<(), Error> {
        let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        let tx = tx.step(RECORD)?;
        let is_first = self.id.is_none();
        let seen_by = SeenBy::Import(self.write(&tx, None)?);
        let before = tx.total_changes();
        let rows: Vec<_> = rows.iter().map(|action| (action, false)).collect();
        let (now, recorded) = (self.started_at, &mut self.recorded);
        actions::write(&tx, &rows, seen_by, now, &mut Vec::new(), recorded)?;
        if is_first && tx.total_changes() == before {
            self.id = None;
            return tx.rollback().step(RECORD);
        }
        self.write(&tx, None)?;
        tx.commit().step(RECORD)
    }

    /// Writes the row of the import, and returns its number.
    fn write(
        &mut self,
        connection: &Connection,
        finished_at: Option<Timestamp>,
    ) -> Result<i64, Error> {
        let parameters = named_params! {
            ":id": self.id,
            ":path": self.path,
            ":kind": self.kind.as_str(),
            ":started_at": self.started_at.to_string(),
            ":version": env!("CARGO_PKG_VERSION"),
            ":finished_at": finished_at.map(|at| at.to_string()),
            ":rows_read": sql_number(self.rows_read),
            ":inserted": sql_number(self.recorded.inserted),
            ":updated": sql_number(self.recorded.updated),
            ":unchanged": sql_number(self.recorded.unchanged),
            ":refused": sql_number(self.refused),
            ":sha256": self.sha256,
            ":message": self.message,
        };
        execute(connection, NOTE, WRITE, parameters)?;
        let id = self.id.unwrap_or_else(|| connection.last_insert_rowid());
        Ok(*self.id.insert(id))
    }
}

impl Store {
    /// A store with a temporary copy of the archive, to show the result of an import.
    ///
    /// # Errors
    /// When the archive is unusable, or cannot be copied.
    pub fn rehearsal(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let archive = match open_unaltered(path, lock_wait) {
            Err(Error::Missing { .. }) => None,
            archive => Some(archive?),
        };
        let connection = up_to_date(archive.as_ref()).map_err(|error| damaged(path, error))?;
        Ok(Self::of(connection, lock_wait.clone()))
    }

    /// Archives rows of a file in one transaction: the actions, and their regions as far as they are unknown.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of these rows is archived.
    pub fn record_import(&mut self, import: &mut Import, rows: &[Action]) -> Result<(), Error> {
        self.before_transaction()?;
        let mut after = import.clone();
        after.record(&self.connection, rows)?;
        *import = after;
        Ok(())
    }

    /// Notes the end of an import.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish_import(
        &mut self,
        import: &mut Import,
        finished_at: Timestamp,
    ) -> Result<(), Error> {
        let connection = &self.connection;
        let parameters = named_params! { ":sha256": import.sha256, ":message": import.message };
        if import.id.is_none() && value(connection, NOTE, KNOWS_FILE, parameters)? {
            return Ok(());
        }
        atomically(connection, NOTE, || {
            import.write(connection, Some(finished_at)).map(drop)
        })
    }
}

/// Opens an archive of this version or of an earlier one, whose schema is that of the migrations. All reads see the same
/// archive, even while a sync writes to it.
fn open_unaltered(path: &Path, lock_wait: &LockWait) -> Result<Connection, Error> {
    let connection = open_any_version(path, lock_wait)?;
    connection.execute_batch("BEGIN").step(READ)?;
    schema_drift::refuse(&connection, path).map_err(|error| damaged(path, error))?;
    Ok(connection)
}

/// A temporary copy of an archive of any version, upgraded to this version; an empty archive without one.
fn up_to_date(archive: Option<&Connection>) -> Result<Connection, Error> {
    const PAGES_AT_A_TIME: i32 = 1 << 16;
    // A file without a name, which no other process sees.
    let mut copy = Connection::open("").step("cannot make a temporary database")?;
    prepare(&copy)?;
    if let Some(archive) = archive {
        Backup::new(archive, &mut copy)
            .and_then(|backup| backup.run_to_completion(PAGES_AT_A_TIME, Duration::ZERO, None))
            .step("cannot make a temporary copy of the archive")?;
    }
    migrations::apply(&copy)?;
    Ok(copy)
}

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
        let mut connection = open_unaltered(path, lock_wait)?;
        if migrations::version(&connection)? < migrations::LATEST_VERSION {
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
        let sql = "SELECT count(*) FROM actions";
        value(&self.connection, READ, sql, []).map_or(0, i64::unsigned_abs)
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
            // SQLite reads the rows in another order than that of their ids, and would never come to an end.
            let corrupt = ffi::Error::new(ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(corrupt, None));
        }
        let extra = action.extra.values();
        bytes += extra.map(|value| value.get().len()).sum::<usize>();
        actions.push(action);
    }
    Ok(())
}

fn action(row: &Row<'_>) -> rusqlite::Result<Action> {
    let extra: Option<String> = row.get("extra")?;
    Ok(Action {
        id: row.get("id")?,
        status: row.get("status")?,
        kind: row.get("type")?,
        started_at: time(row, "started_at")?,
        completed_at: time(row, "completed_at")?,
        resource_id: row.get("resource_id")?,
        resource_type: row.get("resource_type")?,
        region_slug: row.get("region_slug")?,
        region: None,
        extra: parse_extra(extra.as_deref()),
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
        let is_synced = "SELECT EXISTS (SELECT 1 FROM sync_runs)";
        if !value(&self.connection, COPY, is_synced, [])? {
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
