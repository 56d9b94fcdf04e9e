//! Errors of the archive file, grouped by what the user can do about them.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::core::threads;

/// A file that cannot be used as an archive, or a statement that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not exist.
    #[error("there is no archive at {}", .0.display())]
    Missing(PathBuf),
    /// Several archives cannot be read on one connection.
    #[error("these archives cannot be read together: {0}")]
    NotTogether(String),
    /// The file existed, and was removed or replaced during the sync.
    #[error(
        "{} was moved, deleted or replaced during a sync; the file at this path lacks the newly archived actions",
        .0.display()
    )]
    Vanished(PathBuf),
    /// The file is a database of another application.
    #[error("{} is a SQLite database of another application, and is left untouched", .0.display())]
    Foreign(PathBuf),
    /// A later version of archiver wrote the file.
    #[error("{} has schema version {found}; this archiver knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The latest schema version that this program knows.
        known: i64,
    },
    /// The file needs an upgrade, which only a writer makes.
    #[error("{} has schema version {found}; it has not been upgraded to {known} yet", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The latest schema version that this program knows.
        known: i64,
    },
    /// The path leads to a folder, a FIFO, a socket or a device, or is a link that leads nowhere.
    #[error("{} is a {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// `FIFO, not a file` …
        what: String,
    },
    /// The file is not a SQLite database, or it is damaged.
    #[error("{} is not a readable archive: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        reason: String,
    },
    /// The schema differs from the migrations in a way that affects the writes of a sync.
    #[error("{} was changed by something other than archiver, and is left untouched: {what}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// The differences.
        what: String,
    },
    /// The upgrade needs a name that another program already uses in the file.
    #[error(
        "{} cannot be upgraded to schema version {to}, and is left untouched: archiver needs the name of {what}",
        path.display()
    )]
    NameInUse {
        /// The file.
        path: PathBuf,
        /// The objects that have such a name.
        what: String,
        /// The version after the upgrade.
        to: i64,
    },
    /// The target path of the copy is in use, or has a meaning for SQLite.
    #[error("{} {reason}", path.display())]
    BadTarget {
        /// The target of the copy.
        path: PathBuf,
        /// `exists already` …
        reason: String,
    },
    /// The copy did not pass its check.
    #[error("the copy is not sound, and was not kept: {0}")]
    BadCopy(String),
    /// The copy was cancelled.
    #[error("the copy was stopped; nothing was kept")]
    Stopped,
    /// The archive cannot be backed up, so it is not upgraded.
    #[error(
        "the archive is not upgraded from schema version {from} to {to}, because the backup failed: {source}"
    )]
    NoBackup {
        /// The version of the archive.
        from: i64,
        /// The version after the upgrade.
        to: i64,
        /// The reason why the backup failed.
        source: Box<Error>,
    },
    /// Another sync holds the lock.
    #[error("another sync is writing to {}{holder}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// ` (process 4242, since 2026-01-01T00:00:00Z)`; empty when it is not known.
        holder: String,
    },
    /// The operating system refused an operation.
    #[error("{step} {}: {source}", path.display())]
    File {
        /// The failed operation: `cannot create`, `cannot read` …
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A statement failed.
    #[error("{step}: {source}")]
    Sqlite {
        /// The failed operation.
        step: &'static str,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}

impl Error {
    /// True when the file is the wrong one or unusable, so that a retry cannot help.
    #[must_use]
    pub fn is_unusable_archive(&self) -> bool {
        match self {
            Self::Locked { .. }
            | Self::File { .. }
            | Self::BadTarget { .. }
            | Self::NotTogether { .. }
            | Self::Stopped => false,
            Self::NoBackup { source, .. } => source.is_unusable_archive(),
            Self::Sqlite { source, .. } => is_damage(source),
            _ => true,
        }
    }

    /// True when another program kept the archive locked longer than the wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.code() == Some(ErrorCode::DatabaseBusy)
    }

    /// True when a killed writer left an unfinished transaction. SQLite must undo it before anyone can read.
    pub(super) fn is_unfinished_write(&self) -> bool {
        let code = self.of_sqlite().map(|error| error.extended_code);
        code == Some(ffi::SQLITE_READONLY_ROLLBACK)
    }

    pub(super) fn code(&self) -> Option<ErrorCode> {
        self.of_sqlite().map(|error| error.code)
    }

    fn of_sqlite(&self) -> Option<&ffi::Error> {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error(),
            Self::NoBackup { source, .. } => source.of_sqlite(),
            _ => None,
        }
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "run `archiver sync` to create it, or give its path with --db, ARCHIVER_DB or the configuration"
            }
            Self::Vanished { .. } => {
                "put the file back or mount its volume, let nothing move it while a sync runs, and run the sync again"
            }
            Self::NameInUse { .. } => {
                "rename that object with sqlite3 (`ALTER TABLE name RENAME TO other`; drop an index or a view and \
                 create it again), then run the command again"
            }
            Self::NotAFile { .. } => {
                "check the path, mount or restore the target of a link, or give another file with --db"
            }
            Self::Foreign { .. } => "give another file with --db",
            Self::Newer { .. } => "install the latest archiver",
            Self::Older { .. } => "`archiver sync` upgrades it",
            Self::Damaged { .. } => DAMAGE,
            Self::Altered { .. } => {
                "if you know the change, undo it with sqlite3; if not, go back to a backup; `archiver verify` lists \
                 all problems"
            }
            Self::BadTarget { .. } => {
                "nothing is overwritten; give the copy another name, or move the file away first"
            }
            Self::NotTogether { .. } => "choose others with --account",
            Self::BadCopy { .. } => {
                "the archive or the disk is damaged: `archiver verify` names the damaged part; keep the file"
            }
            Self::Stopped => "run the command again",
            Self::NoBackup { source, .. } if self.is_busy() => source.hint(),
            Self::NoBackup { .. } => {
                "make room for a second copy beside the archive, and check the permissions of its folder; the archive \
                 is unchanged"
            }
            Self::Locked { .. } => "let it finish, or wait for it with --wait 60s",
            Self::File { source, .. } => threads::hint(&source.to_string())
                .unwrap_or("check the path, its permissions and the free space"),
            Self::Sqlite { source, .. } => self.hint_of_sqlite(source),
        }
    }

    fn hint_of_sqlite(&self, source: &rusqlite::Error) -> &'static str {
        if self.is_unfinished_write() {
            return "a sync was killed during a write: run `archiver sync` as a user that may write to the archive and \
                    its folder; this undoes the unfinished write";
        }
        match source.sqlite_error_code() {
            _ if is_damage(source) => DAMAGE,
            // SQLite does not always report a full disk as such.
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                "the disk is full or fails: check the free space beside the archive, then run the command again; \
                 archived actions are safe"
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "end that program or its query, then run it again; archived actions are safe"
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                "check the permissions of the file and of its folder"
            }
            _ => "run the command again; archived actions are safe",
        }
    }
}

/// True when a statement of archiver failed because the file is damaged: SQLite reports damage, or a value does not fit
/// its column, such as a text that is not UTF-8.
#[must_use]
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        // An unknown schema format, which no program writes, has no error code of its own.
        Error::SqliteFailure(_, Some(words)) if words == "unsupported file format" => true,
        error => is_corrupt(error),
    }
}

/// True when SQLite itself reports damage.
#[must_use]
pub fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

const DAMAGE: &str = "keep the file: a backup beside it or `sqlite3 FILE .recover` may restore the data; a sync into \
                      a new file reads all actions that the API still lists";

/// Adds the name of the failed operation to an error of SQLite.
pub(super) trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, Error>;
}

impl<T> Step<T> for rusqlite::Result<T> {
    fn step(self, step: &'static str) -> Result<T, Error> {
        use rusqlite::Error::{SqlInputError, SqliteFailure};
        self.map_err(|source| match source {
            // Without the SQL text: it does not help the user, and may be a whole migration.
            SqlInputError { error, msg, .. } => SqliteFailure(error, Some(msg)),
            source => source,
        })
        .map_err(|source| Error::Sqlite { step, source })
    }
}

/// Adds the operation and the path to an error of the operating system.
pub(super) fn file_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { step, path, source }
}

/// The file at the path is not a readable archive; `reason` says the damage.
pub(super) fn damage(path: &Path, reason: impl Into<String>) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// The file at the path is not suitable for the operation; `why` says the reason.
pub(super) fn unfit(step: &'static str, path: &Path, why: &str) -> Error {
    file_error(step, path)(io::Error::new(io::ErrorKind::InvalidInput, why))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_no_statement() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "CREATE TABLE once (a); CREATE TABLE once (b)";
        let error = connection
            .execute_batch(sql)
            .step("cannot upgrade")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot upgrade: table once already exists"
        );
    }

    #[test]
    fn a_text_that_is_none_is_damage_and_no_reason_to_run_it_again() {
        let connection = Connection::open_in_memory().unwrap();
        for sql in ["SELECT CAST(x'ff' AS TEXT)", "SELECT 1"] {
            let read = connection.query_row(sql, [], |row| row.get::<_, String>(0));
            let error = read.step("cannot read").unwrap_err();
            assert!(error.is_unusable_archive(), "{error}");
            assert!(error.hint().contains("keep the file"), "{error}");
        }
    }

    #[test]
    fn what_a_full_disk_may_come_to_leads_to_its_free_space() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMOPEN,
        ] {
            let failed = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = Err::<(), _>(failed).step("cannot write").unwrap_err();
            assert!(error.hint().contains("space"), "{code}: {}", error.hint());
            assert!(!error.is_unusable_archive());
        }
    }
}
