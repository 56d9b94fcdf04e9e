//! The log of sync runs.

use super::fixture::{Archive, time};
use crate::archive::{Outcome, RunSummary};

fn summary(outcome: Outcome) -> RunSummary {
    RunSummary {
        outcome,
        requests: 1,
        retries: 2,
        faults: 8,
        inserted: 3,
        updated: 4,
        unchanged: 5,
        rejected: 6,
        ratelimit_remaining: Some(7),
        message: Some("what is missing".to_owned()),
    }
}

#[test]
fn a_sync_that_runs_or_was_killed_has_no_end() {
    let archive = Archive::in_memory();
    assert_eq!(
        archive.rows("SELECT id, started_at, finished_at, scope, outcome FROM sync_runs"),
        ["1 2026-01-01T12:00:00Z - account -"]
    );
    assert_eq!(
        archive.rows("SELECT version FROM sync_runs"),
        [env!("CARGO_PKG_VERSION")]
    );
}

#[test]
fn a_sync_that_ended_says_how_and_what_it_did() {
    let mut archive = Archive::in_memory();
    let end = time("2026-01-01T12:00:09Z");
    let run = archive.run;
    archive.next_run("2026-01-01T12:00:05Z");
    archive
        .store
        .finish_run(run, &summary(Outcome::Partial), end)
        .unwrap();
    assert_eq!(
        archive.rows(
            "SELECT finished_at, outcome, requests, retries, faults, inserted, updated, unchanged, rejected,
                    ratelimit_remaining, message FROM sync_runs ORDER BY id"
        ),
        [
            "2026-01-01T12:00:09Z partial 1 2 8 3 4 5 6 7 what is missing",
            "- - 0 0 0 0 0 0 0 - -"
        ]
    );
}

#[test]
fn each_outcome_has_its_word() {
    let words = [
        Outcome::Complete,
        Outcome::Partial,
        Outcome::Failed,
        Outcome::Interrupted,
    ]
    .map(Outcome::as_str);
    assert_eq!(words, ["complete", "partial", "failed", "interrupted"]);
}

#[test]
fn a_number_beyond_sqlite_is_the_largest_it_has() {
    let mut archive = Archive::in_memory();
    let absurd = RunSummary {
        requests: u64::MAX,
        ratelimit_remaining: Some(u64::MAX),
        ..summary(Outcome::Complete)
    };
    let (run, now) = (archive.run, archive.now);
    archive.store.finish_run(run, &absurd, now).unwrap();
    assert_eq!(
        archive.rows("SELECT requests, ratelimit_remaining FROM sync_runs"),
        ["9223372036854775807 9223372036854775807"]
    );
}
