//! The totals of the log of syncs.

use super::*;

#[test]
fn an_archive_without_a_sync_has_counted_nothing_and_knows_nothing() {
    let totals = totals(&archive::empty());
    assert_eq!(totals, Totals::default());
    assert!(ENDINGS.iter().all(|ending| totals.runs(*ending) == 0));
    assert_eq!((totals.last_run, totals.quota), (None, None));
    assert_eq!((totals.fresh_at(), totals.scope()), (None, "account"));
}

#[test]
fn syncs_are_counted_by_how_they_ended() {
    let connection = archive::empty();
    for (hour, outcome) in ["complete", "partial", "failed", "interrupted", "complete"]
        .into_iter()
        .enumerate()
    {
        sync(&connection, 3_600 * i64::try_from(hour).unwrap(), outcome);
    }
    let totals = totals(&connection);
    let runs = ENDINGS.map(|ending| totals.runs(ending));
    assert_eq!(runs, [2, 1, 1, 1, 0]);
    assert_eq!(totals.durations.count, 5);
    assert_eq!(totals.durations.sum_seconds, 50);
}

#[test]
fn what_syncs_did_is_summed() {
    let connection = archive::empty();
    for run in 1..=2 {
        begin(&connection, "account", run * 100);
        let end = End {
            outcome: "partial",
            seconds: run * 100 + 7,
            inserted: run,
            updated: 10 * run,
            rejected: 100 * run,
            requests: 1_000 * run,
            retries: 10_000 * run,
            faults: 100_000 * run,
            left: Some(4_000 - run),
        };
        finish(&connection, &end);
    }
    let totals = totals(&connection);
    assert_eq!((totals.inserted, totals.updated), (3, 30));
    assert_eq!((totals.rejected, totals.requests), (300, 3_000));
    assert_eq!((totals.retries, totals.faults), (30_000, 300_000));
    let quota = totals.quota.unwrap();
    assert_eq!((quota.remaining, quota.at), (3_998, Some(at(207))));
    assert_eq!(
        totals.last_run.unwrap(),
        LastRun {
            ending: RunState::Partial,
            started_at: Some(at(200)),
        }
    );
}

#[test]
fn a_sync_that_runs_is_not_counted_before_it_ends() {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    begin(&connection, "account", 3_600);
    let mut totals = totals(&connection);
    assert_eq!(totals.runs(RunState::Complete), 1);
    assert_eq!(totals.runs(RunState::Killed), 0);
    assert_eq!(totals.last_run.unwrap().started_at, Some(at(0)));
    let end = End {
        outcome: "complete",
        seconds: 3_700,
        inserted: 5,
        ..End::default()
    };
    finish(&connection, &end);
    totals.update(&connection).unwrap();
    assert_eq!(totals.runs(RunState::Complete), 2);
    assert_eq!((totals.inserted, totals.fresh_at()), (5, Some(at(3_600))));
}

#[test]
fn a_sync_without_an_end_was_killed_once_another_one_has_begun() {
    let connection = archive::empty();
    let mut totals = totals(&connection);
    begin(&connection, "account", 0);
    totals.update(&connection).unwrap();
    assert_eq!(totals.runs(RunState::Killed), 0);
    begin(&connection, "account", 60);
    totals.update(&connection).unwrap();
    assert_eq!(totals.runs(RunState::Killed), 1);
    let killed = LastRun {
        ending: RunState::Killed,
        started_at: Some(at(0)),
    };
    assert_eq!(totals.last_run, Some(killed));
    assert_eq!(totals.last_ended_at, None);
    assert_eq!(totals.durations.count, 0);
    sync(&connection, 120, "complete");
    begin(&connection, "account", 180);
    totals.update(&connection).unwrap();
    assert_eq!(totals.runs(RunState::Killed), 2);
    assert_eq!(totals.last_ended_at, Some(at(120)));
}

#[test]
fn freshness_counts_from_the_beginning_of_the_last_complete_sync() {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    sync(&connection, 100, "complete");
    sync(&connection, 200, "failed");
    sync(&connection, 300, "partial");
    begin(&connection, "account", 400);
    assert_eq!(totals(&connection).fresh_at(), Some(at(100)));
}

#[test]
fn a_complete_sync_of_the_account_holds_for_every_scope_and_no_other_does() {
    let connection = archive::empty();
    let (web, app) = (
        r#"{"droplets":[],"tags":["web"]}"#,
        r#"{"droplets":[7],"tags":[]}"#,
    );
    sync_of(&connection, web, 0, "complete");
    sync_of(&connection, app, 100, "failed");
    assert_eq!(totals(&connection).fresh_at(), None);
    sync(&connection, 200, "complete");
    sync_of(&connection, app, 300, "failed");
    assert_eq!(totals(&connection).fresh_at(), Some(at(200)));
    sync_of(&connection, app, 400, "complete");
    assert_eq!(totals(&connection).fresh_at(), Some(at(400)));
    sync(&connection, 500, "failed");
    assert_eq!(totals(&connection).fresh_at(), Some(at(200)));
    // A running sync already sets the scope.
    begin(&connection, web, 600);
    assert_eq!(totals(&connection).fresh_at(), Some(at(200)));
    assert_eq!(totals(&connection).scope(), web);
}

#[test]
fn another_archive_in_the_same_place_is_added_up_from_its_beginning() {
    let old = archive::empty();
    for hour in 0..3 {
        sync(&old, 3_600 * hour, "complete");
    }
    let mut totals = totals(&old);
    for runs in [1, 5] {
        let new = archive::empty();
        for hour in 0..runs {
            sync(&new, 86_400 + 3_600 * hour, "partial");
        }
        let mut updated = totals.clone();
        updated.update(&new).unwrap();
        assert_eq!(updated, super::totals(&new));
    }
    let before = totals.clone();
    totals.update(&old).unwrap();
    assert_eq!(totals, before);
}

#[test]
fn absurd_numbers_neither_overflow_nor_take_anything_away() {
    let connection = archive::empty();
    for (requests, left) in [(i64::MAX, Some(-1)), (i64::MAX, None), (i64::MAX, None)] {
        begin(&connection, "account", 50);
        let end = End {
            outcome: "complete",
            seconds: 40,
            inserted: -7,
            requests,
            left,
            ..End::default()
        };
        finish(&connection, &end);
    }
    execute(
        &connection,
        "UPDATE sync_runs SET started_at = 'noon' WHERE id = 3",
    );
    let totals = totals(&connection);
    assert_eq!((totals.requests, totals.inserted), (u64::MAX, 0));
    assert_eq!(totals.quota, None);
    // Two syncs ended before they began, because the clock was set back; the times of the third cannot be read.
    let (count, sum) = (totals.durations.count, totals.durations.sum_seconds);
    assert_eq!((count, sum), (2, 0));
    assert_eq!(totals.last_run.unwrap().started_at, None);
    assert_eq!(totals.fresh_at(), None);
}
