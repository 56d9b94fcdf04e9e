//! The steps that change a folder of Parquet files. A test can stop before any of them, as a kill would.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Error;
use crate::core::files::is_same;

/// Called before each step; an error stops the work there.
pub(super) type Step = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The file system.
pub(super) struct Disk {
    pub(super) step: Step,
    /// False once the file system has shown that it cannot exchange two folders.
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
    /// A step on this path.
    fn step<T>(
        &mut self,
        path: &Path,
        step: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, Error> {
        let outcome = (self.step)().and_then(|()| step(path));
        at(path, outcome)
    }

    /// Makes the folder, unless it exists, and the folders above it.
    pub(super) fn make_folder(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, |path| fs::create_dir_all(path))
    }

    pub(super) fn create(&mut self, path: &Path) -> Result<File, Error> {
        self.step(path, |path| File::create_new(path))
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step(to, |to| fs::rename(from, to))
    }

    /// Exchanges two folders. False where the file system cannot do it.
    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> Result<bool, Error> {
        if self.exchanges {
            self.exchanges = self.step(other, |other| exchange(one, other))?;
        }
        Ok(self.exchanges)
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

    pub(super) fn remove_file(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, |path| fs::remove_file(path))
    }

    /// Removes the folder if it is empty.
    pub(super) fn remove_folder(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, |path| match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            outcome => outcome,
        })
    }

    /// Forces the file or the names in the folder to the disk.
    pub(super) fn sync(&mut self, path: &Path) -> Result<(), Error> {
        self.step(path, sync)
    }

    /// Forces all of these to the disk, several at a time: the file system then writes its log once for many.
    pub(super) fn sync_all(&mut self, paths: &[PathBuf]) -> Result<(), Error> {
        const AT_A_TIME: usize = 8;
        for path in paths {
            at(path, (self.step)())?;
        }
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                at(path, sync(path))?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            // Where the system refuses threads, this one does all the work.
            let helpers: Vec<_> = (1..AT_A_TIME.min(paths.len())).filter_map(start).collect();
            let done = work();
            let ended = helpers.into_iter().filter_map(|helper| helper.join().ok());
            ended.fold(done, Result::and)
        })
    }

    /// Removes what archiver made below `from`, and takes back to its place below `to` what others put there meanwhile.
    pub(super) fn clear(
        &mut self,
        from: &Path,
        to: &Path,
        is_own: &dyn Fn(&Path) -> bool,
    ) -> Result<(), Error> {
        let files = files_below(from)?;
        for path in &files {
            let (old, new) = (from.join(path), to.join(path));
            let (here, there) = (fs::symlink_metadata(&old), fs::symlink_metadata(&new));
            let is_kept = matches!((here, there), (Ok(old), Ok(new)) if is_same(&old, &new));
            if is_own(path) || is_kept {
                self.remove_file(&old)?;
            } else if let Some(folder) = new.parent() {
                self.make_folder(folder)?;
                self.rename(&old, &new)?;
            }
        }
        for folder in folders_below(from)?.iter().rev() {
            self.remove_folder(folder)?;
        }
        Ok(())
    }
}

fn sync(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Not every file system can do this with a folder.
        Err(error) if path.is_dir() && error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        outcome => outcome,
    }
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

/// The files below a folder, links among them, by their path from there. None where there is no folder.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for folder_below in folders_below(folder)? {
        for entry in at(&folder_below, fs::read_dir(&folder_below))? {
            let entry = at(&folder_below, entry)?;
            if !at(&entry.path(), entry.file_type())?.is_dir() {
                let path = entry.path();
                files.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The folder and those below it, each after the one that it is in. None where there is no folder.
pub(super) fn folders_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders: Vec<_> = Some(folder.to_owned())
        .filter(|it| fs::symlink_metadata(it).is_ok_and(|it| it.is_dir()))
        .into_iter()
        .collect();
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        for entry in at(&folder, fs::read_dir(&folder))? {
            let entry = at(&folder, entry)?;
            if at(&entry.path(), entry.file_type())?.is_dir() {
                folders.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(folders)
}
