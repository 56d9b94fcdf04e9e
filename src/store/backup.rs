//! A second copy: whole, checked, and never in the way of the first.
//!
//! The pages are copied as they are, by SQLite's own backup (<https://www.sqlite.org/backup.html>), and not by `VACUUM
//! INTO`: five million actions are copied in seconds instead of being written anew, index by index, in minutes. One read
//! transaction spans the copy, so it is the archive of one moment, and it ends however much a sync writes meanwhile; left
//! to itself, the backup would begin again at each commit of another process. While a sync writes, the archive is in WAL
//! mode, and the transaction is in nobody's way. At rest it is not: a sync that begins just then waits with its first
//! commit until the pages are copied: 1.1 GB took three seconds. Checking the copy takes longer, and locks nothing.
//!
//! The copy is made under another name beside the target, and gets its name once it is on the disk, was read back and
//! found sound. So whatever has the name is whole, and nothing that had it before is touched.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::NamedTempFile;

use super::error::{Error, Step, file_error};
use super::migrations;
use super::open::{open_any_version, prepare};

/// Pages that are copied between two looks at whether to go on: 4 MB.
const PAGES_AT_A_TIME: i32 = 1_024;
/// So many virtual machine instructions of SQLite pass between two looks while the copy is checked: a millisecond.
const LOOK_EVERY: i32 = 50_000;

const COPY: &str = "cannot copy the archive";
const CHECK: &str = "cannot check the copy";

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The migrations that were applied to it.
    pub schema_version: i64,
    /// How many rows each table of the archive has in it.
    pub rows: BTreeMap<String, u64>,
}

/// Copies the archive at `archive`, of whatever version, to the new file `target`.
///
/// `is_enough` is asked every few milliseconds; when it says so, nothing is left of the copy.
///
/// # Errors
/// When the archive cannot be read, something is at `target` already or it is a name that SQLite uses beside the
/// archive, the copy cannot be written, or is not what it was copied from.
pub fn back_up(
    archive: &Path,
    target: &Path,
    is_enough: impl FnMut() -> bool + Send + Clone + 'static,
) -> Result<Copied, Error> {
    let source = open_any_version(archive)?;
    refuse_target(archive, target)?;
    copy(&source, target, is_enough)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn refuse_target(archive: &Path, target: &Path) -> Result<(), Error> {
    let archive = fs::canonicalize(archive).map_err(file_error("cannot read", archive))?;
    if fs::symlink_metadata(target).is_ok() {
        return Err(Error::Taken {
            path: target.to_owned(),
            is_archive: fs::canonicalize(target).is_ok_and(|it| it == archive),
        });
    }
    let folder = folder_of(target);
    let folder = fs::canonicalize(folder).map_err(file_error("cannot write to", folder))?;
    let beside = ["-wal", "-shm", "-journal", ".lock"].map(|ending| {
        let mut name = archive.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    });
    let target_in_full = target.file_name().map(|name| folder.join(name));
    match target_in_full {
        Some(path) if !beside.contains(&path) => Ok(()),
        _ => Err(Error::Reserved {
            path: target.to_owned(),
        }),
    }
}

/// Copies what the connection reads to the new file `target`.
pub(super) fn copy(
    source: &Connection,
    target: &Path,
    mut is_enough: impl FnMut() -> bool + Send + Clone + 'static,
) -> Result<Copied, Error> {
    let folder = folder_of(target);
    let cannot_write = |error| file_error("cannot write a copy to", folder)(error);
    let mut partial = partial(target).map_err(cannot_write)?;
    let tx = source.unchecked_transaction().step(COPY)?;
    let schema_version = migrations::version(&tx)?;
    let rows = count_rows(&tx, schema_version)?;
    copy_pages(&tx, partial.path(), &mut is_enough)?;
    drop(tx);
    let bytes = finish(partial.as_file_mut()).map_err(cannot_write)?;
    check(partial.path(), schema_version, &rows, is_enough)?;
    partial.persist_noclobber(target).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            Error::Taken {
                path: target.to_owned(),
                is_archive: false,
            }
        } else {
            file_error("cannot name the copy", target)(error.error)
        }
    })?;
    sync_folder(folder).map_err(cannot_write)?;
    Ok(Copied {
        path: target.to_owned(),
        bytes,
        schema_version,
        rows,
    })
}

const PARTIAL: &str = ".partial";

/// How the name of every copy begins that is on its way to become the target.
fn beginning(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Removes what copies to the target left that were killed; the caller knows that no other is being made.
pub(super) fn remove_partial(target: &Path) {
    let beginning = beginning(target);
    let Ok(entries) = fs::read_dir(folder_of(target)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&beginning) && name.ends_with(PARTIAL) {
            // It only takes room: where it cannot be removed, the next copy is made all the same.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// An empty file beside the target, its owner's alone, which goes when it is dropped.
fn partial(target: &Path) -> io::Result<NamedTempFile> {
    let partial = tempfile::Builder::new()
        .prefix(&beginning(target))
        .suffix(PARTIAL)
        .tempfile_in(folder_of(target))?;
    own(partial.as_file())?;
    Ok(partial)
}

/// Makes a new file its owner's alone, whatever the umask.
pub(super) fn own(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    let _ = file;
    Ok(())
}

fn copy_pages(
    source: &Connection,
    target: &Path,
    is_enough: &mut impl FnMut() -> bool,
) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(target, flags).step(COPY)?;
    // Nobody knows the file yet: it is whole when it gets its name, or it is nothing.
    copy.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))
        .and_then(|()| copy.pragma_update(None, "synchronous", "off"))
        .step(COPY)?;
    let backup = Backup::new(source, &mut copy).step(COPY)?;
    while !is_enough() {
        match backup.step(PAGES_AT_A_TIME).step(COPY)? {
            StepResult::More => {}
            StepResult::Done => {
                drop(backup);
                return copy.close().map_err(|(_, source)| source).step(COPY);
            }
            // Nobody else knows the copy, and what is copied is locked for reading.
            _ => break,
        }
    }
    Err(Error::Stopped)
}

/// Brings the copy to the disk, in rollback mode, so that it can be read without a file beside it: of an archive in WAL
/// mode, two bytes of the first page say otherwise (<https://www.sqlite.org/fileformat.html#file_format_version_numbers>).
fn finish(copy: &mut File) -> io::Result<u64> {
    copy.seek(SeekFrom::Start(18))?;
    copy.write_all(&[1, 1])?;
    copy.sync_all()?;
    Ok(copy.metadata()?.len())
}

/// Reads the copy back.
fn check(
    path: &Path,
    schema_version: i64,
    expected: &BTreeMap<String, u64>,
    is_enough: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(path, flags).step(CHECK)?;
    prepare(&copy)?;
    copy.progress_handler(LOOK_EVERY, Some(is_enough))
        .step(CHECK)?;
    let checked = read_back(&copy, schema_version);
    match checked {
        Ok((words, rows)) if words == "ok" && rows == *expected => Ok(()),
        Ok((words, _)) if words == "ok" => Err(Error::BadCopy {
            reason: "it has another number of rows".to_owned(),
        }),
        Ok((words, _)) => Err(Error::BadCopy { reason: words }),
        Err(error) if error.code() == Some(ErrorCode::OperationInterrupted) => Err(Error::Stopped),
        Err(error) => Err(error),
    }
}

fn read_back(
    copy: &Connection,
    schema_version: i64,
) -> Result<(String, BTreeMap<String, u64>), Error> {
    let words = copy
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .step(CHECK)?;
    Ok((words, count_rows(copy, schema_version)?))
}

/// How many rows each table has that the migrations up to this version make.
pub(super) fn count_rows(
    connection: &Connection,
    version: i64,
) -> Result<BTreeMap<String, u64>, Error> {
    const COUNT: &str = "cannot count the archive's rows";
    let model = migrations::model(version)?;
    let mut tables = model
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        .step(COUNT)?;
    let names = tables
        .query_map([], |row| row.get::<_, String>(0))
        .step(COUNT)?;
    let mut rows = BTreeMap::new();
    for name in names {
        let name = name.step(COUNT)?;
        let count: i64 = connection
            .query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| {
                row.get(0)
            })
            .step(COUNT)?;
        rows.insert(name, count.unsigned_abs());
    }
    Ok(rows)
}

/// A new name is on the disk once its folder is (<https://man7.org/linux/man-pages/man2/fsync.2.html>).
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    let _ = folder;
    Ok(())
}
