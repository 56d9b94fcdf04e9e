//! One sync at a time: a lock beside the archive that dies with its holder.
//!
//! The operating system's advisory lock on `<archive>.lock`. A process that is killed leaves the file but not the
//! lock, so there is nothing stale to clean up. Its content only tells people who holds it. The file is removed on
//! release; whoever locks makes sure that what it locked is still the file at that path.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::{Error, file_error};
use crate::time::Timestamp;

/// The right to write to an archive, until it is dropped.
#[derive(Debug)]
pub struct ArchiveLock {
    file: File,
    path: PathBuf,
}

/// How often a taken lock is tried again. Advisory locks tell nobody that they are free.
const POLL_EVERY: Duration = Duration::from_millis(100);

impl ArchiveLock {
    /// Takes the lock of the archive at `archive`, trying for as long as `wait`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process holds it all that time; [`Error::File`] when the file beside the
    /// archive cannot be made.
    pub fn acquire(archive: &Path, now: Timestamp, wait: Duration) -> Result<Self, Error> {
        if let Some(folder) = archive
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder).map_err(file_error("cannot create the folder", folder))?;
        }
        let path = beside(archive);
        let started = Instant::now();
        loop {
            let mut file = open(&path).map_err(file_error("cannot create the lock", &path))?;
            match attempt(&file, &path)? {
                Attempt::Taken => {
                    sign(&mut file, now).map_err(file_error("cannot write the lock", &path))?;
                    return Ok(Self { file, path });
                }
                Attempt::Removed => {}
                Attempt::Held if started.elapsed() < wait => thread::sleep(POLL_EVERY),
                Attempt::Held => {
                    return Err(Error::Locked {
                        path: archive.to_owned(),
                        holder: holder(&mut file),
                    });
                }
            }
        }
    }
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

impl Drop for ArchiveLock {
    fn drop(&mut self) {
        // Best effort, and while still holding it: a file that stays is locked anew by the next sync. Where somebody
        // removed it by hand, what is there now is the lock of another sync.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// Where the lock of an archive is: the same place, whatever link the archive is reached by.
fn beside(archive: &Path) -> PathBuf {
    let archive = fs::canonicalize(archive).unwrap_or_else(|_| archive.to_owned());
    let mut path = archive.into_os_string();
    path.push(".lock");
    path.into()
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let locked = file.metadata().map(identity).ok();
    locked.is_some() && locked == fs::metadata(path).map(identity).ok()
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}, since {now}", std::process::id())
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| format!(" ({text})"))
}
