//! An upgrade to the schema of this program, and the way back from it.
//!
//! The migrations share one transaction, so a kill leaves the old archive or the new one. But an earlier archiver does
//! not read a new one, and this is the only copy of a history: so the old one stays beside it, as
//! `archive.db.v5.bak` when the schema was of version 5. Without room for that there is no upgrade.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup::{self, count_rows, integrity};
use super::connection::{open_any_version, set_journal_mode};
use super::error::{Error, Step};
use super::file::left_beside;
use super::interrupt::{LockWait, watched};
use super::migrations::{self, LATEST_VERSION};
use super::schema_drift;
use crate::core::files::is_same;

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
/// Ends as soon as it is cancelled: then the archive stays as it was.
pub(super) fn upgrade(
    connection: &Connection,
    path: &Path,
    lock_wait: &LockWait,
) -> Result<Option<Upgrade>, Error> {
    let from = migrations::version(connection)?;
    if from == LATEST_VERSION {
        return Ok(None);
    }
    refuse_names_in_use(connection, path, from)?;
    set_journal_mode(connection, "delete")?;
    let backup = back_up(connection, path, from, lock_wait)?;
    let is_enough = || lock_wait.is_cancelled();
    watched(connection, is_enough, || migrations::apply(connection))?;
    Ok((from > 0).then_some(Upgrade {
        from,
        to: LATEST_VERSION,
        backup,
    }))
}

/// Keeps the archive as it is beside the file, unless it has no rows, or that was done before and nothing was added since.
fn back_up(
    connection: &Connection,
    path: &Path,
    version: i64,
    lock_wait: &LockWait,
) -> Result<Option<PathBuf>, Error> {
    let rows = count_rows(connection, version)?;
    if rows.values().all(|count| *count == 0) {
        return Ok(None);
    }
    // Beside the file itself, whatever link it is reached by.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for number in 1.. {
        let target = backup_name(&path, version, number);
        if left_beside(&target).is_some() {
            continue;
        }
        if fs::symlink_metadata(&target).is_err() {
            backup::remove_killed(&target);
            let copied = backup::copy(connection, &target, || lock_wait.is_cancelled());
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
        if is_another_file(&target, &path)
            && is_backup(&target, version, &rows, lock_wait).unwrap_or(false)
        {
            return Ok(Some(target));
        }
    }
    Ok(None)
}

/// Whether a file is whole, and the archive as it is now as far as its rows are counted.
fn is_backup(
    path: &Path,
    version: i64,
    rows: &BTreeMap<String, u64>,
    lock_wait: &LockWait,
) -> Result<bool, Error> {
    let kept = open_any_version(path, lock_wait)?;
    if migrations::version(&kept)? != version {
        return Ok(false);
    }
    // Before anything is read of what has the name of a table.
    schema_drift::refuse(&kept, path)?;
    watched(
        &kept,
        || lock_wait.is_cancelled(),
        || Ok(integrity(&kept)? == "ok" && count_rows(&kept, version)? == *rows),
    )
}

/// Whether it is a file of its own, and not the archive by another name: that would be no way back, and closing it would
/// take away the locks that are held on the archive.
fn is_another_file(path: &Path, archive: &Path) -> bool {
    let (Ok(file), Ok(archive)) = (fs::symlink_metadata(path), fs::metadata(archive)) else {
        return false;
    };
    file.is_file() && !is_same(&file, &archive)
}

/// Refuses an archive in which somebody gave a name to something that a migration gives to something else.
fn refuse_names_in_use(connection: &Connection, path: &Path, from: i64) -> Result<(), Error> {
    let mut ours = BTreeSet::new();
    for version in from + 1..=LATEST_VERSION {
        ours.extend(names(&migrations::model(version)?)?.into_keys());
    }
    for name in names(&migrations::model(from)?)?.keys() {
        ours.remove(name);
    }
    let theirs = names(connection)?;
    let taken: Vec<_> = ours
        .iter()
        .filter_map(|name| theirs.get(name).map(|kind| format!("the {kind} `{name}`")))
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    Err(Error::NameInUse {
        path: path.to_owned(),
        what: taken.join(", "),
        to: LATEST_VERSION,
    })
}

/// The names of tables, indexes and views, of which each can be only one of them, and which it is.
fn names(connection: &Connection) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT lower(name), lower(type) FROM sqlite_schema WHERE lower(type) <> 'trigger'";
    connection
        .prepare(sql)
        .and_then(|mut statement| {
            let text = schema_drift::text;
            let rows = statement.query_map([], |row| Ok((text(row, 0)?, text(row, 1)?)))?;
            rows.collect()
        })
        .step("cannot read the archive's schema")
}

/// `archive.db.v5.bak`, then `archive.db.v5.2.bak` …
fn backup_name(path: &Path, version: i64, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(match number {
        1 => format!(".v{version}.bak"),
        _ => format!(".v{version}.{number}.bak"),
    });
    name.into()
}
