//! An upgrade to the schema of this program, and the way back from it.
//!
//! The migrations share one transaction, so a kill leaves the old archive or the new one. But an earlier archiver does
//! not read a new one, and this is the only copy of a history: so the old one stays beside it, as
//! `archive.db.v5.bak` when the schema was of version 5. Without room for that there is no upgrade.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup::{self, count_rows};
use super::error::Error;
use super::migrations::{self, LATEST_VERSION};
use super::open::{BUSY_TIMEOUT, open_any_version, set_journal_mode};
use super::partial;

/// An upgrade that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The schema version before.
    pub from: i64,
    /// The schema version now.
    pub to: i64,
    /// Where the archive is as it was before; nothing where it had no rows.
    pub backup: Option<PathBuf>,
}

/// Brings the schema up to date, in rollback mode, which keeps the first bytes of the file true at every moment.
pub(super) fn upgrade(connection: &mut Connection, path: &Path) -> Result<Option<Upgrade>, Error> {
    let from = migrations::version(connection)?;
    if from == LATEST_VERSION {
        return Ok(None);
    }
    set_journal_mode(connection, "delete")?;
    let backup = back_up(connection, path, from)?;
    migrations::apply(connection)?;
    Ok((from > 0).then_some(Upgrade {
        from,
        to: LATEST_VERSION,
        backup,
    }))
}

/// Keeps the archive as it is beside the file, unless it has no rows, or that was done before and nothing was added since.
fn back_up(connection: &Connection, path: &Path, version: i64) -> Result<Option<PathBuf>, Error> {
    let rows = count_rows(connection, version)?;
    if rows.values().all(|count| *count == 0) {
        return Ok(None);
    }
    // Beside the file itself, whatever link it is reached by.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for number in 1.. {
        let target = name(&path, version, number);
        if fs::symlink_metadata(&target).is_err() {
            partial::remove_killed(&target);
            let copied = backup::copy(connection, &target, || false);
            return match copied {
                Ok(copied) => Ok(Some(copied.path)),
                Err(source) => Err(Error::NoBackup {
                    from: version,
                    to: LATEST_VERSION,
                    source: Box::new(source),
                }),
            };
        }
        // Of an upgrade that was killed after this was made, or of another time: then it is kept, and so is this.
        let kept =
            open_any_version(&target, BUSY_TIMEOUT).and_then(|kept| count_rows(&kept, version));
        if kept.is_ok_and(|kept| kept == rows) {
            return Ok(Some(target));
        }
    }
    Ok(None)
}

/// `archive.db.v5.bak`, then `archive.db.v5.2.bak` …
fn name(path: &Path, version: i64, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(match number {
        1 => format!(".v{version}.bak"),
        _ => format!(".v{version}.{number}.bak"),
    });
    name.into()
}
