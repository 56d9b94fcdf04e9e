//! Answers that are not read to the end, as on the first page of `less`: they delay no sync.

use std::fs;
use std::io::{PipeReader, Read, pipe};
use std::process::{Child, Stdio};

use rusqlite::Connection;
use rustix::io::ioctl_fionread;

use crate::account::settled_cloud;
use crate::asked::{hold_after, until_held};
use crate::cloud::Cloud;
use crate::process::until;
use crate::sandbox::Sandbox;

/// A number of rows that exceeds the pipe and the buffer in memory.
const MANY: u64 = 30_000;

/// An archive to which this many more actions were added.
fn with_many(actions: u64) -> (Cloud, Sandbox) {
    let cloud = settled_cloud(5, 3_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let sql = format!(
        "WITH RECURSIVE more (id) AS (SELECT max(id) + 1 FROM actions UNION ALL SELECT id + 1 FROM more LIMIT {actions})
         INSERT INTO actions (id, type, started_at, resource_id, resource_type, first_seen_run)
         SELECT id, 'rename', '2020-01-01T00:00:00Z', (SELECT min(id) FROM droplets), 'droplet', 1 FROM more"
    );
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.execute_batch(&sql).unwrap();
    (cloud, sandbox)
}

/// A command that has begun its answer, while no process reads it.
struct Unread {
    child: Child,
    answer: PipeReader,
}

impl Unread {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let (answer, writer) = pipe().unwrap();
        let mut command = sandbox.command(arguments);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let child = command.stdout(writer).spawn().unwrap();
        until("the answer begins", || ioctl_fionread(&answer).unwrap() > 0);
        Self { child, answer }
    }

    fn until_it_lets_go(&self, sandbox: &Sandbox) {
        let files = format!("/proc/{}/fd", self.child.id());
        until("the archive is closed", || {
            let mut files = fs::read_dir(&files).unwrap().flatten();
            let archive = fs::canonicalize(sandbox.db()).unwrap();
            !files.any(|file| fs::read_link(file.path()).is_ok_and(|it| it == archive))
        });
    }

    fn most_memory_kibibytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.unwrap().trim().trim_end_matches(" kB");
        most.parse().unwrap()
    }

    /// Reads the whole answer. Returns the number of lines, and stderr.
    fn read(mut self) -> (u64, String) {
        let (mut text, mut said) = (String::new(), String::new());
        self.answer.read_to_string(&mut text).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        assert!(text.ends_with('\n'));
        (text.lines().count() as u64, said)
    }
}

#[test]
fn a_sync_is_complete_while_nobody_reads_an_answer() {
    let (cloud, sandbox) = with_many(MANY);
    let droplet = sandbox.archive().number("SELECT min(id) FROM droplets");
    let unread = [
        &["query", "-o", "csv"][..],
        &["sql", "-o", "jsonl", "SELECT * FROM actions"],
        &["timeline", "-o", "tsv", &droplet.to_string()],
    ]
    .map(|arguments| Unread::start(&sandbox, arguments));
    cloud.add_actions(5);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    for unread in unread {
        let (lines, said) = unread.read();
        assert!(lines > MANY, "{lines} lines");
        assert_eq!(said, "");
    }
}

/// The archive stays in WAL mode while any process has it open in WAL mode.
#[test]
fn a_sync_puts_the_archive_to_rest_while_nobody_reads_what_was_asked_in_its_middle() {
    let (cloud, sandbox) = with_many(MANY);
    let before = sandbox.archive().number("SELECT count(*) FROM actions");
    cloud.add_actions(3_000);
    hold_after(&cloud, 4);
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until_held(&cloud, 4);
    let unread = Unread::start(&sandbox, &["query", "-o", "csv"]);
    unread.until_it_lets_go(&sandbox);
    cloud.clear_faults();
    cloud.release();
    sync.end().exits(0).silently();
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    assert!(unread.read().0 as i64 > before);
}

#[test]
fn an_answer_that_nobody_reads_takes_no_more_memory_the_longer_it_is() {
    let [short, long] = [MANY, 4 * MANY].map(|actions| {
        let (_cloud, sandbox) = with_many(actions);
        let unread = Unread::start(&sandbox, &["query", "-o", "csv"]);
        unread.until_it_lets_go(&sandbox);
        let most = unread.most_memory_kibibytes();
        assert!(unread.read().0 > actions);
        most
    });
    assert!(long * 100 <= short * 115, "{short} KiB and {long} KiB");
}

#[test]
fn an_answer_that_cannot_be_put_aside_says_so_and_waits_for_whoever_reads_it() {
    let (_cloud, sandbox) = with_many(MANY);
    let folder = sandbox.folder().join("no-such-folder");
    let sandbox = sandbox.with("TMPDIR", folder.to_str().unwrap());
    let mut unread = Unread::start(&sandbox, &["query", "-o", "csv"]);
    let mut said = String::new();
    let mut stderr = unread.child.stderr.take().unwrap();
    while !said.contains('\n') {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        said.push(byte[0].into());
    }
    assert!(said.contains("cannot be stored in "), "{said}");
    assert!(said.contains("no-such-folder"), "{said}");
    unread.child.stderr = Some(stderr);
    let (lines, said) = unread.read();
    assert!(lines > MANY, "{lines} lines");
    assert_eq!(said, "");
}
