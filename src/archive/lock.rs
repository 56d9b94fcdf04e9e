//! One sync at a time: a lock beside the archive that ends with its holder.
//!
//! This is the operating system's advisory lock on `<archive>.lock`. A killed process leaves the file but not the lock,
//! so no stale lock needs cleaning. The content of the file only tells the user which process holds the lock. The
//! holder removes the file on release. After locking, a process therefore checks that the locked file is still the file
//! at that path.

use super::error::{Error, file_error};
use super::file::companions;
use super::file::{Attempt, attempt, make_folder_of, own};
use crate::core::cancellation::Cancellation;
use crate::core::files;
use crate::core::files::{Links, has_other_names, is_at};
use crate::core::time::Timestamp;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// The right to write to an archive, until it is dropped.
#[derive(Debug)]
pub struct ArchiveLock {
    file: File,
    path: PathBuf,
}

/// The state of an archive's lock, as far as it is visible without taking the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// No sync runs.
    Free,
    /// A sync runs.
    Held {
        /// `process 4242, since 2026-01-01T00:00:00Z`
        holder: String,
    },
    /// A sync runs where this machine cannot see it, or a killed sync left the lock file.
    Left {
        /// `process 4242, since 2026-01-01T00:00:00Z`
        holder: String,
    },
}

impl LockState {
    /// Reads the state of the lock of the archive at `archive`. Never takes the lock: a sync that begins at the same
    /// moment would find it taken.
    #[must_use]
    pub fn of(archive: &Path) -> Self {
        let path = lock_of(archive);
        // Only a file can be a lock. Opening a FIFO would block.
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => return Self::Free,
        };
        // A user who may read the archive may not be allowed to read the lock.
        let opened = files::options(Links::Refused).read(true).open(&path).ok();
        let holder = opened.and_then(|mut file| holder(&mut file));
        let holder = holder.unwrap_or_else(|| "another user's process".to_owned());
        let process = holder.strip_prefix("process ");
        let process = process.and_then(|rest| rest.split(',').next());
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        if is_listed(&locks, process, metadata.ino()) {
            Self::Held { holder }
        } else if fs::read_link("/proc/self/ns/pid").is_ok_and(|it| it == Path::new(WHOLE_MACHINE))
        {
            Self::Free
        } else {
            Self::Left { holder }
        }
    }
}

/// The process namespace in which Linux lists the locks of all processes. Inside a container it does not list them.
const WHOLE_MACHINE: &str = "pid:[4026531836]";

/// True when Linux lists an exclusive lock on a file, by its inode or by the process that holds it.
fn is_listed(locks: &str, process: Option<&str>, inode: u64) -> bool {
    held(locks)
        .filter(|lock| lock.kind == "FLOCK" && lock.is_exclusive)
        .any(|lock| Some(lock.process) == process || lock.inode == inode)
}

/// The interval between two attempts to take a lock. An advisory lock does not notify when it becomes free.
const POLL_EVERY: Duration = Duration::from_millis(100);

impl ArchiveLock {
    /// Takes the lock of the archive at `archive`. Tries for as long as `wait`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process holds the lock all that time. [`Error::File`] when the lock file cannot
    /// be created.
    pub fn acquire(archive: &Path, now: Timestamp, wait: Duration) -> Result<Self, Error> {
        Self::acquire_unless(archive, now, wait, &Cancellation::never())
    }

    /// The same as [`Self::acquire`], but stops a tenth of a second after a request to end.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub fn acquire_unless(
        archive: &Path,
        now: Timestamp,
        wait: Duration,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        make_folder_of(archive)?;
        let path = lock_of(archive);
        let started = Instant::now();
        loop {
            let mut file = open(&path).map_err(file_error("cannot create the lock", &path))?;
            match attempt(&file, &path)? {
                // The lock file is also a file of another user, and a write would change that file. The lock may delete
                // its own name.
                Attempt::Taken if file.metadata().is_ok_and(|it| has_other_names(&it)) => {
                    fs::remove_file(&path)
                        .map_err(file_error("cannot recreate the lock", &path))?;
                }
                Attempt::Taken => {
                    give_to_owner(&file, archive);
                    // From here on, dropping the lock removes the file, also when the disk has no room for its content.
                    let mut lock = Self { file, path };
                    sign(&mut lock.file, now)
                        .map_err(file_error("cannot write the lock", &lock.path))?;
                    return Ok(lock);
                }
                Attempt::Removed => {}
                Attempt::Held if started.elapsed() < wait && !cancellation.is_requested() => {
                    thread::sleep(POLL_EVERY);
                }
                Attempt::Held => {
                    return Err(Error::Locked {
                        path: archive.to_owned(),
                        holder: holder(&mut file).map_or_else(String::new, |it| format!(" ({it})")),
                    });
                }
            }
        }
    }
}

impl Drop for ArchiveLock {
    fn drop(&mut self) {
        // Best effort, while still holding the lock: the next sync locks a remaining file again. If a user removed the
        // file by hand, the file at this path is the lock of another sync.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// The path of an archive's lock. It does not depend on the link by which the archive is reached.
pub(super) fn lock_of(archive: &Path) -> PathBuf {
    let archive = fs::canonicalize(archive).unwrap_or_else(|_| archive.to_owned());
    let mut path = archive.into_os_string();
    path.push(".lock");
    path.into()
}

/// Opens or creates the lock file. A link at this path comes from another user: archiver would empty its target and
/// change the target's owner. In a folder that does not belong to root, the link may also appear between the check and
/// the next step.
pub(super) fn open(path: &Path) -> io::Result<File> {
    loop {
        let is_no_file = |metadata: fs::Metadata| !metadata.file_type().is_file();
        if fs::symlink_metadata(path).is_ok_and(is_no_file) {
            let what = "it is not a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut options = files::options(Links::Refused);
        options.read(true).write(true);
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match options.create_new(true).mode(0o600).open(path) {
            // Another sync created it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Ok(file) => {
                // A umask may lock out the owner too. On file systems without modes, the file still works as a lock.
                let _ = own(&file);
                return Ok(file);
            }
            failed => return failed,
        }
    }
}

/// Gives the lock to the owner of the archive, so that a lock left by a killed sync of root blocks no other user. Only
/// root can change the owner, and a lock of any other user has the right owner already.
fn give_to_owner(lock: &File, archive: &Path) {
    if let Ok(owned) = fs::metadata(archive) {
        // A lock that stays with root works as well, until that sync is killed.
        let _ = fchown(lock, Some(owned.uid()), Some(owned.gid()));
    }
}

fn sign(file: &mut File, now: Timestamp) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "process {}, since {now}", std::process::id())
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A held lock: `3: FLOCK  ADVISORY  WRITE 26043 fe:00:10117315 0 EOF`.
struct Held<'a> {
    kind: &'a str,
    is_exclusive: bool,
    process: &'a str,
    inode: u64,
    /// The first locked byte.
    start: u64,
}

/// The held locks in `/proc/locks`, without the processes that wait for a lock.
fn held(locks: &str) -> impl Iterator<Item = Held<'_>> {
    locks.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, kind, _, mode, process, file, start, ..] = words.as_slice() else {
            return None;
        };
        Some(Held {
            kind,
            is_exclusive: *mode == "WRITE",
            process,
            inode: file.rsplit(':').next()?.parse().ok()?,
            start: start.parse().ok()?,
        })
    })
}

/// The first byte that SQLite locks in a database, beyond its content (<https://www.sqlite.org/lockingv3.html>).
const PENDING_BYTE: u64 = 0x4000_0000;
/// The byte that a writer locks in the index of a log (<https://www.sqlite.org/walformat.html#locks>).
const WAL_WRITE_BYTE: u64 = 120;

/// The other processes whose locks keep a sync from writing to an archive: `process 4242 (sqlite3)`. `None` when the
/// system does not tell, or shows only this process, as in a container.
#[must_use]
pub fn holders(archive: &Path) -> Option<String> {
    let archive = fs::canonicalize(archive).ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let [_, _, index] = companions(&archive);
    let this = std::process::id().to_string();
    let processes = |path: &Path, is_meant: fn(u64) -> bool| -> BTreeSet<&str> {
        // The file is not opened here, because closing it would drop the locks of this process.
        let inode = fs::metadata(path).map(|it| it.ino()).ok();
        held(&locks)
            .filter(|it| it.kind == "POSIX" && Some(it.inode) == inode && is_meant(it.start))
            .map(|lock| lock.process)
            .filter(|process| *process != this)
            .collect()
    };
    // With a log, readers do not block a writer.
    let mut found = processes(&index, |start| start == WAL_WRITE_BYTE);
    if found.is_empty() {
        found = processes(&archive, |start| start >= PENDING_BYTE);
    }
    let found: Vec<_> = found.into_iter().map(described).collect();
    (!found.is_empty()).then(|| found.join(", "))
}

fn described(process: &str) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    match name.trim() {
        "" => format!("process {process}"),
        name => format!("process {process} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 7 fe:00:42 128 128
2: FLOCK  ADVISORY  READ 8 fe:00:42 0 EOF
3: FLOCK  ADVISORY  WRITE 9 fe:00:43 0 EOF
3: -> FLOCK  ADVISORY  WRITE 10 fe:00:44 0 EOF
nonsense
";

    #[test]
    fn a_lock_is_found_by_its_file_or_its_process() {
        for (process, inode, expected) in [
            (Some("9"), 1, true),
            (None, 43, true),
            (Some("1"), 43, true),
            (Some("7"), 42, false),
            (Some("10"), 44, false),
            (None, 1, false),
        ] {
            assert_eq!(
                is_listed(LOCKS, process, inode),
                expected,
                "{process:?} {inode:?}"
            );
        }
    }

    #[test]
    fn a_lock_that_may_not_be_read_is_held_all_the_same() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.db");
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let lock = ArchiveLock::acquire(&archive, now, Duration::ZERO).unwrap();
        fs::set_permissions(lock_of(&archive), fs::Permissions::from_mode(0o000)).unwrap();
        assert_ne!(LockState::of(&archive), LockState::Free);
        drop(lock);
    }

    #[test]
    fn what_is_no_file_is_no_lock_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.db");
        let pipe = std::process::Command::new("mkfifo")
            .arg(lock_of(&archive))
            .status();
        assert!(pipe.unwrap().success());
        assert_eq!(LockState::of(&archive), LockState::Free);
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        ArchiveLock::acquire(&archive, now, Duration::ZERO).unwrap_err();
    }

    #[test]
    fn a_lock_that_is_another_file_too_is_made_anew_and_that_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.db");
        let theirs = folder.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        fs::hard_link(&theirs, lock_of(&archive)).unwrap();
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let lock = ArchiveLock::acquire(&archive, now, Duration::ZERO).unwrap();
        let words = fs::read_to_string(lock_of(&archive)).unwrap();
        assert!(words.starts_with("process "), "{words}");
        drop(lock);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(!lock_of(&archive).exists());
    }

    #[test]
    fn what_nobody_holds_is_free_and_looking_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.db");
        assert_eq!(LockState::of(&archive), LockState::Free);
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let lock = ArchiveLock::acquire(&archive, now, Duration::ZERO).unwrap();
        assert_ne!(LockState::of(&archive), LockState::Free);
        drop(lock);
        assert_eq!(LockState::of(&archive), LockState::Free);
        let left = lock_of(&archive);
        fs::write(&left, "process 4194305, since 2026-01-01T12:00:00Z").unwrap();
        assert!(!matches!(LockState::of(&archive), LockState::Held { .. }));
        ArchiveLock::acquire(&archive, now, Duration::ZERO).unwrap();
    }
}
