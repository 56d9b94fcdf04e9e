//! The steps that change a folder of Parquet files. A test can stop before any of them, as a kill would.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::core::files::{Hashed, folder_of};

/// The folder of unfinished work. Engines read nothing below a name that begins like this.
pub(super) const WORK: &str = ".archiver-export";

/// A folder that cannot be written or checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot take this export, or has none.
    #[error("{message}")]
    Refused {
        /// The obstacle.
        message: String,
        /// The next step.
        hint: &'static str,
    },
    /// Another run works there.
    #[error("another export to {} is running", .0.display())]
    Busy(PathBuf),
    /// The system refused.
    #[error("cannot write or read {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl Error {
    /// The refusal of a folder, with the next step.
    #[must_use]
    pub fn refused(message: String, hint: &'static str) -> Self {
        Self::Refused { message, hint }
    }
}

/// Takes the bytes of a file, and hashes them.
pub type Sink = Hashed<Box<dyn Write + Send>>;

/// Called before each step; an error stops the work there.
pub(super) type Step = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The file system.
pub(super) struct Disk {
    pub(super) step: Step,
    /// False in a test of a file system that cannot exchange two folders.
    pub(super) exchanges: bool,
}

/// Names the path in an error.
pub(super) fn at<T>(path: &Path, outcome: io::Result<T>) -> Result<T, Error> {
    outcome.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

impl Disk {
    /// Does something to this path.
    pub(super) fn step<'a, T>(
        &mut self,
        path: &'a Path,
        step: impl FnOnce(&'a Path) -> io::Result<T>,
    ) -> Result<T, Error> {
        let outcome = (self.step)().and_then(|()| step(path));
        at(path, outcome)
    }

    /// Makes the folder, unless it exists, and the folders above it.
    pub(super) fn make_folder(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, fs::create_dir_all)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step(to, |to| fs::rename(from, to))
    }

    /// Exchanges two folders. False where the file system cannot do it.
    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> Result<bool, Error> {
        Ok(self.exchanges && self.step(other, |other| exchange(one, other))?)
    }

    /// Gives the file a second name, or copies it where a file has only one name.
    pub(super) fn link(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step(to, |to| {
            fs::hard_link(from, to).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => Err(error),
                _ => fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()),
            })
        })
    }

    /// Removes the file, if there is one.
    pub(super) fn remove_file(&mut self, path: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(path) {
            Ok(_) => self.step(path, fs::remove_file),
            Err(_) => Ok(()),
        }
    }

    /// Forces the file or the names in the folder to the disk.
    pub(super) fn sync(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, |path| match File::open(path)?.sync_all() {
            // Not every file system can do this with a folder.
            Err(error) if path.is_dir() && error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            outcome => outcome,
        })
    }

    /// Removes what archiver made below `from`, and takes back to its place below `to` what others put there meanwhile.
    pub(super) fn clear(
        &mut self,
        from: &Path,
        to: &Path,
        is_own: &dyn Fn(&Path) -> bool,
    ) -> Result<(), Error> {
        let (files, folders) = below(from)?;
        for path in files {
            let (old, new) = (from.join(&path), to.join(&path));
            // The newer of two files stays. Two names of one file are equally new.
            if !is_own(&path) && modified(&new) < modified(&old) {
                self.make_folder(folder_of(&new))?;
                self.rename(&old, &new)?;
            }
            self.remove_file(&old)?;
        }
        for folder in folders.iter().rev() {
            // A folder with something that somebody else put there stays.
            let _ = self.step(folder, fs::remove_dir);
        }
        Ok(())
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.modified().ok()
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// The folder, open and locked.
pub(super) fn locked(
    root: &Path,
    attempt: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, Error> {
    let folder = at(root, File::open(root))?;
    match attempt(&folder) {
        Err(TryLockError::WouldBlock) => Err(Error::Busy(root.to_owned())),
        // Not every file system has locks for folders.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

/// The files below a folder, links among them, by their path from there; and the folder and those below it, each after
/// the one that it is in. None where there is no folder.
pub(super) fn below(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Error> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => {
                for entry in at(&path, fs::read_dir(&path))? {
                    waiting.push(at(&path, entry)?.path());
                }
                folders.push(path);
            }
            Ok(_) => files.push(path.strip_prefix(folder).unwrap_or(&path).to_owned()),
            Err(_) => {}
        }
    }
    files.sort();
    Ok((files, folders))
}
