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

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::alterations;
use super::error::{Error, Step, file_error, is_corrupt, unfit};
use super::header::{self, Header, check_header, impossible_version};
use super::migrations::{self, LATEST_VERSION};
use super::partial::own;
use super::patience::Patience;
use super::upgrade::{self, Upgrade};
use super::{LargeIndexes, Store, WrittenRegions};
use crate::cancellation::Cancellation;
use crate::files::is_same;

/// How long a change of the journal mode waits. While it does, nobody new can read; and it can be tried again.
const MODE_TIMEOUT: Duration = Duration::from_millis(500);

/// Pages kept in memory, in KiB as SQLite counts them. A sync writes in order and comes back to few of them; questions are
/// no slower than with 8 MB, since the system has the pages too: reports over 5 million actions take 5 to 9 % less time.
pub(super) const CACHE: &str = "-1280";

/// Keeps this much of the file in memory from now on, and gives back what is more than that.
pub(super) fn set_cache(connection: &Connection, kibibytes: &str) -> Result<(), Error> {
    connection
        .pragma_update(None, "cache_size", kibibytes)
        .and_then(|()| connection.execute_batch("PRAGMA shrink_memory"))
        .step("cannot configure the connection")
}

impl Store {
    /// Opens the archive at `path` for writing; makes it, and its folder, where there is none.
    ///
    /// # Errors
    /// When the file is foreign, newer or damaged, or cannot be made or written. It is then left as it was.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_unless(path, &Cancellation::never(), None)
    }

    /// The same for work that may be cancelled: then no statement waits much longer for another program's lock. Before, it
    /// waits for `longest`, or a minute.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_unless(
        path: &Path,
        cancellation: &Cancellation,
        longest: Option<Duration>,
    ) -> Result<Self, Error> {
        let patience = Patience::of_writer(cancellation, longest);
        let is_new = create_if_missing(path)?;
        Self::open_what_is_there(path, patience).inspect_err(|_| {
            if is_new {
                remove_if_empty(path);
            }
        })
    }

    /// The same where an archive must be there already.
    ///
    /// # Errors
    /// As [`Self::open`], and as [`expect_archive`].
    pub fn open_existing(
        path: &Path,
        cancellation: &Cancellation,
        longest: Option<Duration>,
    ) -> Result<Self, Error> {
        expect_archive(path)?;
        Self::open_what_is_there(path, Patience::of_writer(cancellation, longest))
    }

    fn open_what_is_there(path: &Path, patience: Patience) -> Result<Self, Error> {
        check_header(path)?;
        let real = header::path_to_write(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(&real, flags, &patience)?;
        let place = Place::of(path)?;
        prepare(&connection).map_err(|error| damaged(path, error))?;
        refuse_version(&connection, path)?;
        alterations::refuse(&connection, path).map_err(|error| damaged(path, error))?;
        keep_log_on_close(&connection, false)?;
        let upgrade =
            upgrade::upgrade(&connection, path, &patience).map_err(|error| damaged(path, error))?;
        // A reader in the middle of something keeps the old mode, in which it and this writer take turns.
        let is_wal = try_journal_mode(&mut connection, "wal", &patience, MODE_TIMEOUT)?;
        Ok(Self {
            patience,
            place: Some(place),
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
        let at_once = self.patience.up_to(Duration::ZERO);
        at_once.rule(&mut self.connection)
    }

    /// Tries WAL mode again, where a reader prevented it so far.
    pub(super) fn leave_readers_alone(&mut self) -> Result<(), Error> {
        if !self.is_wal {
            let (connection, patience) = (&mut self.connection, &self.patience);
            self.is_wal = try_journal_mode(connection, "wal", patience, Duration::ZERO)?;
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
        let (connection, patience) = (&mut self.connection, &self.patience);
        if !try_journal_mode(connection, "delete", patience, MODE_TIMEOUT)? {
            patience.up_to(MODE_TIMEOUT).rule(connection)?;
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

/// Makes sure that there is an archive at `path`, as far as its first bytes tell.
///
/// # Errors
/// [`Error::Missing`] when there is no file, or one without any bytes; else when it is foreign, newer or damaged.
pub fn expect_archive(path: &Path) -> Result<(), Error> {
    match check_header(path)? {
        Header::Ours => Ok(()),
        Header::Empty => Err(Error::Missing {
            path: path.to_owned(),
        }),
    }
}

/// Opens the archive at `path` for reading only. What a writer that was killed left unfinished is taken back first, where
/// the file may be written; nothing else is changed.
///
/// # Errors
/// When there is none, or it is foreign, newer, not upgraded yet, or damaged.
pub fn open_read_only(path: &Path) -> Result<Connection, Error> {
    open_read_only_unless(path, &Cancellation::never())
}

/// The same for work that may be cancelled: then no statement waits any longer for another program's lock.
///
/// # Errors
/// As [`open_read_only`].
pub fn open_read_only_unless(
    path: &Path,
    cancellation: &Cancellation,
) -> Result<Connection, Error> {
    let connection = open_any_version(path, &Patience::of_reader(cancellation))?;
    match migrations::version(&connection).map_err(|error| damaged(path, error))? {
        LATEST_VERSION => Ok(connection),
        found => Err(Error::Older {
            path: path.to_owned(),
            found,
            known: LATEST_VERSION,
        }),
    }
}

/// The same for an archive that is not upgraded yet too. A statement waits so long for another program's lock.
pub(super) fn open_any_version(path: &Path, patience: &Patience) -> Result<Connection, Error> {
    match open_to_read(path, patience) {
        Err(error) if error.is_unfinished_write() => {
            take_back(path, patience).map_err(|failed| {
                // Whoever cannot do this is told what stands in the way, which is the first error.
                if failed.is_busy() { failed } else { error }
            })?;
            open_to_read(path, patience)
        }
        opened => opened,
    }
}

fn open_to_read(path: &Path, patience: &Patience) -> Result<Connection, Error> {
    expect_archive(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&header::path_to_read(path)?, flags, patience)?;
    prepare(&connection).map_err(|error| damaged(path, error))?;
    connection
        .pragma_update(None, "query_only", true)
        .step("cannot make the connection read-only")?;
    refuse_version(&connection, path)?;
    Ok(connection)
}

/// Rolls back the transaction of a writer that was killed in rollback mode, which SQLite does as soon as somebody who may
/// write reads (<https://www.sqlite.org/lockingv3.html#hot_journals>).
fn take_back(path: &Path, patience: &Patience) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&header::path_to_write(path)?, flags, patience)?;
    prepare(&connection)?;
    migrations::version(&connection).map(|_| ())
}

/// Asks SQLite for the version too: a log that a killed writer left may know better than the file's first bytes.
fn refuse_version(connection: &Connection, path: &Path) -> Result<(), Error> {
    // The first real read: a file that is cut short is found out here.
    let found = migrations::version(connection).map_err(|error| damaged(path, error))?;
    header::refuse_version(path, found)?;
    if found == 0 && has_something(connection).map_err(|it| damaged(path, it))? {
        return Err(impossible_version(path, found));
    }
    Ok(())
}

fn has_something(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
    connection
        .query_row(sql, [], |row| row.get(0))
        .step("cannot read the archive's schema")
}

/// Whether closing leaves a log that was found beside the file where it is, as long as the file may be refused.
fn keep_log_on_close(connection: &Connection, on: bool) -> Result<(), Error> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
        .map(|_| ())
        .step("cannot configure the connection")
}

/// By a path without a link at its end; one that comes there is not followed.
fn connect(path: &Path, flags: OpenFlags, patience: &Patience) -> Result<Connection, Error> {
    #[cfg(unix)]
    let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opened = Connection::open_with_flags(path, flags);
    let mut connection = opened.step("cannot open the archive")?;
    patience.rule(&mut connection)?;
    keep_log_on_close(&connection, true)?;
    Ok(connection)
}

/// Settings of the connection; none of them changes the file.
pub(super) fn prepare(connection: &Connection) -> Result<(), Error> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        // What a schema from elsewhere says is data, not code.
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    ] {
        connection
            .set_db_config(setting, on)
            .step("cannot configure the connection")?;
    }
    for (name, value) in [
        ("cell_size_check", "on"),
        // The only copy of a history: a committed page survives a power cut.
        ("synchronous", "full"),
        ("cache_size", CACHE),
    ] {
        connection
            .pragma_update(None, name, value)
            .step("cannot configure the connection")?;
    }
    Ok(())
}

pub(super) fn set_journal_mode(connection: &Connection, mode: &str) -> Result<(), Error> {
    connection
        .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
        .step("cannot change the archive's journal mode")
}

/// Returns whether it worked; others who have the file open may prevent it.
fn try_journal_mode(
    connection: &mut Connection,
    mode: &str,
    patience: &Patience,
    longest: Duration,
) -> Result<bool, Error> {
    patience.up_to(longest).rule(connection)?;
    let outcome = set_journal_mode(connection, mode);
    patience.rule(connection)?;
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.is_busy() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the folder that a file is to be in.
pub(super) fn make_folder_of(path: &Path) -> Result<(), Error> {
    let folder = path.parent();
    match folder.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            // Whoever may write to the folder may put another archive in it.
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
            let made = builder.create(folder);
            made.map_err(file_error("cannot create the folder", folder))
        }
        None => Ok(()),
    }
}

/// Returns whether it made it.
fn create_if_missing(path: &Path) -> Result<bool, Error> {
    make_folder_of(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => own(&file).map(|()| true).map_err(|error| {
            remove_if_empty(path);
            file_error("cannot keep others from reading the new archive", path)(error)
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(file_error("cannot create the archive", path)(error)),
    }
}

/// Leaves nothing of an archive that was made just now and came to nothing.
fn remove_if_empty(path: &Path) {
    let is_empty = |it: fs::Metadata| it.is_file() && it.len() == 0;
    if fs::symlink_metadata(path).is_ok_and(is_empty) {
        let _ = fs::remove_file(path);
    }
}

const WAL_BESIDE_NOTHING: &str = "it is in WAL mode, in which SQLite needs a log beside it and cannot make one there; let \
    somebody who may write to its folder run `archiver sync`, or `sqlite3 FILE 'PRAGMA journal_mode = delete'`";

fn damaged(path: &Path, error: Error) -> Error {
    match error {
        Error::Sqlite { source, .. } if is_corrupt(&source) => Error::Damaged {
            path: path.to_owned(),
            reason: source.to_string(),
        },
        error if error.is_unwritable() && header::is_wal(path) => {
            unfit("cannot read the archive", path, WAL_BESIDE_NOTHING)
        }
        error => error,
    }
}
