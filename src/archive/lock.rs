//! One sync at a time: a lock beside the archive that dies with its holder.
//!
//! The operating system's advisory lock on `<archive>.lock`. A process that is killed leaves the file but not the
//! lock, so there is nothing stale to clean up. Its content only tells people who holds it. The file is removed on
//! release; whoever locks makes sure that what it locked is still the file at that path.

use super::error::{Error, file_error};
use super::file::companions;
use super::file::{Attempt, attempt, make_folder_of, own};
use crate::core::files;
use crate::core::files::{Links, has_other_names, is_at};
use crate::core::time::Timestamp;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// The right to write to an archive, until it is dropped.
#[derive(Debug)]
pub struct ArchiveLock {
    file: File,
    path: PathBuf,
}

/// Whether a sync holds the lock of an archive, as far as that can be told without touching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// No sync runs.
    Free,
    /// A sync runs.
    Held {
        /// `process 4242, since 2026-01-01T00:00:00Z`
        holder: String,
    },
    /// A sync runs where this machine cannot see it, or was killed and left this.
    Left {
        /// `process 4242, since 2026-01-01T00:00:00Z`
        holder: String,
    },
}

impl LockState {
    /// Looks at the lock of the archive at `archive`, without taking it even for a moment: a sync that begins just then
    /// would find it taken.
    #[must_use]
    pub fn of(archive: &Path) -> Self {
        let path = lock_of(archive);
        // What is no file is nobody's lock, and a FIFO would keep who opens it waiting.
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => return Self::Free,
        };
        // Whoever may read the archive need not be allowed to read the lock.
        let opened = files::options(Links::Refused).read(true).open(&path).ok();
        let holder = opened.and_then(|mut file| holder(&mut file));
        let holder = holder.unwrap_or_else(|| "another user's process".to_owned());
        let holder = holder.trim_matches([' ', '(', ')']).to_owned();
        let process = holder.strip_prefix("process ");
        let process = process.and_then(|rest| rest.split(',').next());
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        if is_listed(&locks, process, inode(&metadata)) {
            Self::Held { holder }
        } else if fs::read_link("/proc/self/ns/pid").is_ok_and(|it| it == Path::new(WHOLE_MACHINE))
        {
            Self::Free
        } else {
            Self::Left { holder }
        }
    }
}

/// The namespace of processes in which Linux lists the locks of all others too; inside a container it does not.
const WHOLE_MACHINE: &str = "pid:[4026531836]";

/// Whether Linux lists an exclusive lock on a file, by its inode or by the process that holds it.
fn is_listed(locks: &str, process: Option<&str>, inode: Option<u64>) -> bool {
    held(locks)
        .filter(|lock| lock.kind == "FLOCK" && lock.is_exclusive)
        .any(|lock| Some(lock.process) == process || (inode.is_some() && lock.inode == inode))
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
        Self::acquire_unless(archive, now, wait, &|| false)
    }

    /// The same, no longer than until it is given up, which is looked at every tenth of a second.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub fn acquire_unless(
        archive: &Path,
        now: Timestamp,
        wait: Duration,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        make_folder_of(archive)?;
        let path = lock_of(archive);
        let started = Instant::now();
        loop {
            let mut file = open(&path).map_err(file_error("cannot create the lock", &path))?;
            match attempt(&file, &path)? {
                // What is done to it would be done to somebody else's file too; the name is the lock's.
                Attempt::Taken if file.metadata().is_ok_and(|it| has_other_names(&it)) => {
                    fs::remove_file(&path)
                        .map_err(file_error("cannot make anew the lock", &path))?;
                }
                Attempt::Taken => {
                    give_to_owner(&file, archive);
                    // From here on it goes when it is dropped, also when the disk has no room for its words.
                    let mut lock = Self { file, path };
                    sign(&mut lock.file, now)
                        .map_err(file_error("cannot write the lock", &lock.path))?;
                    return Ok(lock);
                }
                Attempt::Removed => {}
                Attempt::Held if started.elapsed() < wait && !is_given_up() => {
                    thread::sleep(POLL_EVERY);
                }
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
pub(super) fn lock_of(archive: &Path) -> PathBuf {
    let archive = fs::canonicalize(archive).unwrap_or_else(|_| archive.to_owned());
    let mut path = archive.into_os_string();
    path.push(".lock");
    path.into()
}

/// A link there is somebody else's doing: what it leads to would be emptied, and given away. It may also come to be there
/// between a look and the next step, where the folder belongs to somebody else than root.
pub(super) fn open(path: &Path) -> io::Result<File> {
    loop {
        let is_no_file = |metadata: fs::Metadata| !metadata.file_type().is_file();
        if fs::symlink_metadata(path).is_ok_and(is_no_file) {
            let what = "there is something that is not a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut options = files::options(Links::Refused);
        options.read(true).write(true);
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(denied(path, error));
            }
            opened => return opened,
        }
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.create_new(true).open(path) {
            // Another sync made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Ok(file) => {
                // A umask may keep out its owner too. Where modes cannot be changed, it is a lock all the same.
                let _ = own(&file);
                return Ok(file);
            }
            failed => return failed,
        }
    }
}

/// Why a lock cannot be opened: a sync that was killed while it made it may have left it closed to everybody.
fn denied(path: &Path, error: io::Error) -> io::Error {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_closed = |it: fs::Metadata| it.permissions().mode() & 0o600 != 0o600;
        if fs::symlink_metadata(path).is_ok_and(is_closed) {
            let what = "its mode keeps out its owner too, as when a sync is killed while it makes it; delete it";
            return io::Error::new(error.kind(), what);
        }
    }
    let _ = path;
    error
}

/// Gives the lock to whoever owns the archive, so that one that root's killed sync leaves is in nobody's way. Only root
/// can, and for everybody else it is theirs already.
#[cfg(unix)]
fn give_to_owner(lock: &File, archive: &Path) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let Ok(owned) = fs::metadata(archive) {
        // A lock that stays root's works as well, until that sync is killed.
        let _ = fchown(lock, Some(owned.uid()), Some(owned.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &Path) {}

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

/// A lock that is held: `3: FLOCK  ADVISORY  WRITE 26043 fe:00:10117315 0 EOF`.
pub(super) struct Held<'a> {
    pub(super) kind: &'a str,
    pub(super) is_exclusive: bool,
    pub(super) process: &'a str,
    pub(super) inode: Option<u64>,
    /// The first byte that is locked.
    start: u64,
}

/// What `/proc/locks` lists; who waits for a lock does not hold it.
pub(super) fn held(locks: &str) -> impl Iterator<Item = Held<'_>> {
    locks.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, kind, _, mode, process, file, start, ..] = words.as_slice() else {
            return None;
        };
        Some(Held {
            kind,
            is_exclusive: *mode == "WRITE",
            process,
            inode: file.rsplit(':').next().and_then(|it| it.parse().ok()),
            start: start.parse().ok()?,
        })
    })
}

/// The first byte that SQLite locks in a database, beyond its content (<https://www.sqlite.org/lockingv3.html>).
const PENDING_BYTE: u64 = 0x4000_0000;
/// What a writer locks in the index of a log (<https://www.sqlite.org/walformat.html#locks>).
const WAL_WRITE_BYTE: u64 = 120;

/// The other processes whose locks keep a sync from writing to an archive: `process 4242 (sqlite3)`. Nothing where the
/// system does not tell, or shows this process itself alone, as in a container.
#[must_use]
pub fn holders(archive: &Path) -> Option<String> {
    let archive = fs::canonicalize(archive).ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let [_, _, index] = companions(&archive);
    let this = std::process::id().to_string();
    let processes = |path: &Path, is_meant: fn(u64) -> bool| {
        // It is not opened: closing it would give up the locks of this process.
        let number = fs::metadata(path).ok().and_then(|it| inode(&it));
        let in_the_way = held(&locks)
            .filter(|lock| lock.kind == "POSIX" && lock.inode == number && is_meant(lock.start));
        let mut processes: Vec<_> = in_the_way.map(|lock| lock.process).collect();
        processes.retain(|process| *process != this && number.is_some());
        processes.sort_unstable();
        processes.dedup();
        processes
    };
    // Where there is a log, readers are in nobody's way.
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

#[cfg(unix)]
pub(super) fn inode(metadata: &fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
pub(super) fn inode(_: &fs::Metadata) -> Option<u64> {
    None
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
            (Some("9"), None, true),
            (None, Some(43), true),
            (Some("1"), Some(43), true),
            (Some("7"), Some(42), false),
            (Some("10"), Some(44), false),
            (None, None, false),
        ] {
            assert_eq!(
                is_listed(LOCKS, process, inode),
                expected,
                "{process:?} {inode:?}"
            );
        }
    }

    #[cfg(unix)]
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

    #[cfg(unix)]
    #[test]
    fn a_lock_that_a_umask_closed_to_its_owner_is_said_to_be_to_delete() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("archive.db.lock");
        fs::write(&lock, "").unwrap();
        let words = |mode| {
            fs::set_permissions(&lock, fs::Permissions::from_mode(mode)).unwrap();
            denied(&lock, io::ErrorKind::PermissionDenied.into()).to_string()
        };
        assert!(words(0o000).contains("delete it"));
        assert!(
            !words(0o600).contains("delete it"),
            "somebody else's may be held"
        );
    }

    #[cfg(unix)]
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

    #[cfg(unix)]
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
