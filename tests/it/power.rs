//! Power failures: unwritten data is lost, wholly or in part, and the archive is as it was before.
//!
//! After the kill of a process, the files are as the system has them. After a power failure, they are as the disk has
//! them. SQLite waits for the disk at the points that matter (<https://www.sqlite.org/atomiccommit.html>). Between two
//! such points, any part of the written data may be missing. So a test kills a sync, which freezes its files, and
//! derives every file that a power failure could have left: a log that ends anywhere, a journal that ends anywhere,
//! pages that were written or not.

use std::fs;
use std::path::{Path, PathBuf};

use archiver::archive::{Store, open_read_only};
use archiver::query::verify::{Depth, verify};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::account::settled_cloud;
use crate::archive::Archive;
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule, Random};
use crate::process::until;
use crate::sandbox::Sandbox;

const PAGE: usize = 4_096;
/// <https://www.sqlite.org/fileformat.html#the_write_ahead_log>
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;
/// <https://www.sqlite.org/fileformat.html#the_rollback_journal>
const JOURNAL_HEADER: usize = 512;
const RECORD: usize = PAGE + 8;

/// The files of an archive at one moment.
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    journal: Vec<u8>,
}

impl Files {
    fn of(path: &Path) -> Self {
        let beside = |ending: &str| fs::read(with_ending(path, ending)).unwrap_or_default();
        Self {
            database: fs::read(path).unwrap(),
            log: beside("-wal"),
            journal: beside("-journal"),
        }
    }

    /// Puts the files into a new folder.
    fn placed(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.db");
        self.put(&path);
        (folder, path)
    }

    fn put(&self, path: &Path) {
        fs::write(path, &self.database).unwrap();
        for (ending, bytes) in [("-wal", &self.log), ("-journal", &self.journal)] {
            let path = with_ending(path, ending);
            if bytes.is_empty() {
                let _ = fs::remove_file(&path);
            } else {
                fs::write(&path, bytes).unwrap();
            }
        }
        let _ = fs::remove_file(with_ending(path, "-shm"));
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Opens the archive as the next sync does: it is sound, and its coverage claims no missing row. Returns the number of
/// actions.
#[track_caller]
fn is_sound(path: &Path, what: &str) -> u64 {
    Store::open(path).unwrap().close().unwrap();
    let connection = open_read_only(path).unwrap();
    let now = "2026-01-01T12:00:00Z".parse().unwrap();
    let verification = verify(&connection, Depth::Full, now).unwrap();
    assert!(verification.is_sound, "{what}: {verification:#?}");
    verification.actions.unwrap()
}

/// Every place where a log or journal of this length may end: at each border, and at some bytes before and after it.
fn ends(length: usize, header: usize, piece: usize) -> Vec<usize> {
    let borders = (header..=length).step_by(piece);
    let around = borders.flat_map(|border| [border - 7, border, border + 1, border + 1_000]);
    let mut ends = vec![0, 1, header / 2];
    ends.extend(around.filter(|end| *end <= length));
    ends
}

/// At most this many of the ends, evenly spread, and the last one.
fn some(ends: &[usize], most: usize) -> Vec<usize> {
    let step = ends.len().div_ceil(most).max(1);
    let mut some: Vec<_> = ends.iter().copied().step_by(step).collect();
    some.extend(ends.last());
    some
}

/// The files of a sync of this account that is killed after this many requests. `sandbox` held the archive before.
fn killed(cloud: &Cloud, sandbox: &Sandbox, after: usize) -> Files {
    cloud.clear_requests();
    // The last request gets no answer: the kill interrupts a sync at work.
    cloud.break_with(FaultRule::new(Fault::Stall).nth(after as u64));
    let sync = sandbox.start_sync(cloud, &["--all"]);
    until("the sync gets on", || requests(cloud) >= after);
    sync.kill();
    cloud.clear_faults();
    Files::of(&sandbox.db())
}

/// The length of an archive without rows. A longer file has already received pages of the log.
fn empty_length() -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.db");
    Store::open(&path).unwrap().close().unwrap();
    fs::read(&path).unwrap().len()
}

#[test]
fn a_log_that_ends_anywhere_leaves_a_sound_archive_and_the_next_sync_completes_it() {
    let cloud = settled_cloud(5, 3_000);
    let mut kills_with_rows = 0;
    for after in [4, 9, 14] {
        let sandbox = Sandbox::new();
        let left = killed(&cloud, &sandbox, after);
        assert_eq!(left.database.len(), empty_length(), "not all is in the log");
        let ends = some(&ends(left.log.len(), LOG_HEADER, FRAME), 60);
        let mut archived = 0;
        for (number, end) in ends.iter().enumerate() {
            let cut = Files {
                log: left.log[..*end].to_vec(),
                database: left.database.clone(),
                journal: Vec::new(),
            };
            let (_folder, path) = cut.placed();
            let actions = is_sound(&path, &format!("the log ends at {end}"));
            assert!(actions >= archived, "less of the log, and more rows");
            archived = actions;
            if number % 15 == 7 {
                cut.put(&sandbox.db());
                sandbox.sync(&cloud, &["--all"]).exits(0).silently();
                sandbox.archive().equals(&cloud);
            }
        }
        kills_with_rows += u32::from(archived > 0);
    }
    assert!(
        kills_with_rows > 0,
        "every sync was killed before its first row"
    );
}

#[test]
fn a_log_with_bytes_that_never_reached_the_disk_leaves_a_sound_archive() {
    let cloud = settled_cloud(5, 2_000);
    let sandbox = Sandbox::new();
    let left = killed(&cloud, &sandbox, 8);
    assert!(
        left.log.len() > LOG_HEADER + FRAME,
        "nothing was written yet"
    );
    let mut random = Random::new(7);
    for _ in 0..40 {
        let mut log = left.log.clone();
        // A sector of the last third still has its earlier content: zeros.
        let start = log.len() * 2 / 3 + random.below(log.len() / 3 - 512);
        log[start..start + 512].fill(0);
        let torn = Files {
            log,
            database: left.database.clone(),
            journal: Vec::new(),
        };
        let (_folder, path) = torn.placed();
        is_sound(&path, &format!("no bytes at {start}"));
    }
}

#[test]
fn pages_of_the_log_that_were_moved_into_the_archive_or_not_are_all_there() {
    let cloud = settled_cloud(5, 2_000);
    let sandbox = Sandbox::new();
    let left = killed(&cloud, &sandbox, 8);
    assert!(!left.log.is_empty());
    let (_folder, path) = left.placed();
    let archived = is_sound(&path, "untouched");
    let moved = fs::read(&path).unwrap();
    assert!(archived > 0 && moved.len() > left.database.len());
    let mut random = Random::new(11);
    for _ in 0..40 {
        // At the power failure, each page may have been moved to the archive, half moved, or not moved. The log exists
        // until all are moved.
        let mut database = left.database.clone();
        database.resize(moved.len(), 0);
        for start in (0..moved.len()).step_by(PAGE) {
            let length = [0, PAGE / 2, PAGE][random.below(3)];
            // The first page holds the journal mode, which changes only afterwards.
            if start > 0 {
                database[start..start + length].copy_from_slice(&moved[start..start + length]);
            }
        }
        let torn = Files {
            database,
            log: left.log.clone(),
            journal: Vec::new(),
        };
        let (_folder, path) = torn.placed();
        assert_eq!(is_sound(&path, "half moved"), archived);
    }
}

/// An archive at rest, and the same archive during an uncommitted change in rollback mode: the file already holds some
/// of the new pages.
fn in_rollback_mode(cloud: &Cloud) -> (Files, Files) {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    let before = Files::of(&sandbox.db());
    let writer = Connection::open(sandbox.db()).unwrap();
    writer
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE;
             UPDATE coverage SET end_position = end_position + 100;
             UPDATE listings SET total = total + 100, complete_total = complete_total + 100;
             UPDATE actions SET type = 'torn', completed_at = NULL",
        )
        .unwrap();
    let during = Files::of(&sandbox.db());
    assert!(
        during.database != before.database,
        "no page was written yet"
    );
    (before, during)
}

/// The archive is what it was before the change.
#[track_caller]
fn is_as_before(path: &Path, cloud: &Cloud, what: &str) {
    is_sound(path, what);
    Archive::open(path).equals(cloud);
}

#[test]
fn a_journal_that_ends_anywhere_takes_nothing_from_an_archive_that_was_not_touched_yet() {
    let cloud = settled_cloud(3, 1_500);
    let (before, during) = in_rollback_mode(&cloud);
    let ends = ends(during.journal.len(), JOURNAL_HEADER, RECORD);
    for end in some(&ends, 60) {
        let cut = Files {
            database: before.database.clone(),
            log: Vec::new(),
            journal: during.journal[..end].to_vec(),
        };
        let (_folder, path) = cut.placed();
        is_as_before(&path, &cloud, &format!("the journal ends at {end}"));
    }
}

#[test]
fn pages_that_were_written_before_the_power_failed_are_taken_back() {
    let cloud = settled_cloud(3, 1_500);
    let (before, during) = in_rollback_mode(&cloud);
    let mut random = Random::new(13);
    for _ in 0..40 {
        let mut database = before.database.clone();
        database.resize(during.database.len().max(database.len()), 0);
        for start in (0..during.database.len()).step_by(PAGE) {
            let length = [0, PAGE / 2, PAGE][random.below(3)];
            let page = &during.database[start..start + length];
            database[start..start + length].copy_from_slice(page);
        }
        let torn = Files {
            database,
            log: Vec::new(),
            journal: during.journal.clone(),
        };
        let (_folder, path) = torn.placed();
        is_as_before(&path, &cloud, "half written");
    }
}

#[test]
fn a_reader_takes_back_the_way_into_wal_mode_of_a_sync_that_was_killed_on_it() {
    let cloud = settled_cloud(3, 1_500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let mut killed = Files::of(&sandbox.db());
    let writer = Connection::open(sandbox.db()).unwrap();
    // The change of the first page, and so many others that the journal is written before the end.
    writer
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE; PRAGMA user_version = 1;
             UPDATE actions SET type = 'torn'",
        )
        .unwrap();
    killed.journal = Files::of(&sandbox.db()).journal;
    // The versions that the file format needs to be written and read: 2 is WAL.
    killed.database[18..20].copy_from_slice(&[2, 2]);
    let (_folder, path) = killed.placed();
    let reader = open_read_only(&path).unwrap();
    let actions: i64 = reader
        .query_row("SELECT count(*) FROM actions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(actions, 1_500);
    drop(reader);
    is_as_before(&path, &cloud, "killed on the way into WAL mode");
}
