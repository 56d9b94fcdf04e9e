//! Finds, checks and prepares the file.
//!
//! What is not ours must stay untouched, and merely opening a database can change it: SQLite replays a journal it
//! finds beside it. So the file's own first bytes are read before SQLite is let near it.
//!
//! While a sync writes, the archive is in WAL mode, so that readers are never blocked. At rest it is back in rollback
//! mode: a WAL database cannot be read by somebody who may not write beside it
//! (<https://www.sqlite.org/wal.html#read_only_databases>), and this file is meant to be read by others.
//!
//! One process opens an archive once at a time: reading the first bytes means closing the file again, and on POSIX
//! that drops the locks this process holds on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::connection::{
    connect, damaged, expect_archive, keep_log_on_close, open_any_version, prepare, refuse_version,
    try_journal_mode,
};
use super::error::{Error, Step, file_error};
use super::file::{self, check_header};
use super::file::{create_if_missing, remove_if_empty};
use super::interrupt::LockWait;
use super::migrations::{self, LATEST_VERSION};
use super::schema_drift;
use super::upgrade::{self, Upgrade};
use super::{LargeIndexes, Store, WrittenRegions};
use crate::core::cancellation::Cancellation;
use crate::core::files::is_same;

/// How long a change of the journal mode waits. While it does, nobody new can read; and it can be tried again.
const MODE_TIMEOUT: Duration = Duration::from_millis(500);

impl Store {
    /// Opens the archive at `path` for writing; makes it, and its folder, where there is none.
    ///
    /// # Errors
    /// When the file is foreign, newer or damaged, or cannot be made or written. It is then left as it was.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_unless(path, &LockWait::new(&Cancellation::never()))
    }

    /// The same with another wait for locks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_unless(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let is_new = create_if_missing(path)?;
        Self::open_what_is_there(path, lock_wait.for_writing()).inspect_err(|_| {
            if is_new {
                remove_if_empty(path);
            }
        })
    }

    /// The same where an archive must be there already.
    ///
    /// # Errors
    /// As [`Self::open`], and as [`expect_archive`].
    pub fn open_existing(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        expect_archive(path)?;
        Self::open_what_is_there(path, lock_wait.for_writing())
    }

    fn open_what_is_there(path: &Path, lock_wait: LockWait) -> Result<Self, Error> {
        check_header(path)?;
        let place = Place::of(path)?;
        let opened = Self::open_file(path, lock_wait);
        // Its user may move it while another program keeps it locked.
        if !place.is_kept() {
            return Err(Error::Vanished { path: place.path });
        }
        opened.map(|store| Self {
            place: Some(place),
            ..store
        })
    }

    fn open_file(path: &Path, lock_wait: LockWait) -> Result<Self, Error> {
        let real = file::path_to_write(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(&real, flags, &lock_wait)?;
        prepare(&connection).map_err(|error| damaged(path, error))?;
        refuse_version(&connection, path)?;
        schema_drift::refuse(&connection, path).map_err(|error| damaged(path, error))?;
        keep_log_on_close(&connection, false)?;
        let upgrade = upgrade::upgrade(&connection, path, &lock_wait)
            .map_err(|error| damaged(path, error))?;
        // A reader in the middle of something keeps the old mode, in which it and this writer take turns.
        let is_wal = try_journal_mode(&mut connection, "wal", &lock_wait, MODE_TIMEOUT)?;
        Ok(Self {
            lock_wait,
            place: None,
            large_indexes: LargeIndexes::of(&connection)?,
            connection,
            written_regions: WrittenRegions::default(),
            is_wal,
            archived: None,
            upgrade,
        })
    }

    /// The upgrade that opening the archive made, if it needed one.
    #[must_use]
    pub fn upgrade(&self) -> Option<&Upgrade> {
        self.upgrade.as_ref()
    }

    /// Lets no further statement wait for another program's lock.
    pub(crate) fn wait_no_longer(&mut self) -> Result<(), Error> {
        let at_once = self.lock_wait.up_to(Duration::ZERO);
        at_once.rule(&mut self.connection)
    }

    /// Tries WAL mode again, where a reader prevented it so far.
    pub(super) fn leave_readers_alone(&mut self) -> Result<(), Error> {
        if !self.is_wal {
            let (connection, lock_wait) = (&mut self.connection, &self.lock_wait);
            self.is_wal = try_journal_mode(connection, "wal", lock_wait, Duration::ZERO)?;
        }
        Ok(())
    }

    /// Puts the archive to rest: everything in one file again, in rollback mode, for whoever reads it.
    ///
    /// A reader that stays connected keeps it in WAL mode; the file is whole nevertheless, as far as that reader is
    /// not in the middle of something, and the next sync tries again.
    ///
    /// # Errors
    /// [`Error::Vanished`] when the file is not at its path any more. When the last changes cannot be moved into the file:
    /// they are safe in the log beside it.
    pub fn close(mut self) -> Result<(), Error> {
        if let Some(place) = self.place.take().filter(|place| !place.is_kept()) {
            // Its log stays: what SQLite would tidy up is beside whatever is there now.
            return Err(Error::Vanished { path: place.path });
        }
        let (connection, lock_wait) = (&mut self.connection, &self.lock_wait);
        if !try_journal_mode(connection, "delete", lock_wait, MODE_TIMEOUT)? {
            lock_wait.up_to(MODE_TIMEOUT).rule(connection)?;
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

/// The path by which an archive was opened, and the file that was there.
pub(super) struct Place {
    path: PathBuf,
    file: fs::Metadata,
}

impl Place {
    fn of(path: &Path) -> Result<Self, Error> {
        let file = fs::metadata(path).map_err(file_error("cannot read the archive", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Whether the path still leads to the file. To be asked while it is open: then no other file has its number.
    fn is_kept(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|there| is_same(&there, &self.file))
    }
}

/// Opens the archive at `path` for reading only. What a writer that was killed left unfinished is taken back first, where
/// the file may be written; nothing else is changed.
///
/// # Errors
/// When there is none, or it is foreign, newer, not upgraded yet, or damaged.
pub fn open_read_only(path: &Path) -> Result<Connection, Error> {
    open_read_only_unless(path, &LockWait::new(&Cancellation::never()))
}

/// The same with another wait for locks.
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
