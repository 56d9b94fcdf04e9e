//! Imports: files with actions, which add what is unknown.
//!
//! An import proves nothing about a listing, so it touches no coverage. An action that no sync has seen keeps
//! `first_seen_run` null: the counts of a sync leave it out, and the first sync that sees it sets the column. The row in
//! `imports` is written together with the first news of the file. A file without news adds a row only if no import read
//! it before.
//!
//! A dump shows a region as it was long ago, so it fills only regions that are unknown.

use std::path::Path;
use std::time::Duration;

use super::actions::{self, Recorded, SeenBy};
use super::connection::{atomically, connect_nowhere, damaged, open_any_version, sql_number};
use super::error::{Error, Step};
use super::interrupt::LockWait;
use super::{Store, migrations};
use crate::core::model::Action;
use crate::core::time::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::{Connection, Transaction, TransactionBehavior, named_params};

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
    finished_at: Option<Timestamp>,
    /// The rows that were read.
    pub rows_read: u64,
    /// The rows that are no actions.
    pub refused: u64,
    /// The result of archiving the others.
    pub recorded: Recorded,
    /// The SHA-256 of the file, in hexadecimal digits, when it was read to its end.
    pub sha256: Option<String>,
    /// What is missing at the end, in words.
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
            finished_at: None,
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
        let seen_by = SeenBy::Import(self.write(&tx)?);
        let before = tx.total_changes();
        let rows: Vec<_> = rows.iter().map(|action| (action, false)).collect();
        actions::write(&tx, &rows, seen_by, self.started_at, &mut self.recorded)?;
        if is_first && tx.total_changes() == before {
            self.id = None;
            return tx.rollback().step(RECORD);
        }
        self.write(&tx)?;
        tx.commit().step(RECORD)
    }

    /// Writes the row of the import, and returns its number.
    fn write(&mut self, connection: &Connection) -> Result<i64, Error> {
        connection
            .prepare_cached(WRITE)
            .and_then(|mut statement| {
                statement.execute(named_params! {
                    ":id": self.id,
                    ":path": self.path,
                    ":kind": self.kind.as_str(),
                    ":started_at": self.started_at.to_string(),
                    ":version": env!("CARGO_PKG_VERSION"),
                    ":finished_at": self.finished_at.map(|at| at.to_string()),
                    ":rows_read": sql_number(self.rows_read),
                    ":inserted": sql_number(self.recorded.inserted),
                    ":updated": sql_number(self.recorded.updated),
                    ":unchanged": sql_number(self.recorded.unchanged),
                    ":refused": sql_number(self.refused),
                    ":sha256": self.sha256,
                    ":message": self.message,
                })
            })
            .step(NOTE)?;
        Ok(*self
            .id
            .get_or_insert_with(|| connection.last_insert_rowid()))
    }
}

impl Store {
    /// A store with a temporary copy of the archive, to show the result of an import.
    ///
    /// # Errors
    /// When the archive is unusable, or cannot be copied.
    pub fn rehearsal(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let connection = match open_any_version(path, lock_wait) {
            Ok(archive) => up_to_date(Some(&archive)),
            Err(Error::Missing { .. }) => up_to_date(None),
            Err(error) => Err(error),
        };
        let connection = connection.map_err(|error| damaged(path, error))?;
        Ok(Self {
            connection,
            lock_wait: lock_wait.clone(),
            place: None,
            is_wal: true,
            upgrade: None,
        })
    }

    /// Archives rows of a file in one transaction: the actions, and their regions as far as they are unknown.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of these rows is archived.
    pub fn record_import(&mut self, import: &mut Import, rows: &[Action]) -> Result<(), Error> {
        self.leave_readers_alone()?;
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
        let is_known: bool = connection
            .query_row(KNOWS_FILE, parameters, |row| row.get(0))
            .step(NOTE)?;
        if import.id.is_none() && is_known {
            return Ok(());
        }
        import.finished_at = Some(finished_at);
        atomically(connection, NOTE, || import.write(connection).map(drop))
    }
}

/// A temporary copy of an archive of any version, upgraded to this version; an empty archive without one.
pub(super) fn up_to_date(archive: Option<&Connection>) -> Result<Connection, Error> {
    const PAGES_AT_A_TIME: i32 = 1 << 16;
    const COPY: &str = "cannot make a temporary copy of the archive";
    let mut copy = connect_nowhere()?;
    if let Some(archive) = archive {
        Backup::new(archive, &mut copy)
            .and_then(|backup| backup.run_to_completion(PAGES_AT_A_TIME, Duration::ZERO, None))
            .step(COPY)?;
    }
    migrations::apply(&copy)?;
    Ok(copy)
}
