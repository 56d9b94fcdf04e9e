//! Finds, checks and prepares the file.
//!
//! A file of another application must stay untouched, but opening a database can change it: SQLite replays a journal
//! that lies beside it. So archiver reads the first bytes of the file before SQLite opens it.
//!
//! During a sync the archive is in WAL mode, so readers are never blocked. At rest it is in rollback mode, because a
//! user without write access to the folder cannot read a WAL database
//! (<https://www.sqlite.org/wal.html#read_only_databases>), and other users must be able to read this file.
//!
//! An archive of an earlier version is upgraded, and keeps a backup of the old one. The migrations share one transaction,
//! so a kill leaves the old archive or the new one. But an earlier archiver cannot read the new one, and this is the only
//! copy of a history. So the old archive stays beside the new one, for example as `archive.db.v5.bak` for schema version
//! 5. Without space for this backup, the upgrade does not happen.
//!
//! A process opens an archive only once at a time. Reading the first bytes means closing the file again, and on POSIX
//! this drops all locks that the process holds on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::Store;
use super::backup::{self, count_rows};
use super::connection::{connect, damaged, keep_log_on_close};
use super::connection::{open_any_version, prepare, refuse_version};
use super::error::{Error, Step, file_error};
use super::file::{self, check_header};
use super::file::{create_if_missing, left_beside, remove_if_empty};
use super::interrupt::{LockWait, watched};
use super::migrations::{self, LATEST_VERSION};
use super::schema_drift;
use crate::core::cancellation::Cancellation;
use crate::core::files::is_same;

/// The longest wait for a change of the journal mode. No new reader can start during this wait, and a later attempt is
/// possible.
const MODE_TIMEOUT: Duration = Duration::from_millis(500);

impl Store {
    /// Opens the archive at `path` for writing. Creates the file and its folder if they are missing.
    ///
    /// # Errors
    /// When the file is foreign, newer or damaged, or cannot be created or written. The file then stays unchanged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_unless(path, false, &LockWait::new(&Cancellation::never()))
    }

    /// The same as [`Self::open`], with another wait for locks. Does not create an archive that `must_exist`.
    ///
    /// # Errors
    /// As [`Self::open`], and [`Error::Missing`] when an archive that must exist is missing or empty.
    pub fn open_unless(path: &Path, must_exist: bool, wait: &LockWait) -> Result<Self, Error> {
        let is_new = !must_exist && create_if_missing(path)?;
        Self::open_what_is_there(path, must_exist, wait).inspect_err(|_| {
            if is_new {
                remove_if_empty(path);
            }
        })
    }

    fn open_what_is_there(path: &Path, must_exist: bool, wait: &LockWait) -> Result<Self, Error> {
        if check_header(path)? && must_exist {
            return Err(Error::Missing(path.to_owned()));
        }
        let file = fs::metadata(path).map_err(file_error("cannot read the archive", path))?;
        let path = path.to_owned();
        let place = Place { path, file };
        let opened = Self::open_file(&place.path, wait.for_writing());
        // The user may move the file while another program keeps it locked.
        if !place.is_kept() {
            return Err(Error::Vanished(place.path));
        }
        opened.map(|store| Self {
            place: Some(place),
            ..store
        })
    }

    fn open_file(path: &Path, lock_wait: LockWait) -> Result<Self, Error> {
        let real = file::path_to_write(path)?;
        let connection = connect(&real, OpenFlags::SQLITE_OPEN_READ_WRITE, &lock_wait)?;
        prepare(&connection).map_err(|error| damaged(path, error))?;
        refuse_version(&connection, path)?;
        schema_drift::refuse(&connection, path).map_err(|error| damaged(path, error))?;
        keep_log_on_close(&connection, false)?;
        let upgrade =
            upgrade(&connection, path, &lock_wait).map_err(|error| damaged(path, error))?;
        let mut store = Self {
            upgrade,
            ..Self::of(connection, lock_wait)
        };
        // A reader with an open transaction keeps the old mode. The reader and this writer then take turns.
        store.is_wal = store.try_journal_mode("wal", MODE_TIMEOUT)?;
        Ok(store)
    }

    /// A store of a connection to an archive of this version.
    pub(super) fn of(connection: Connection, lock_wait: LockWait) -> Self {
        Self {
            connection,
            lock_wait,
            place: None,
            written_regions: Vec::new(),
            is_wal: false,
            upgrade: None,
        }
    }

    /// Changes the journal mode. Returns false when another process that has the file open prevents it.
    fn try_journal_mode(&mut self, mode: &str, longest: Duration) -> Result<bool, Error> {
        self.lock_wait.up_to(longest).rule(&mut self.connection)?;
        let outcome = set_journal_mode(&self.connection, mode);
        self.lock_wait.rule(&mut self.connection)?;
        match outcome {
            Err(error) if error.is_busy() => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// From now on, no statement waits for the lock of another program.
    pub(crate) fn wait_no_longer(&mut self) -> Result<(), Error> {
        let at_once = self.lock_wait.up_to(Duration::ZERO);
        at_once.rule(&mut self.connection)
    }

    /// Prepares a transaction: tries WAL mode again, if a reader prevented it so far. Forgets what an earlier transaction
    /// wrote: it may be rolled back, or a day old.
    pub(super) fn before_transaction(&mut self) -> Result<(), Error> {
        self.written_regions.clear();
        if !self.is_wal {
            self.is_wal = self.try_journal_mode("wal", Duration::ZERO)?;
        }
        Ok(())
    }

    /// Closes the archive: moves all changes into one file, in rollback mode, so that others can read it.
    ///
    /// A reader that stays connected keeps the archive in WAL mode. The file is still complete, except for changes that
    /// an open read transaction holds back. The next sync tries again.
    ///
    /// # Errors
    /// [`Error::Vanished`] when the file is not at its path any more. Any other error when the last changes cannot be
    /// moved into the file: they are safe in the log beside it.
    pub fn close(mut self) -> Result<(), Error> {
        if let Some(place) = self.place.take().filter(|place| !place.is_kept()) {
            // The log stays: SQLite would otherwise delete a log that belongs to the new file at this path.
            return Err(Error::Vanished(place.path));
        }
        if !self.try_journal_mode("delete", MODE_TIMEOUT)? {
            let soon = self.lock_wait.up_to(MODE_TIMEOUT);
            soon.rule(&mut self.connection)?;
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .step("cannot move the last changes into the archive")?;
        }
        self.connection
            .close()
            .map_err(|(_, source)| source)
            .step("cannot close the archive")
    }
}

/// The path by which an archive was opened, and the identity of its file.
pub(super) struct Place {
    path: PathBuf,
    file: fs::Metadata,
}

impl Place {
    /// True when the path still leads to the file. Ask while the file is open: only then no other file can get its
    /// inode.
    fn is_kept(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|there| is_same(&there, &self.file))
    }
}

/// Opens the archive at `path` for reading only. First undoes the unfinished write of a killed writer, if the file is
/// writable. Changes nothing else.
///
/// # Errors
/// When the archive is missing, foreign, newer, not upgraded yet, or damaged.
pub fn open_read_only(path: &Path) -> Result<Connection, Error> {
    open_read_only_unless(path, &LockWait::new(&Cancellation::never()))
}

/// The same as [`open_read_only`], with another wait for locks.
///
/// # Errors
/// As [`open_read_only`].
pub fn open_read_only_unless(path: &Path, lock_wait: &LockWait) -> Result<Connection, Error> {
    let connection = open_any_version(path, lock_wait)?;
    match migrations::version(&connection).map_err(|error| damaged(path, error))? {
        LATEST_VERSION => Ok(connection),
        found => Err(Error::Older {
            path: path.to_owned(),
            found,
            known: LATEST_VERSION,
        }),
    }
}

/// A finished upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The schema version before.
    pub from: i64,
    /// The path of the backup; `None` when the archive had no rows.
    pub backup: Option<PathBuf>,
}

/// Brings the schema up to date, in rollback mode, so that the first bytes of the file are correct at every moment.
/// Ends soon after a cancellation: then the archive stays unchanged.
fn upgrade(
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
    watched(connection, &lock_wait.cancellation, || {
        migrations::apply(connection)
    })?;
    Ok((from > 0).then_some(Upgrade { from, backup }))
}

fn set_journal_mode(connection: &Connection, mode: &str) -> Result<(), Error> {
    connection
        .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
        .step("cannot change the archive's journal mode")
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
    let mut number = 0;
    loop {
        number += 1;
        let target = backup_name(&path, version, number);
        if left_beside(&target).is_some() {
            continue;
        }
        if fs::symlink_metadata(&target).is_err() {
            backup::remove_killed(&target);
            return match backup::copy(connection, &target, &lock_wait.cancellation) {
                Ok(_) => Ok(Some(target)),
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
    let fault = backup::fault(&kept, version, counts, &lock_wait.cancellation)?;
    Ok(fault.is_none())
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
    let objects = migrations::objects(connection)?.into_iter();
    let named = objects.filter(|it| it.kind != "trigger");
    Ok(named.map(|it| (it.name, it.kind)).collect())
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
