//! Makes a checked copy of the archive without blocking a sync.
//!
//! SQLite's own backup copies the pages as they are (<https://www.sqlite.org/backup.html>). `VACUUM INTO` would write
//! everything anew, index by index: five million actions take minutes instead of seconds. One read transaction spans
//! the copy, so the copy shows the archive at one moment, and ends however much a sync writes. Without that
//! transaction, the backup would begin again at each commit of another process. During a sync the archive is in WAL
//! mode, and the transaction blocks no writer. At rest it does: a sync that begins then waits with its first commit
//! until the pages are copied. 1.1 GB took three seconds. Checking the copy takes longer, and locks nothing.
//!
//! The copy first has a temporary name beside the target. It gets its final name after it was written to the disk, read
//! back and found sound. So a file with the final name is always complete, and an existing file of that name is never
//! changed.

use super::connection::{ALWAYS, open_any_version, prepare, rows, value};
use super::error::{Error, Step, file_error, unfit};
use super::file::{Attempt, attempt, companions, in_full, left_beside};
use super::file::{own, sync_folder};
use super::interrupt::{LockWait, or_stopped, watched};
use super::lock::lock_of;
use super::migrations;
use crate::core::cancellation::Cancellation;
use crate::core::files::{self, Links, folder_of, is_at};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::{fs, io};
use tempfile::NamedTempFile;

/// Pages copied between two checks for cancellation: 4 MB.
const PAGES_AT_A_TIME: i32 = 1_024;

const COPY: &str = "cannot copy the archive";
const CHECK: &str = "cannot check the copy";

/// A finished copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Its schema version.
    pub schema_version: i64,
    /// The number of rows in each table.
    pub rows: BTreeMap<String, u64>,
}

/// Copies the archive at `archive`, of any version, to the new file `target`.
///
/// Removes the copy within milliseconds of a request to end. Also removes the files that killed copies to the same target
/// left.
///
/// # Errors
/// When the archive cannot be read. When `target` exists already, or a file beside it that SQLite would treat as a part
/// of the copy. When SQLite uses the name of the target beside the archive. When the copy cannot be written, or differs
/// from the archive.
pub fn back_up(
    archive: &Path,
    target: &Path,
    cancellation: &Cancellation,
) -> Result<Copied, Error> {
    let source = open_any_version(archive, &LockWait::new(cancellation));
    let source = or_stopped(source, cancellation)?;
    refuse_target(archive, target)?;
    remove_killed(target);
    copy(&source, target, cancellation)
}

fn refuse_target(archive: &Path, target: &Path) -> Result<(), Error> {
    let archive = fs::canonicalize(archive).map_err(file_error("cannot read", archive))?;
    let refused = |reason: &str| Err(bad_target(target, reason));
    if fs::symlink_metadata(target).is_ok() {
        let is_archive = fs::canonicalize(target).is_ok_and(|it| it == archive);
        return refused(if is_archive {
            "is the archive itself"
        } else {
            TAKEN
        });
    }
    let in_use = companions(&archive);
    let path = in_full(target).map_err(file_error("cannot write to", folder_of(target)))?;
    if path == lock_of(&archive) || in_use.contains(&path) {
        let what = "is not a valid name for a copy: it has another meaning beside the archive";
        return refused(what);
    }
    left_beside(target).map_or(Ok(()), |beside| {
        let beside = beside.display();
        refused(&format!(
            "cannot be the name of a copy: SQLite would treat the existing file {beside} as a part of it"
        ))
    })
}

const TAKEN: &str = "exists already";

fn bad_target(target: &Path, reason: &str) -> Error {
    Error::BadTarget {
        path: target.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Copies the database of the connection to the new file `target`.
pub(super) fn copy(
    source: &Connection,
    target: &Path,
    cancellation: &Cancellation,
) -> Result<Copied, Error> {
    let folder = folder_of(target);
    let cannot_write = |error| file_error("cannot write a copy to", folder)(error);
    let partial = make(target).map_err(cannot_write)?;
    let tx = source.unchecked_transaction().step(COPY)?;
    let (schema_version, rows) = watched(&tx, cancellation, || {
        let version = migrations::version(&tx)?;
        let rows = count_rows(&tx, version)?;
        copy_pages(&tx, &partial, cancellation)?;
        Ok((version, rows))
    })?;
    drop(tx);
    let bytes = finish(partial.as_file()).map_err(cannot_write)?;
    let copy = open_alone(partial.path(), OpenFlags::SQLITE_OPEN_READ_ONLY, CHECK)?;
    prepare(&copy)?;
    if let Some(fault) = fault(&copy, schema_version, &rows, cancellation)? {
        return Err(Error::BadCopy(fault));
    }
    drop(copy);
    refuse_another(&partial)?;
    name(partial, target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => bad_target(target, TAKEN),
        _ => file_error("cannot name the copy", target)(error),
    })?;
    sync_folder(folder).map_err(cannot_write)?;
    Ok(Copied {
        bytes,
        schema_version,
        rows,
    })
}

/// Stops when another file replaced the copy, which the owner of the folder can do: other users could read that file.
fn refuse_another(partial: &NamedTempFile) -> Result<(), Error> {
    if is_at(partial.as_file(), partial.path()) {
        return Ok(());
    }
    let what = "another file replaced it";
    Err(unfit("cannot write the copy", partial.path(), what))
}

fn copy_pages(
    source: &Connection,
    partial: &NamedTempFile,
    cancellation: &Cancellation,
) -> Result<(), Error> {
    let mut copy = open_alone(partial.path(), OpenFlags::SQLITE_OPEN_READ_WRITE, COPY)?;
    refuse_another(partial)?;
    // No other process uses the file yet. A failed copy is removed, so it needs no journal.
    copy.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))
        .and_then(|()| copy.pragma_update(None, "synchronous", "off"))
        .step(COPY)?;
    let backup = Backup::new(source, &mut copy).step(COPY)?;
    while !cancellation.is_requested() {
        match backup.step(PAGES_AT_A_TIME).step(COPY)? {
            StepResult::More => {}
            StepResult::Done => {
                drop(backup);
                return copy.close().map_err(|(_, source)| source).step(COPY);
            }
            // Neither a lock nor a busy copy is possible: no other process uses the copy, and the source is locked for
            // reading.
            _ => break,
        }
    }
    Err(Error::Stopped)
}

/// Opens a copy without locks, because no other process uses it. On NFS, locks would conflict with the lock that this
/// process holds on the whole file (<https://man7.org/linux/man-pages/man2/flock.2.html>). In a folder of another user,
/// a link may have replaced the file; it is not followed.
fn open_alone(path: &Path, flags: OpenFlags, step: &'static str) -> Result<Connection, Error> {
    let path = in_full(path).map_err(file_error("cannot read", path))?;
    let opened = Connection::open_with_flags_and_vfs(path, flags | ALWAYS, "unix-none");
    opened.step(step)
}

/// Writes the copy to the disk, in rollback mode, so that it is readable without a file beside it. In a copy of an
/// archive in WAL mode, two bytes of the first page say WAL
/// (<https://www.sqlite.org/fileformat.html#file_format_version_numbers>).
fn finish(copy: &File) -> io::Result<u64> {
    copy.write_all_at(&[1, 1], 18)?;
    copy.sync_all()?;
    Ok(copy.metadata()?.len())
}

/// Reads a copy, and returns the first problem that SQLite finds in it, or that its numbers of rows are not `expected`.
pub(super) fn fault(
    copy: &Connection,
    version: i64,
    expected: &BTreeMap<String, u64>,
    cancellation: &Cancellation,
) -> Result<Option<String>, Error> {
    watched(copy, cancellation, || {
        let found: String = value(copy, CHECK, "PRAGMA integrity_check(1)", [])?;
        if found != "ok" {
            return Ok(Some(found));
        }
        let is_same = count_rows(copy, version)? == *expected;
        Ok((!is_same).then(|| "it has a different number of rows".to_owned()))
    })
}

/// The number of rows in each table of this schema version.
pub(super) fn count_rows(
    connection: &Connection,
    version: i64,
) -> Result<BTreeMap<String, u64>, Error> {
    let there = tables(connection)?;
    let mut counts = BTreeMap::new();
    for name in tables(&migrations::model(version)?)? {
        if !there.contains(&name) {
            return Err(Error::Altered {
                path: connection.path().unwrap_or_default().into(),
                what: format!("the table `{name}` is missing, or is not a table"),
            });
        }
        let sql = format!("SELECT count(*) FROM \"{name}\"");
        let count: i64 = value(connection, "cannot count the archive's rows", &sql, [])?;
        counts.insert(name, count.unsigned_abs());
    }
    Ok(counts)
}

/// The tables, without a view in the place of one: it may return rows without end, and none of them is in the file.
fn tables(connection: &Connection) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT lower(CAST(name AS TEXT)) FROM sqlite_schema
                WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    rows(connection, migrations::READ_SCHEMA, sql, [], |row| {
        migrations::text(row, 0)
    })
}

const ENDING: &str = ".partial";
const RANDOM_LETTERS: usize = 6;

/// Creates an empty file beside the target, private to its owner.
pub(super) fn make(target: &Path) -> io::Result<NamedTempFile> {
    loop {
        let partial = tempfile::Builder::new()
            .prefix(&beginning(target))
            .suffix(ENDING)
            .rand_bytes(RANDOM_LETTERS)
            .tempfile_in(folder_of(target))?;
        own(partial.as_file())?;
        // Another copy that begins may find the file before it is locked, and treat it as a leftover. Where files cannot
        // be locked, no leftover is removed.
        let locked = attempt(partial.as_file(), partial.path());
        if matches!(locked, Ok(Attempt::Taken) | Err(_)) {
            return Ok(partial);
        }
    }
}

/// Removes the files that killed copies to the target left.
pub(super) fn remove_killed(target: &Path) {
    let beginning = beginning(target);
    let Ok(entries) = fs::read_dir(folder_of(target)) else {
        return;
    };
    let mut options = files::options(Links::Refused);
    options.read(true).write(true);
    for entry in entries.flatten() {
        let path = entry.path();
        // A leftover only takes disk space. If it cannot be removed, the next copy still works.
        if is_partial(&entry.file_name().to_string_lossy(), &beginning)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = options.open(&path)
            && matches!(attempt(&file, &path), Ok(Attempt::Taken))
        {
            let _ = fs::remove_file(path);
        }
    }
}

fn beginning(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

fn is_partial(name: &str, beginning: &str) -> bool {
    let random = name.strip_prefix(beginning);
    let random = random.and_then(|rest| rest.strip_suffix(ENDING));
    let random = random.unwrap_or_default().as_bytes();
    random.len() == RANDOM_LETTERS && random.iter().all(u8::is_ascii_alphanumeric)
}

/// Renames the copy to its final name, if that name is free.
pub(super) fn name(partial: NamedTempFile, target: &Path) -> io::Result<()> {
    match partial.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
        Err(error) => name_in_two_steps(error.file, target),
    }
}

/// The same as [`name`], for a file system that supports neither a rename without replacement nor hard links. An empty
/// file takes the name first, so that no other file can be replaced. A kill between the two steps leaves that empty
/// file.
fn name_in_two_steps(partial: NamedTempFile, target: &Path) -> io::Result<()> {
    let placeholder = File::create_new(target)?;
    partial.persist(target).map(drop).map_err(|error| {
        if is_at(&placeholder, target) {
            let _ = fs::remove_file(target);
        }
        error.error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_left_is_removed_and_what_is_being_made_or_is_of_another_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let left = make(&target).unwrap().keep().unwrap().1;
        let others = [
            ".copy..partial",
            ".copy.abc.partial",
            ".copy.db.abc123.partial",
            ".copy.abc12-.partial",
            "copy.abc123.partial",
            ".copy.abc123.part",
        ];
        for name in others {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let is_made = make(&target).unwrap();
        remove_killed(&target);
        assert!(!left.exists());
        assert!(is_made.path().exists());
        drop(is_made);
        let mut expected = others;
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn copies_that_begin_at_once_do_not_take_each_others_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        remove_killed(&target);
                        let made = make(&target).unwrap();
                        assert!(made.path().exists());
                    }
                });
            }
        });
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn where_no_single_step_names_a_file_nothing_is_replaced_either() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let partial = |text| {
            let partial = make(&target).unwrap();
            fs::write(partial.path(), text).unwrap();
            partial
        };
        let gone = partial("gone");
        fs::remove_file(gone.path()).unwrap();
        name_in_two_steps(gone, &target).unwrap_err();
        assert!(names(folder.path()).is_empty());
        name_in_two_steps(partial("first"), &target).unwrap();
        let error = name_in_two_steps(partial("second"), &target).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["copy"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_modes_cannot_be_changed_a_file_is_refused_only_when_others_may_look() {
        // No process can change a mode in /proc.
        own(&File::open("/proc/self/environ").unwrap()).unwrap();
        own(&File::open("/proc/self/status").unwrap()).unwrap_err();
    }

    #[test]
    fn what_came_in_the_place_of_a_copy_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        let source = migrations::model(migrations::LATEST_VERSION).unwrap();
        for is_link in [true, false] {
            let partial = make(&folder.path().join("copy")).unwrap();
            fs::write(&theirs, "").unwrap();
            fs::remove_file(partial.path()).unwrap();
            if is_link {
                std::os::unix::fs::symlink(&theirs, partial.path()).unwrap();
            } else {
                fs::hard_link(&theirs, partial.path()).unwrap();
            }
            assert!(copy_pages(&source, &partial, &Cancellation::never()).is_err());
            assert_eq!(fs::read(&theirs).unwrap(), b"");
        }
        let partial = make(&folder.path().join("copy")).unwrap();
        copy_pages(&source, &partial, &Cancellation::never()).unwrap();
        assert!(finish(partial.as_file()).unwrap() > 0);
    }
}
