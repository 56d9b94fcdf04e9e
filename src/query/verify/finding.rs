//! What is wrong with an archive, in words: what, how much of it, an example, and what to do.

use rusqlite::ErrorCode;
use serde::Serialize;

use crate::archive;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Archiver never leaves an archive like this.
    Error,
    /// To be known; it may be true of a sound archive.
    Note,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which check found it; a word for scripts.
    pub check: &'static str,
    /// What is wrong, in a sentence.
    pub what: String,
    /// How many rows it concerns; pages or objects where it is about these.
    pub rows: u64,
    /// One of them: an id, or what else names it.
    pub example: Option<String>,
    /// What to do about it.
    pub advice: &'static str,
}

impl Finding {
    /// Whether rows can be checked all the same: what is read from damaged pages, or of tables that are not what they
    /// should be, says nothing.
    pub(super) fn leaves_rows_readable(&self) -> bool {
        self.severity == Severity::Note || !["page", "schema"].contains(&self.check)
    }
}

const RESTORE: &str = "keep the file, and go back to a backup: `archiver sync` goes on from there; without one, \
                       `sqlite3 FILE .recover` may save rows, and a sync into a new file reads again what the API \
                       still lists";

/// Damage of pages or indexes, as SQLite words it, and the table or index where it knows.
pub(super) fn damage(check: &'static str, words: &str, place: Option<&str>) -> Finding {
    let advice = if check == "index" {
        "the rows are there: `sqlite3 FILE 'REINDEX'` makes the indexes anew; make a copy of the file first"
    } else {
        RESTORE
    };
    let place = place.map(|place| format!(" in `{place}`"));
    Finding {
        severity: Severity::Error,
        check,
        what: format!("SQLite finds damage{}: {words}", place.unwrap_or_default()),
        rows: 1,
        example: None,
        advice,
    }
}

/// Whether a statement failed because of what is in the file: not because of a lock, the disk, the memory or a signal.
pub(super) fn is_about_the_file(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// What cannot be read because of what is in the file.
pub(super) fn unreadable(error: &rusqlite::Error) -> Finding {
    if archive::is_corrupt(error) {
        return damage("page", &error.to_string(), None);
    }
    Finding {
        what: format!("something cannot be read as it should be: {error}"),
        ..damage("value", "", None)
    }
}

pub(super) fn not_checked() -> Finding {
    Finding {
        severity: Severity::Note,
        check: "rows",
        what: "what the rows say was not checked, since they cannot be relied on".to_owned(),
        rows: 0,
        example: None,
        advice: "verify again once the errors are mended",
    }
}
