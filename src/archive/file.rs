//! What a file says of itself before SQLite is let near it.
//!
//! Merely opening a database can change it, and merely opening something that is no file can take for ever: a FIFO waits
//! for somebody to write. So first the file system is asked what stands at the path, then the first bytes are read.

use super::error::{Error, file_error, unfit};
use super::migrations::{APPLICATION_ID, LATEST_VERSION};
use crate::core::files;
use crate::core::files::{Links, folder_of, has_other_names, is_at, is_foreign, is_same, kind};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What the file's first bytes say (<https://www.sqlite.org/fileformat.html#the_database_header>).
pub(super) enum Header {
    /// No bytes: a new archive.
    Empty,
    /// An archive; not of a later version, as far as these bytes tell.
    Ours,
}

pub(super) fn check_header(path: &Path) -> Result<Header, Error> {
    const LENGTH: u64 = 100;
    let mut header = Vec::new();
    refuse_what_is_no_file(path)?;
    refuse_companions(path)?;
    files::options(Links::Followed)
        .read(true)
        .open(path)
        .map_err(file_error("cannot read the archive", path))?
        .take(LENGTH)
        .read_to_end(&mut header)
        .map_err(file_error("cannot read the archive", path))?;
    if header.is_empty() {
        return Ok(Header::Empty);
    }
    let number = |offset: usize| {
        let bytes = header.get(offset..offset + 4);
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(i32::from_be_bytes)
    };
    let damaged = |reason: &str| {
        Err(Error::Damaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if !header.starts_with(b"SQLite format 3\0") {
        return damaged("it is not a SQLite database");
    }
    let (Some(version), Some(application)) = (number(60), number(68)) else {
        return damaged("it ends inside its first 100 bytes");
    };
    if application != APPLICATION_ID {
        return Err(Error::Foreign {
            path: path.to_owned(),
        });
    }
    // The versions of the format to write and to read: a greater one is for programs that know it.
    if let Some(format) = header[18..20].iter().find(|format| **format > 2) {
        let what = "is none that archiver writes: it is damaged, or of a newer kind";
        return damaged(&format!("its file format, {format}, {what}"));
    }
    refuse_version(path, version.into()).map(|()| Header::Ours)
}

/// Whether the file says that changes are in a log beside it. To be asked where nothing is locked any more.
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

/// The schema version is one that no archive has at any moment.
pub(super) fn impossible_version(path: &Path, found: i64) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        reason: format!("its schema version is {found}, which no archive has; the first is 1"),
    }
}

/// The files that SQLite keeps beside a database, and takes for a part of it whoever left them.
pub(super) fn companions(database: &Path) -> [PathBuf; 3] {
    ["-journal", "-wal", "-shm"].map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// What SQLite would take for a part of a database that is about to get this name; also a link that leads nowhere.
pub(super) fn left_beside(database: &Path) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    companions(database).into_iter().find(is_there)
}

/// The path of an archive that a sync may write to: not a file that has another name too, since each name has its own lock
/// and its own log (<https://www.sqlite.org/howtocorrupt.html>, 2.5), and not what a link leads to that another user made,
/// who may want to have it written over.
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
        return refused("something else came in its place");
    }
    if has_other_names(&fs::symlink_metadata(&real).map_err(cannot_read)?) {
        return refused(
            "it has another name too, a hard link, with another lock: make it a file of its own with `cp -p` and `mv`",
        );
    }
    Ok(real)
}

/// The same file by a path that SQLite takes for nothing else: in full, since `:memory:` and `file:…` are no names to it,
/// and without a link at its end.
pub(super) fn path_to_read(path: &Path) -> Result<PathBuf, Error> {
    #[cfg(unix)]
    let real = fs::canonicalize(path);
    #[cfg(not(unix))]
    let real = std::path::absolute(path);
    real.map_err(file_error("cannot read the archive", path))
}

/// The same path without a link on the way to its folder: one that comes in the place of the file is in it.
pub(super) fn in_full(path: &Path) -> io::Result<PathBuf> {
    #[cfg(unix)]
    {
        let mut real = fs::canonicalize(folder_of(path))?;
        real.extend(path.file_name());
        Ok(real)
    }
    #[cfg(not(unix))]
    std::path::absolute(path)
}

/// SQLite waits for a FIFO there for ever, follows no link, writes to whatever other name a file has, and as root gives it
/// to the archive's owner.
fn refuse_companions(path: &Path) -> Result<(), Error> {
    // Beside the file itself, whatever link it is reached by.
    let path = fs::canonicalize(path).map_err(file_error("cannot read the archive", path))?;
    for companion in companions(&path) {
        let Ok(metadata) = fs::symlink_metadata(&companion) else {
            continue;
        };
        let what = match kind(&metadata) {
            Some(kind) => {
                format!("it is a {kind}, not a file, and SQLite would use it; take it away")
            }
            None if has_other_names(&metadata) => {
                "it has another name too, a hard link, and SQLite would write to it: make it a file of its own with `cp \
                 -p` and `mv`"
                    .to_owned()
            }
            None => continue,
        };
        return Err(unfit("cannot use the archive beside", &companion, &what));
    }
    Ok(())
}

/// A folder, a FIFO, a socket or a device is nothing to keep an archive in. A link is followed: the archive may live
/// elsewhere.
fn refuse_what_is_no_file(path: &Path) -> Result<(), Error> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(match fs::read_link(path) {
                Ok(leads_to) => Error::LeadsNowhere {
                    path: path.to_owned(),
                    leads_to,
                },
                Err(_) => Error::Missing {
                    path: path.to_owned(),
                },
            });
        }
        found => found.map_err(file_error("cannot read the archive", path))?,
    };
    match kind(&metadata) {
        None => Ok(()),
        Some(kind) => {
            let what = format!("it is a {kind}, not a file");
            Err(unfit("cannot use as an archive", path, &what))
        }
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
pub(super) fn create_if_missing(path: &Path) -> Result<bool, Error> {
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
pub(super) fn remove_if_empty(path: &Path) {
    let is_empty = |it: fs::Metadata| it.is_file() && it.len() == 0;
    if fs::symlink_metadata(path).is_ok_and(is_empty) {
        let _ = fs::remove_file(path);
    }
}

/// Makes a new file its owner's alone, whatever the umask. Some file systems know no modes: there it is an error only
/// when others may look.
pub(super) fn own(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = file.set_permissions(fs::Permissions::from_mode(0o600))
            && file.metadata()?.permissions().mode() & 0o077 != 0
        {
            return Err(error);
        }
    }
    let _ = file;
    Ok(())
}

/// A new name is on the disk once its folder is (<https://man7.org/linux/man-pages/man2/fsync.2.html>), which some file
/// systems do by themselves, and refuse when they are asked to.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !is_left_to_the_system(&error) => return Err(error),
        _ => {}
    }
    let _ = folder;
    Ok(())
}

/// Whether a folder cannot be brought to the disk at all, be it that nobody may read it, which is no failing disk.
#[cfg(unix)]
fn is_left_to_the_system(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    use rustix::io::Errno;
    matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied)
        || Errno::from_io_error(error) == Some(Errno::BADF)
}

/// What trying to lock a file came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Taken,
    /// Its last holder removed it after it was opened: what is locked now is in nobody's way.
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
