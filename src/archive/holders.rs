//! Who holds a lock, as Linux tells it of every process in `/proc/locks`.

use std::fs;
use std::path::Path;

use super::header::companions;

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
