//! Files and folders as the store makes them: their owner's alone, on the disk, held by a lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::error::{Error, file_error};
use crate::core::files::is_at;

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
#[cfg(unix)]
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
