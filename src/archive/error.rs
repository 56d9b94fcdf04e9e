//! What can go wrong with the file, told apart by what the reader can do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::core::threads;

/// A file that could not be used as an archive, or a statement that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no file there.
    #[error("there is no archive at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It was there, and is gone or replaced.
    #[error(
        "{} was moved, deleted or replaced during a sync; what the sync archived is not in the file that is there now",
        path.display()
    )]
    Vanished {
        /// Where it was.
        path: PathBuf,
    },
    /// There is a link, and nothing where it leads.
    #[error("{} is a link to {}, and there is nothing there", path.display(), leads_to.display())]
    LeadsNowhere {
        /// The link.
        path: PathBuf,
        /// What it says.
        leads_to: PathBuf,
    },
    /// It is a database, but not ours.
    #[error("{} is a SQLite database of another application, and is left untouched", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later archiver wrote it.
    #[error("{} has schema version {found}; this archiver knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The latest migration of this program.
        known: i64,
    },
    /// It needs an upgrade, which only a writer makes.
    #[error("{} has schema version {found}; it has not been upgraded to {known} yet", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The latest migration of this program.
        known: i64,
    },
    /// It is no SQLite database, or one that is not whole.
    #[error("{} is not a readable archive: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Its schema is not what the migrations make, in a way that matters to what a sync writes.
    #[error("{} was changed by something other than archiver, and is left untouched: {what}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// What is different.
        what: String,
    },
    /// An upgrade would make something that has the name of what somebody else added.
    #[error(
        "{} cannot be upgraded to schema version {to}, and is left untouched: archiver needs the name of {what}",
        path.display()
    )]
    NameInUse {
        /// The file.
        path: PathBuf,
        /// What has it.
        what: String,
        /// The version that it would have.
        to: i64,
    },
    /// There is something where a copy was to be made.
    #[error("{} {}", path.display(), if *is_archive { "is the archive itself" } else { "exists already" })]
    Taken {
        /// Where the copy was to be made.
        path: PathBuf,
        /// Whether that is what was to be copied.
        is_archive: bool,
    },
    /// SQLite would take something for a part of the copy.
    #[error(
        "{} cannot be a copy: SQLite would take {}, which is there already, for a part of it",
        path.display(), beside.display()
    )]
    NotAlone {
        /// Where the copy was to be made.
        path: PathBuf,
        /// What is beside it.
        beside: PathBuf,
    },
    /// SQLite, or a sync, would take the copy for something else.
    #[error("{} is no name for a copy: beside the archive it means something else", path.display())]
    Reserved {
        /// Where the copy was to be made.
        path: PathBuf,
    },
    /// The copy is not as good as it has to be.
    #[error("the copy is not sound, and was not kept: {reason}")]
    BadCopy {
        /// What is wrong with it.
        reason: String,
    },
    /// There was no time for the copy.
    #[error("the copy was stopped; nothing is left of it")]
    Stopped,
    /// The archive is not upgraded without a way back.
    #[error(
        "the archive is not upgraded from schema version {from} to {to}, since it cannot be backed up first: {source}"
    )]
    NoBackup {
        /// Its version.
        from: i64,
        /// The version that it would have.
        to: i64,
        /// Why there is no backup.
        source: Box<Error>,
    },
    /// Another sync holds the lock.
    #[error("another sync is writing to {}{}", path.display(), holder.as_deref().unwrap_or_default())]
    Locked {
        /// The file.
        path: PathBuf,
        /// ` (process 4242, since 2026-01-01T00:00:00Z)`, where it is known.
        holder: Option<String>,
    },
    /// The operating system would not let us.
    #[error("{step} {}: {source}", path.display())]
    File {
        /// `cannot create`, `cannot read` …
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A statement failed.
    #[error("{step}: {source}")]
    Sqlite {
        /// What was being done.
        step: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl Error {
    /// Whether the file is the wrong one or unusable, whatever is tried with it.
    #[must_use]
    pub fn is_unusable_archive(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::Vanished { .. }
            | Self::LeadsNowhere { .. }
            | Self::NameInUse { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Damaged { .. }
            | Self::Altered { .. }
            | Self::BadCopy { .. } => true,
            Self::Locked { .. }
            | Self::File { .. }
            | Self::Taken { .. }
            | Self::NotAlone { .. }
            | Self::Reserved { .. }
            | Self::Stopped => false,
            Self::NoBackup { source, .. } => source.is_unusable_archive(),
            Self::Sqlite { source, .. } => is_damage(source),
        }
    }

    /// Whether another program kept the archive locked for longer than it was waited for.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.code() == Some(ErrorCode::DatabaseBusy)
    }

    /// Whether a writer that was killed left something that has to be taken back before anybody can read.
    pub(super) fn is_unfinished_write(&self) -> bool {
        self.extended_code() == Some(ffi::SQLITE_READONLY_ROLLBACK)
    }

    /// Whether SQLite could not write, or make a file.
    pub(super) fn is_unwritable(&self) -> bool {
        let code = self.code();
        matches!(code, Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
    }

    /// Whether the system took no more bytes, which SQLite does not always know for a full disk.
    fn is_refused_write(&self) -> bool {
        matches!(
            self.extended_code(),
            Some(
                ffi::SQLITE_IOERR_WRITE
                    | ffi::SQLITE_IOERR_FSYNC
                    | ffi::SQLITE_IOERR_DIR_FSYNC
                    | ffi::SQLITE_IOERR_TRUNCATE
                    | ffi::SQLITE_IOERR_SHMOPEN
                    | ffi::SQLITE_IOERR_SHMSIZE
                    | ffi::SQLITE_IOERR_SHMMAP
            )
        )
    }

    fn extended_code(&self) -> Option<std::ffi::c_int> {
        let Self::Sqlite { source, .. } = self else {
            return None;
        };
        source.sqlite_error().map(|error| error.extended_code)
    }

    pub(super) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error_code(),
            Self::NoBackup { source, .. } => source.code(),
            _ => None,
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "`archiver sync` makes one; --db, ARCHIVER_DB or the configuration say where it is"
            }
            Self::Vanished { .. } => {
                "put the file back or mount its volume, let nothing move it while a sync runs, and run the sync again"
            }
            Self::LeadsNowhere { .. } => {
                "mount or put back what it leads to, point the link somewhere else, or take it away; or give another file \
                 with --db"
            }
            Self::NameInUse { .. } => {
                "give what has it another name with sqlite3 (`ALTER TABLE name RENAME TO other`; an index or a view is \
                 dropped and made again), then run it again"
            }
            Self::Foreign { .. } => "give another file with --db",
            Self::Newer { .. } => "install the latest archiver",
            Self::Older { .. } => "`archiver sync` upgrades it",
            Self::Damaged { .. } => DAMAGE,
            Self::Altered { .. } => {
                "if you know what was added, take it away with sqlite3; if not, go back to a backup; `archiver verify` \
                 says all that is wrong"
            }
            Self::Taken { .. } => "nothing is overwritten; give a name that is free",
            Self::NotAlone { .. } => {
                "it is what a database of that name left: give the copy another name, or move that away first"
            }
            Self::Reserved { .. } => "give it another name, or put it into another folder",
            Self::BadCopy { .. } => {
                "the archive itself is damaged, or the disk is: `archiver verify` says which part; keep the file"
            }
            Self::Stopped => "run it again",
            Self::NoBackup { source, .. } if self.is_busy() => source.hint(),
            Self::NoBackup { .. } => {
                "make room for a second copy beside the archive, and look at the permissions of its folder; the archive \
                 is as it was"
            }
            Self::Locked { .. } => "let it finish, or wait for it with --wait 60s",
            Self::File { source, .. } => threads::hint(&source.to_string())
                .unwrap_or("check the path, its permissions and the free space"),
            Self::Sqlite { source, .. } => self.hint_of_sqlite(source),
        }
    }

    fn hint_of_sqlite(&self, source: &rusqlite::Error) -> &'static str {
        if self.is_unfinished_write() {
            return "a sync was killed while it wrote: `archiver sync`, or whoever may write to the archive and its \
                    folder, takes back what it left";
        }
        if self.is_refused_write() {
            return "the disk may be full, or failing: look at the free space beside the archive and run it again; what \
                    is archived is safe";
        }
        match source.sqlite_error_code() {
            _ if is_damage(source) => DAMAGE,
            Some(ErrorCode::DiskFull) => {
                "the disk is full; free some space and run it again: what is archived is safe"
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "end that program, or what it reads, and run it again; what is archived is safe"
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                "check the permissions of the file and of its folder"
            }
            _ => "what is archived is safe; run it again",
        }
    }
}

/// Whether a statement of archiver's failed because the file is damaged: by SQLite's word, or since a value is not what
/// its column holds, such as a text that is no UTF-8.
#[must_use]
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        // A version of the schema's format that no program writes has no code of its own.
        Error::SqliteFailure(_, Some(words)) if words == "unsupported file format" => true,
        error => is_corrupt(error),
    }
}

/// Whether SQLite itself says that the file is damaged.
#[must_use]
pub fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

const DAMAGE: &str = "keep the file: a backup beside it, or `sqlite3 FILE .recover`, may bring it back; a sync into \
                      a new file reads again what the API still lists";

/// Names what was being done when SQLite failed.
pub(super) trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, Error>;
}

impl<T> Step<T> for rusqlite::Result<T> {
    fn step(self, step: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Sqlite {
            step,
            source: without_sql(source),
        })
    }
}

/// The statement is of no use to whoever reads the error, and may be a whole migration.
fn without_sql(error: rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqlInputError { error, msg, .. } => {
            rusqlite::Error::SqliteFailure(error, Some(msg))
        }
        error => error,
    }
}

/// Names the file that the operating system refused.
pub(super) fn file_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { step, path, source }
}

/// What stands at a path is not fit for that step, and why.
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
