//! Many clients, slow ones, and those who leave: the server ends what nobody waits for, and delays no sync.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rusqlite::Connection;

use super::{Server, archived, with_endless_report};
use crate::process::{SOON, until};
use crate::sandbox::Sandbox;

#[test]
fn a_command_ends_when_its_reader_leaves() {
    let (_cloud, sandbox) = archived();
    with_endless_report(&sandbox);
    let server = Server::of(&sandbox);
    let reader = server.begin("/report/endless.json");
    until("it is at work", || server.children().len() == 1);
    drop(reader);
    until("it has ended", || server.children().is_empty());
    server.get("/report.json").has_status(200);
}

#[test]
fn a_few_commands_run_at_once_others_wait_and_too_many_are_refused() {
    let (_cloud, sandbox) = archived();
    with_endless_report(&sandbox);
    let server = Server::of(&sandbox);
    let mut readers: Vec<_> = (0..36)
        .map(|_| server.begin("/report/endless.json"))
        .collect();
    until("one is too many", || {
        let mut stream = server.begin("/report/endless.json");
        stream
            .set_read_timeout(Some(std::time::Duration::from_millis(200)))
            .unwrap();
        let mut begun = [0; 12];
        stream
            .read_exact(&mut begun)
            .is_ok_and(|()| begun.ends_with(b" 503"))
    });
    until("four are at work", || server.children().len() == 4);
    for _ in 0..20 {
        // The first of them are those at work.
        drop(readers.remove(0));
        assert!(server.children().len() <= 4);
    }
    drop(readers);
    until("all have ended", || server.children().is_empty());
    server.get("/report.json").has_status(200);
}

/// Makes the archive 200 times as large.
fn multiply(sandbox: &Sandbox) {
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.pragma_update(None, "foreign_keys", false).unwrap();
    let more = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
                INSERT INTO actions (id, status, type, started_at, completed_at, region_slug, first_seen_run)
                SELECT id + i * 10000000000, status, type, started_at, completed_at, region_slug, 1 FROM actions, n";
    archive.execute(more, []).unwrap();
}

#[test]
fn a_long_answer_is_whole_and_takes_no_memory() {
    let (_cloud, sandbox) = archived();
    multiply(&sandbox);
    let server = Server::of(&sandbox);
    let answer = server.get("/query.json").has_status(200);
    assert!(answer.body.len() > 20 << 20, "{}", answer.body.len());
    assert!(answer.body == sandbox.query(&["-o", "json"]).exits(0).stdout);
    // A reader that takes a part of it, and leaves.
    let mut reader = server.begin("/query.json");
    reader.read_exact(&mut [0; 1 << 16]).unwrap();
    drop(reader);
    until("it has ended", || server.children().is_empty());
    let status = format!("/proc/{}/status", server.running.id());
    let status = std::fs::read_to_string(status).unwrap();
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = most.split_whitespace().next().unwrap().parse().unwrap();
    assert!(
        kibibytes * 1024 < answer.body.len() as u64,
        "{kibibytes} KiB"
    );
}

#[test]
fn those_who_do_not_read_make_room_for_those_who_do() {
    let (_cloud, sandbox) = archived();
    multiply(&sandbox);
    let server = Server::of(&sandbox);
    let unread: Vec<_> = (0..4).map(|_| server.begin("/query.json")).collect();
    until("all are at work", || server.children().len() == 4);
    let busy = server.children();
    server.get("/query.json?limit=1").has_status(200);
    // The others were not all ended for it.
    assert!(server.children().iter().any(|id| busy.contains(id)));
    drop(unread);
}

#[test]
fn a_sync_is_not_delayed_by_those_who_read() {
    let (cloud, sandbox) = archived();
    let server = Server::of(&sandbox);
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for path in [
            "/query.json",
            "/report/downtime.json",
            "/status.json",
            "/droplets.json",
            "/stats.json",
            "/query.json?count",
        ] {
            let (server, is_over, answers) = (&server, &is_over, &answers);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    server.get(path).has_status(200);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..5 {
            // No sync waits for a lock: it would say so, and exit with 5.
            let run = sandbox.sync(&cloud, &["--all", "--full", "-v"]).exits(0);
            run.never_says("waiting for");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(answers.load(Ordering::Relaxed) > 5);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_sync_finishes_while_an_answer_waits_for_its_reader() {
    let (cloud, sandbox) = archived();
    let server = Server::of(&sandbox);
    let mut reader = server.connect();
    let host = &server.address;
    // Answers to a thousand requests that nobody reads.
    let ask = format!("GET /query.json HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(1_000);
    reader.set_nonblocking(true).unwrap();
    let _ = reader.write(ask.as_bytes());
    until("it is at work", || !server.children().is_empty());
    sandbox
        .start_sync(&cloud, &["--all"])
        .end_within(SOON)
        .exits(0);
}
