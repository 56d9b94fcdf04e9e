//! Upgrades the schema to the version of this program, and keeps a backup of the old archive.
//!
//! The migrations share one transaction, so a kill leaves the old archive or the new one. But an earlier archiver
//! cannot read the new one, and this is the only copy of a history. So the old archive stays beside the new one, for
//! example as `archive.db.v5.bak` for schema version 5. Without space for this backup, the upgrade does not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup::{self, count_rows, integrity};
use super::connection::{open_any_version, rows, set_journal_mode};
use super::error::Error;
use super::file::left_beside;
use super::interrupt::{LockWait, watched};
use super::migrations::{self, LATEST_VERSION};
use super::schema_drift;
use crate::core::files::is_same;

/// A finished upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The schema version before.
    pub from: i64,
    /// The schema version now.
    pub to: i64,
    /// The path of the backup; `None` when the archive had no rows.
    pub backup: Option<PathBuf>,
}

/// Brings the schema up to date, in rollback mode, so that the first bytes of the file are correct at every moment.
/// Ends soon after a cancellation: then the archive stays unchanged.
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
    watched(connection, lock_wait.cancellation(), || {
        migrations::apply(connection)
    })?;
    Ok((from > 0).then_some(Upgrade {
        from,
        to: LATEST_VERSION,
        backup,
    }))
}

/// Makes a backup beside the archive. Skips it when the archive has no rows, or when a backup with the same number of
/// rows exists.
fn back_up(
    connection: &Connection,
    path: &Path,
    version: i64,
    lock_wait: &LockWait,
) -> Result<Option<PathBuf>, Error> {
    let counts = count_rows(connection, version)?;
    if counts.values().all(|count| *count == 0) {
        return Ok(None);
    }
    // Beside the file itself, independent of any link to it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for number in 1.. {
        let target = backup_name(&path, version, number);
        if left_beside(&target).is_some() {
            continue;
        }
        if fs::symlink_metadata(&target).is_err() {
            backup::remove_killed(&target);
            let copied = backup::copy(connection, &target, lock_wait.cancellation());
            return match copied {
                Ok(copied) => Ok(Some(copied.path)),
                Err(source) => Err(Error::NoBackup {
                    from: version,
                    to: LATEST_VERSION,
                    source: Box::new(source),
                }),
            };
        }
        // A killed upgrade may have left this backup. If it is from another time, both this backup and a new one are
        // kept.
        if is_another_file(&target, &path)
            && is_backup(&target, version, &counts, lock_wait).unwrap_or(false)
        {
            return Ok(Some(target));
        }
    }
    Ok(None)
}

/// True when a file is intact, and has the version and the row counts of the archive.
fn is_backup(
    path: &Path,
    version: i64,
    counts: &BTreeMap<String, u64>,
    lock_wait: &LockWait,
) -> Result<bool, Error> {
    let kept = open_any_version(path, lock_wait)?;
    if migrations::version(&kept)? != version {
        return Ok(false);
    }
    // Check the schema before any table is read.
    schema_drift::refuse(&kept, path)?;
    watched(&kept, lock_wait.cancellation(), || {
        Ok(integrity(&kept)? == "ok" && count_rows(&kept, version)? == *counts)
    })
}

/// True when the path is a separate file, and not a second name of the archive. A second name would be no backup, and
/// closing it would drop the locks on the archive.
fn is_another_file(path: &Path, archive: &Path) -> bool {
    let (Ok(file), Ok(archive)) = (fs::symlink_metadata(path), fs::metadata(archive)) else {
        return false;
    };
    file.is_file() && !is_same(&file, &archive)
}

/// Refuses an archive that uses a name which a migration needs for another object.
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

/// The names of tables, indexes and views, each with its kind. These objects share one namespace.
fn names(connection: &Connection) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT lower(name), lower(type) FROM sqlite_schema WHERE lower(type) <> 'trigger'";
    let text = schema_drift::text;
    let step = "cannot read the archive's schema";
    rows(connection, step, sql, [], |row| {
        Ok((text(row, 0)?, text(row, 1)?))
    })
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
