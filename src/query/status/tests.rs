//! Verdicts about archives.

use rusqlite::Connection;

use super::*;
use crate::archive;

/// Noon. Times in these tests are hours and minutes of this day.
const NOW: &str = "2026-01-01T12:00:00Z";

/// A sync run of the account at this hour, with its outcome.
fn sync(connection: &Connection, hour: u32, outcome: Option<&str>, message: Option<&str>) {
    sync_of(connection, "account", hour, outcome, message);
}

fn sync_of(
    connection: &Connection,
    scope: &str,
    hour: u32,
    outcome: Option<&str>,
    message: Option<&str>,
) {
    connection
        .execute(
            "INSERT INTO sync_runs (started_at, finished_at, scope, outcome, message, version)
             VALUES (?1, CASE WHEN ?2 IS NOT NULL THEN ?1 END, ?3, ?2, ?4, '0.1.0')",
            (
                format!("2026-01-01T{hour:02}:00:00Z"),
                outcome,
                scope,
                message,
            ),
        )
        .unwrap();
}

/// A listing with this number of actions, some of them archived.
fn listing(connection: &Connection, droplet_id: Option<i64>, total: i64, covered: i64) {
    let path = match droplet_id {
        Some(id) => format!("/v2/droplets/{id}/actions"),
        None => "/v2/actions".to_owned(),
    };
    connection
        .execute(
            "INSERT INTO listings (path, droplet_id, total, complete_total)
             VALUES (?1, ?2, ?3, CASE WHEN ?3 = ?4 THEN ?3 END)",
            (path, droplet_id, total, covered),
        )
        .unwrap();
    if covered > 0 {
        connection
            .execute(
                "INSERT INTO coverage VALUES (last_insert_rowid(), 0, ?1)",
                [covered],
            )
            .unwrap();
    }
}

fn actions(connection: &Connection, count: i64) {
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO actions (id, first_seen_run) SELECT i, 1 FROM n",
            [count],
        )
        .unwrap();
}

fn judged(connection: &Connection, lock: &LockState, max_age: Option<i64>) -> (State, String) {
    let status = read(connection, lock, NOW.parse().unwrap(), max_age).unwrap();
    (status.verdict.state, status.verdict.text)
}

fn verdict(connection: &Connection) -> (State, String) {
    judged(connection, &LockState::Free, None)
}

fn held() -> LockState {
    LockState::Held {
        holder: "process 7".to_owned(),
    }
}

const HOUR: i64 = 3_600;

#[test]
fn an_archive_without_a_sync_was_never_synced() {
    let connection = archive::empty();
    assert_eq!(
        verdict(&connection),
        (State::NeverSynced, "never synced".to_owned())
    );
    sync(&connection, 11, Some("failed"), Some("no token\nat all"));
    let text = "never synced: a sync failed 1 hour ago: no token; at all";
    assert_eq!(verdict(&connection), (State::NeverSynced, text.to_owned()));
}

#[test]
fn a_complete_sync_is_as_fresh_as_its_beginning() {
    let connection = archive::empty();
    sync(&connection, 10, Some("complete"), None);
    actions(&connection, 1_234);
    listing(&connection, None, 1_234, 1_234);
    let text = "complete: 1,234 actions of the account, last synced 2 hours ago";
    assert_eq!(verdict(&connection), (State::Complete, text.to_owned()));
    let at = |max_age| judged(&connection, &LockState::Free, Some(max_age));
    assert_eq!(at(2 * HOUR).0, State::Complete);
    let (state, text) = at(2 * HOUR - 1);
    assert_eq!(state, State::Stale);
    assert_eq!(
        text,
        "stale: 1,234 actions of the account, last synced 2 hours ago, more than 1h 59m"
    );
}

#[test]
fn a_sync_that_lies_ahead_proves_no_age() {
    let connection = archive::empty();
    sync(&connection, 13, Some("complete"), None);
    actions(&connection, 1);
    let text = "1 action of the account, last synced in the future, by a clock that was wrong";
    for max_age in [None, Some(1_000 * HOUR)] {
        let found = judged(&connection, &LockState::Free, max_age);
        assert_eq!(found, (State::Stale, format!("stale: {text}")));
    }
    let status = read(&connection, &LockState::Free, NOW.parse().unwrap(), None).unwrap();
    assert_eq!(status.verdict.age_seconds, None);
}

#[test]
fn what_failed_since_takes_nothing_away_but_is_said() {
    let connection = archive::empty();
    sync(&connection, 10, Some("complete"), None);
    sync(
        &connection,
        11,
        Some("failed"),
        Some("the API cannot be reached"),
    );
    let (state, text) = verdict(&connection);
    assert_eq!(state, State::Complete);
    assert!(
        text.ends_with(
            "last synced 2 hours ago; a sync failed 1 hour ago: the API cannot be reached"
        ),
        "{text}"
    );
    assert_eq!(
        judged(&connection, &LockState::Free, Some(HOUR)).0,
        State::Stale
    );
}

#[test]
fn a_partial_sync_leaves_the_archive_incomplete_until_one_is_complete() {
    for outcome in ["partial", "interrupted"] {
        let connection = archive::empty();
        sync(&connection, 8, Some("complete"), None);
        sync(&connection, 9, Some(outcome), Some("page 2 is missing"));
        sync(&connection, 10, Some("failed"), Some("no network"));
        let (state, text) = verdict(&connection);
        assert_eq!(state, State::Incomplete);
        assert!(text.contains("page 2 is missing"), "{text}");
        assert!(text.ends_with("last complete sync 4 hours ago"), "{text}");
        sync(&connection, 11, Some("complete"), None);
        assert_eq!(verdict(&connection).0, State::Complete);
    }
}

#[test]
fn a_killed_sync_leaves_a_gap_or_none() {
    let connection = archive::empty();
    sync(&connection, 8, Some("complete"), None);
    listing(&connection, None, 500, 500);
    sync(&connection, 11, None, None);
    let (state, text) = verdict(&connection);
    assert_eq!(state, State::Complete);
    assert!(
        text.ends_with("; a sync that began 1 hour ago was killed"),
        "{text}"
    );

    connection
        .execute_batch("UPDATE listings SET total = 900")
        .unwrap();
    let (state, text) = verdict(&connection);
    assert_eq!(state, State::Incomplete);
    assert!(
        text.contains("was killed, 500 of 900 actions archived; last complete sync 4 hours ago"),
        "{text}"
    );
    // While the sync run is at work, the same state is progress and not a gap.
    let (state, text) = judged(&connection, &held(), None);
    assert_eq!(state, State::Complete);
    assert!(text.contains("; a sync is running"), "{text}");
}

#[test]
fn what_was_covered_and_is_doubted_by_a_killed_sync_is_a_gap() {
    let connection = archive::empty();
    sync(&connection, 8, Some("complete"), None);
    listing(&connection, None, 500, 500);
    sync(&connection, 11, None, None);
    connection
        .execute_batch(
            "DELETE FROM coverage; UPDATE listings SET total = NULL, complete_total = NULL",
        )
        .unwrap();
    assert_eq!(verdict(&connection).0, State::Incomplete);
}

#[test]
fn a_first_sync_that_has_not_ended_is_incomplete_with_how_far_it_is() {
    let connection = archive::empty();
    sync(&connection, 11, None, None);
    listing(&connection, None, 52_292, 1_400);
    let (state, text) = judged(&connection, &held(), None);
    assert_eq!(state, State::Incomplete);
    assert_eq!(
        text,
        "incomplete: a sync is running, 1,400 of 52,292 actions archived"
    );
    let left = LockState::Left {
        holder: "process 7".to_owned(),
    };
    let (state, text) = judged(&connection, &left, None);
    assert_eq!(state, State::Incomplete);
    assert!(text.contains("has not ended, or was killed, "), "{text}");
    assert_eq!(verdict(&connection).0, State::Incomplete);
}

#[test]
fn an_archive_of_droplets_is_judged_as_one() {
    let connection = archive::empty();
    // An old unfinished sync run of the account no longer matters.
    listing(&connection, None, 900, 100);
    let scope = r#"{"droplets":[1,2],"tags":[]}"#;
    sync(&connection, 8, Some("partial"), Some("of the account"));
    sync_of(&connection, scope, 11, Some("complete"), None);
    actions(&connection, 30);
    listing(&connection, Some(1), 10, 10);
    listing(&connection, Some(2), 20, 20);
    listing(&connection, Some(3), 20, 4);
    let text = "complete: 2 droplets, 30 actions, last synced 1 hour ago";
    assert_eq!(verdict(&connection), (State::Complete, text.to_owned()));
    sync_of(&connection, scope, 12, None, None);
    assert_eq!(verdict(&connection).0, State::Complete);
    connection
        .execute_batch("UPDATE listings SET total = 21 WHERE droplet_id = 2")
        .unwrap();
    assert_eq!(verdict(&connection).0, State::Incomplete);
}

#[test]
fn droplets_of_a_tag_are_counted_as_they_are_followed() {
    let connection = archive::empty();
    let scope = r#"{"droplets":[],"tags":["web"]}"#;
    sync_of(&connection, scope, 11, Some("complete"), None);
    listing(&connection, Some(1), 10, 10);
    listing(&connection, Some(2), 20, 20);
    assert!(verdict(&connection).1.starts_with("complete: 2 droplets, "));
    connection
        .execute_batch("UPDATE listings SET followed_from = 7 WHERE droplet_id = 2")
        .unwrap();
    assert!(verdict(&connection).1.starts_with("complete: 1 droplet, "));
}

#[test]
fn what_is_followed_is_measured_from_where_it_is_followed() {
    let connection = archive::empty();
    listing(&connection, Some(1), 10, 10);
    connection
        .execute_batch(
            "UPDATE listings SET followed_from = 100;
             INSERT INTO listings (path, total) VALUES ('/v2/actions, of droplets', 130);
             INSERT INTO coverage VALUES (last_insert_rowid(), 100, 110), (last_insert_rowid(), 120, 125);",
        )
        .unwrap();
    let listings = facts::read_listings(&connection).unwrap();
    let of_droplets = &listings[0];
    assert_eq!(of_droplets.path, "/v2/actions, of droplets");
    assert_eq!((of_droplets.covered, of_droplets.missing), (115, 15));
    assert!(of_droplets.has_gap());
    let own = &listings[1];
    assert_eq!((own.covered, own.missing), (10, 0));
    assert!(own.is_followed && !own.has_gap());
}

#[test]
fn a_complete_sync_of_the_account_holds_for_its_droplets() {
    let connection = archive::empty();
    sync(&connection, 9, Some("complete"), None);
    sync_of(
        &connection,
        r#"{"droplets":[1],"tags":[]}"#,
        11,
        Some("failed"),
        None,
    );
    let (state, text) = verdict(&connection);
    assert_eq!(state, State::Complete);
    assert!(text.contains("last synced 3 hours ago"), "{text}");
}

fn missing(connection: &Connection, lock: &LockState) -> Option<String> {
    let basis = basis(connection, lock, NOW.parse().unwrap()).unwrap();
    let state = judged(connection, lock, None).0;
    assert_eq!(basis.missing.is_none(), state == State::Complete);
    basis.missing
}

#[test]
fn an_answer_says_what_is_missing_of_the_account() {
    let connection = archive::empty();
    let said = |lock: &LockState| missing(&connection, lock).unwrap_or_default();
    let nothing = "nothing is archived yet, run `archiver sync`";
    assert_eq!(said(&LockState::Free), nothing);
    sync(&connection, 8, Some("failed"), Some("no network"));
    assert_eq!(said(&LockState::Free), nothing);
    sync(&connection, 9, None, None);
    assert_eq!(said(&LockState::Free), nothing);
    assert_eq!(said(&held()), "a sync is running");
    listing(&connection, None, 60_000, 5_000);
    let part = "5,000 of 60,000 actions of the account";
    assert_eq!(
        said(&LockState::Free),
        format!("{part}, run `archiver sync`")
    );
    assert_eq!(said(&held()), format!("{part}, a sync is running"));
    connection
        .execute_batch("UPDATE coverage SET end_position = 60000")
        .unwrap();
    assert_eq!(
        said(&LockState::Free),
        "a sync that began 3 hours ago was killed, run `archiver sync`"
    );
    sync(&connection, 10, Some("complete"), None);
    assert_eq!(said(&LockState::Free), "");
    sync(&connection, 11, Some("failed"), Some("no network"));
    assert_eq!(said(&LockState::Free), "");
    let reason = "the account's listing is incomplete: page 2\nmore";
    sync(&connection, 11, Some("partial"), Some(reason));
    assert_eq!(
        said(&LockState::Free),
        "the account's listing is incomplete: page 2, `archiver status` says more"
    );
}

#[test]
fn an_answer_says_how_many_droplets_of_the_scope_are_whole() {
    let connection = archive::empty();
    let scope = r#"{"droplets":[1,2,3],"tags":[]}"#;
    sync_of(&connection, scope, 10, None, None);
    let said = || missing(&connection, &LockState::Free).unwrap_or_default();
    let next = "run `archiver sync`";
    assert_eq!(said(), format!("0 of 3 droplets, {next}"));
    listing(&connection, Some(1), 10, 10);
    listing(&connection, Some(2), 10, 4);
    listing(&connection, Some(9), 10, 10);
    assert_eq!(said(), format!("1 of 3 droplets, {next}"));
    let scope = r#"{"droplets":[3],"tags":["web"]}"#;
    sync_of(&connection, scope, 11, Some("interrupted"), None);
    assert_eq!(said(), format!("2 of at least 4 droplets, {next}"));
    connection
        .execute_batch(
            r#"INSERT INTO droplets (id, extra, first_seen_at)
               SELECT value, '{"tags":["web","blue"]}', '2026-01-01T00:00:00Z' FROM json_each('[2,4,5,6]');
               INSERT INTO droplets (id, extra, first_seen_at, gone_at)
               VALUES (7, '{"tags":["blue"]}', '2026-01-01T00:00:00Z', NULL),
                      (8, '{"tags":["web"]}', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
               INSERT INTO droplet_tags (droplet_id, tag, first_seen_at)
               SELECT droplets.id, tag.value, first_seen_at FROM droplets, json_each(extra, '$.tags') AS tag;
               UPDATE listings SET complete_total = 10 WHERE droplet_id = 2;
               UPDATE coverage SET end_position = 10"#,
        )
        .unwrap();
    assert_eq!(said(), format!("1 of 5 droplets, {next}"));
    sync_of(&connection, scope, 12, Some("complete"), None);
    assert_eq!(said(), "");
}

#[test]
fn only_the_last_sync_can_be_at_work() {
    let connection = archive::empty();
    sync(&connection, 9, None, None);
    sync(&connection, 11, None, None);
    let runs = runs::last(&connection, &held()).unwrap();
    let outcomes: Vec<_> = runs.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunState::Running, RunState::Killed]);
}

#[test]
fn facts_are_counted() {
    let connection = archive::empty();
    sync(&connection, 11, Some("complete"), None);
    connection
        .execute_batch(
            "UPDATE sync_runs SET ratelimit_remaining = 4990;
             INSERT INTO actions (id, type, status, started_at, completed_at, resource_id, resource_type, first_seen_run)
             VALUES (1, 'create', 'completed', '2020-01-01T00:00:00Z', '2020-01-01T00:01:00Z', 5, 'droplet', 1),
                    (2, 'reboot', 'in-progress', '2021-01-01T00:00:00Z', NULL, 5, 'droplet', 1),
                    (3, 'attach', 'in-progress', NULL, NULL, 6, 'volume', 1),
                    (4, 'reboot', 'completed', '2022-01-01T00:00:00Z', NULL, 5, 'droplet', 1);
             INSERT INTO droplets (id, first_seen_at, gone_at)
             VALUES (5, '2020-01-01T00:00:00Z', NULL), (7, '2020-01-01T00:00:00Z', '2021-01-01T00:00:00Z');",
        )
        .unwrap();
    let facts = facts::read(&connection).unwrap();
    assert_eq!(
        (facts.actions, facts.open_actions, facts.actions_without_end),
        (4, 2, 1)
    );
    assert_eq!((facts.droplets, facts.droplets_gone), (2, 1));
    let oldest = facts.oldest_open_action.unwrap();
    assert_eq!((oldest.id, oldest.droplet_id), (2, Some(5)));
    assert_eq!(
        facts.first_action_at.as_deref(),
        Some("2020-01-01T00:00:00Z")
    );
    assert_eq!(
        facts.last_action_at.as_deref(),
        Some("2022-01-01T00:00:00Z")
    );
    assert_eq!(facts.quota.unwrap().remaining, 4_990);
    assert!(facts.file_bytes > 0);
}
