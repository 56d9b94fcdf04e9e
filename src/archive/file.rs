//! Checks the file before SQLite opens it.
//!
//! Opening a database can change it, and opening a path that is not a file can block forever: a FIFO waits for a
//! writer. So archiver first asks the file system for the kind of the file, and then reads the first bytes.

use super::error::{Error, damage, file_error, unfit};
use super::migrations::{APPLICATION_ID, LATEST_VERSION};
use crate::core::files;
use crate::core::files::{Links, folder_of, has_other_names, is_at, is_foreign, is_same, kind};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Refuses a file that is no archive, or one of a later version, as far as its first bytes tell
/// (<https://www.sqlite.org/fileformat.html#the_database_header>). Returns true for an empty file, which is a new archive.
pub(super) fn check_header(path: &Path) -> Result<bool, Error> {
    const LENGTH: usize = 100;
    let mut header = Vec::new();
    refuse_what_is_no_file(path)?;
    refuse_companions(path)?;
    files::options(Links::Followed)
        .read(true)
        .open(path)
        .map_err(file_error("cannot read the archive", path))?
        .take(LENGTH as u64)
        .read_to_end(&mut header)
        .map_err(file_error("cannot read the archive", path))?;
    if header.is_empty() {
        return Ok(true);
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(damage(path, "it is not a SQLite database"));
    }
    let Ok(header) = <[u8; LENGTH]>::try_from(header) else {
        return Err(damage(path, "it ends inside its first 100 bytes"));
    };
    let number = |offset| i32::from_be_bytes(std::array::from_fn(|at| header[offset + at]));
    if number(68) != APPLICATION_ID {
        return Err(Error::Foreign(path.to_owned()));
    }
    // The versions of the file format for writing and reading. A greater version needs a newer program.
    if let Some(format) = header[18..20].iter().find(|format| **format > 2) {
        let what = "is unknown: it is damaged, or needs a newer program";
        return Err(damage(path, format!("its file format {format} {what}")));
    }
    refuse_version(path, number(60).into()).map(|()| false)
}

/// True when the file says that changes are in a log beside it. Call this only when the process holds no lock on the
/// file.
pub(super) fn is_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    let opened = files::options(Links::Followed).read(true).open(path);
    opened.is_ok_and(|mut file| file.read_exact(&mut header).is_ok()) && header[18..] == [2, 2]
}

/// Refuses a version that no archive has, or that this program does not know.
pub(super) fn refuse_version(path: &Path, found: i64) -> Result<(), Error> {
    match found {
        ..0 => Err(impossible_version(path, found)),
        0..=LATEST_VERSION => Ok(()),
        _ => Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: LATEST_VERSION,
        }),
    }
}

/// The error for a schema version that no archive can have.
pub(super) fn impossible_version(path: &Path, found: i64) -> Error {
    let what = "which no archive has; the first is 1";
    damage(path, format!("its schema version is {found}, {what}"))
}

/// The files that SQLite keeps beside a database. SQLite uses them as a part of it, no matter which program left them.
pub(super) fn companions(database: &Path) -> [PathBuf; 3] {
    ["-journal", "-wal", "-shm"].map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// A file that SQLite would treat as a part of a new database with this name. Includes a link whose target does not
/// exist.
pub(super) fn left_beside(database: &Path) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    companions(database).into_iter().find(is_there)
}

/// The path of an archive for writing. Refuses a file that has a second name, because each name has its own lock and
/// its own log (<https://www.sqlite.org/howtocorrupt.html>, 2.5). Refuses a link of another user, who may use it to
/// have another file overwritten.
pub(super) fn path_to_write(path: &Path) -> Result<PathBuf, Error> {
    let refused = |what: &str| Err(unfit("cannot write to the archive", path, what));
    let cannot_read = |error| file_error("cannot read the archive", path)(error);
    let there = fs::symlink_metadata(path).map_err(cannot_read)?;
    if there.is_symlink() && is_foreign(&there) {
        return refused("it is a link that belongs to another user");
    }
    let real = if there.is_symlink() {
        path_to_read(path)?
    } else {
        in_full(path).map_err(cannot_read)?
    };
    if !fs::symlink_metadata(path).is_ok_and(|it| is_same(&it, &there)) {
        return refused("another file replaced it");
    }
    if has_other_names(&fs::symlink_metadata(&real).map_err(cannot_read)?) {
        return refused(
            "it has another name (a hard link) with another lock: make it a separate file with `cp -p` and `mv`",
        );
    }
    Ok(real)
}

/// The same file by a path that SQLite cannot misread: an absolute path, because `:memory:` and `file:…` are not file
/// names for SQLite, and without a link at its end.
pub(super) fn path_to_read(path: &Path) -> Result<PathBuf, Error> {
    let real = fs::canonicalize(path);
    real.map_err(file_error("cannot read the archive", path))
}

/// The same path with a folder that contains no link. A link that replaces the file itself stays in the path.
pub(super) fn in_full(path: &Path) -> io::Result<PathBuf> {
    let mut real = fs::canonicalize(folder_of(path))?;
    real.extend(path.file_name());
    Ok(real)
}

/// Refuses unsafe files beside the archive. SQLite would wait forever for a FIFO there, refuses a link, writes to a
/// file that has a second name, and as root changes the owner of such a file to the archive's owner.
fn refuse_companions(path: &Path) -> Result<(), Error> {
    // Beside the file itself, independent of any link to it.
    let path = fs::canonicalize(path).map_err(file_error("cannot read the archive", path))?;
    for companion in companions(&path) {
        let Ok(metadata) = fs::symlink_metadata(&companion) else {
            continue;
        };
        let what = match kind(&metadata) {
            Some(kind) => {
                format!("it is a {kind}, not a file, and SQLite would use it; move it away")
            }
            None if has_other_names(&metadata) => {
                "it has another name (a hard link), and SQLite would write to it: make it a separate file with `cp \
                 -p` and `mv`"
                    .to_owned()
            }
            None => continue,
        };
        return Err(unfit("cannot use the archive beside", &companion, &what));
    }
    Ok(())
}

/// Refuses a folder, a FIFO, a socket or a device. Follows a link: the archive may be elsewhere.
fn refuse_what_is_no_file(path: &Path) -> Result<(), Error> {
    let what = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(leads_to) => format!("link to {}, which does not exist", leads_to.display()),
            Err(_) => return Err(Error::Missing(path.to_owned())),
        },
        found => match kind(&found.map_err(file_error("cannot read the archive", path))?) {
            Some(kind) => format!("{kind}, not a file"),
            None => return Ok(()),
        },
    };
    let path = path.to_owned();
    Err(Error::NotAFile { path, what })
}

/// Creates the folder of a file.
pub(super) fn make_folder_of(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    // A user who may write to the folder could replace the archive.
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(file_error("cannot create the folder", folder))
}

/// Returns true when it created the file.
pub(super) fn create_if_missing(path: &Path) -> Result<bool, Error> {
    make_folder_of(path)?;
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => own(&file).map(|()| true).map_err(|error| {
            remove_if_empty(path);
            file_error("cannot keep others from reading the new archive", path)(error)
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists || path.is_dir() => Ok(false),
        Err(error) => Err(file_error("cannot create the archive", path)(error)),
    }
}

/// Removes the empty file of an archive that was just created and then failed.
pub(super) fn remove_if_empty(path: &Path) {
    let is_empty = |it: fs::Metadata| it.is_file() && it.len() == 0;
    if fs::symlink_metadata(path).is_ok_and(is_empty) {
        let _ = fs::remove_file(path);
    }
}

/// Makes a new file private to its owner, whatever the umask. On file systems without modes, this fails only when other
/// users can read the file.
pub(super) fn own(file: &File) -> io::Result<()> {
    if let Err(error) = file.set_permissions(fs::Permissions::from_mode(0o600))
        && file.metadata()?.permissions().mode() & 0o077 != 0
    {
        return Err(error);
    }
    Ok(())
}

/// Writes a folder to the disk: a new file name is safe only after this
/// (<https://man7.org/linux/man-pages/man2/fsync.2.html>). Some file systems do this by themselves and refuse the
/// request.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !is_left_to_the_system(&error) => Err(error),
        _ => Ok(()),
    }
}

/// True when a folder cannot be synced at all, for example because it is not readable. This is not a failing disk.
fn is_left_to_the_system(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    use rustix::io::Errno;
    matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied)
        || Errno::from_io_error(error) == Some(Errno::BADF)
}

/// The result of an attempt to lock a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Taken,
    /// The last holder removed the file after it was opened. The lock on it blocks no other process.
    Removed,
    Held,
}

pub(super) fn attempt(file: &File, path: &Path) -> Result<Attempt, Error> {
    match file.try_lock() {
        Ok(()) if is_at(file, path) => Ok(Attempt::Taken),
        Ok(()) => Ok(Attempt::Removed),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Held),
        Err(TryLockError::Error(error)) => Err(file_error("cannot lock", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_synced_is_no_failure_and_a_failing_disk_is_one() {
        use rustix::io::Errno;
        for (error, expected) in [
            (Errno::INVAL, true),
            (Errno::BADF, true),
            (Errno::NOSYS, true),
            (Errno::OPNOTSUPP, true),
            (Errno::ACCESS, true),
            (Errno::IO, false),
            (Errno::NOSPC, false),
            (Errno::DQUOT, false),
        ] {
            assert_eq!(is_left_to_the_system(&error.into()), expected, "{error}");
        }
    }
}
