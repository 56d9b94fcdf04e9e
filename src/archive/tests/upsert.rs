//! The upsert: information only grows, and SQLite counts the rows.

use super::fixture::{
    Archive, bare, completed, counts, extra, folder, in_progress, interval, text, time,
};
use crate::core::model::{Action, Extra};

const ROW: &str = "SELECT id, status, type, started_at, completed_at, resource_id, resource_type,
                          region_slug, extra FROM actions ORDER BY id";
const COMPLETED: &str = "1 completed reboot 2020-07-20T19:37:30Z 2020-07-20T19:37:45Z 42 droplet nyc3 \
                         {\"progress\":100}";

#[test]
fn new_grown_and_known_actions_are_counted_apart() {
    let mut archive = Archive::in_memory();
    archive.record(&[in_progress(1), completed(2)]);
    let recorded = archive.record(&[completed(3), completed(1), completed(2)]);
    assert_eq!(counts(recorded), (1, 1, 1));
    assert_eq!(recorded.unexpected, 0);
}

#[test]
fn an_action_that_stands_on_a_page_twice_is_new_once() {
    let mut archive = Archive::in_memory();
    let recorded = archive.record(&[completed(1), bare(2), completed(1)]);
    assert_eq!(counts(recorded), (2, 0, 1));
    let recorded = archive.record(&[in_progress(9), bare(4), completed(9)]);
    assert_eq!(counts(recorded), (2, 1, 0));
}

#[test]
fn of_an_action_that_stands_on_a_page_twice_the_later_row_is_the_newer() {
    let mut archive = Archive::in_memory();
    let named = |id, kind: &str| Action {
        kind: text(kind),
        ..bare(id)
    };
    archive.record(&[named(5, "first"), named(9, "other"), named(5, "second")]);
    assert_eq!(
        archive.rows("SELECT id, type FROM actions ORDER BY id"),
        ["5 second", "9 other"]
    );
}

#[test]
fn null_never_replaces_what_is_known_in_any_column() {
    let mut archive = Archive::in_memory();
    archive.record(&[completed(1)]);
    assert_eq!(counts(archive.record(&[bare(1)])), (0, 0, 1));
    assert_eq!(archive.rows(ROW), [COMPLETED]);
}

#[test]
fn each_field_that_is_learned_alone_makes_an_update() {
    let learn: [fn(&mut Action, Action); 8] = [
        |said, known| said.status = known.status,
        |said, known| said.kind = known.kind,
        |said, known| said.started_at = known.started_at,
        |said, known| said.completed_at = known.completed_at,
        |said, known| said.resource_id = known.resource_id,
        |said, known| said.resource_type = known.resource_type,
        |said, known| said.region_slug = known.region_slug,
        |said, known| said.extra = known.extra,
    ];
    let mut archive = Archive::in_memory();
    archive.record(&[bare(1)]);
    for learn in learn {
        let mut said = [bare(1)];
        learn(&mut said[0], completed(1));
        assert_eq!(counts(archive.record(&said)), (0, 1, 0), "{said:?}");
        assert_eq!(counts(archive.record(&said)), (0, 0, 1), "{said:?}");
    }
    assert_eq!(archive.rows(ROW), [COMPLETED]);
}

#[test]
fn a_settled_status_never_goes_back() {
    for settled in ["completed", "errored"] {
        for stale in [None, text("in-progress"), text("queued"), text("")] {
            let mut archive = Archive::in_memory();
            let action = Action {
                status: text(settled),
                ..completed(1)
            };
            archive.record(&[action]);
            let stale = Action {
                status: stale,
                ..in_progress(1)
            };
            assert_eq!(
                counts(archive.record(std::slice::from_ref(&stale))),
                (0, 0, 1),
                "{stale:?}"
            );
            assert_eq!(archive.rows("SELECT status FROM actions"), [settled]);
        }
    }
}

#[test]
fn of_two_settled_statuses_the_newer_counts() {
    let mut archive = Archive::in_memory();
    archive.record(&[completed(1)]);
    let errored = Action {
        status: text("errored"),
        ..bare(1)
    };
    assert_eq!(counts(archive.record(&[errored])), (0, 1, 0));
    assert_eq!(archive.rows("SELECT status FROM actions"), ["errored"]);
}

#[test]
fn an_unknown_status_is_kept_until_a_newer_one_comes() {
    let mut archive = Archive::in_memory();
    for status in ["queued", "in-progress", "paused", "completed"] {
        let action = Action {
            status: text(status),
            ..bare(1)
        };
        archive.record(&[action]);
        assert_eq!(archive.rows("SELECT status FROM actions"), [status]);
    }
}

#[test]
fn an_end_that_is_learned_later_names_the_sync_that_learned_it() {
    let mut archive = Archive::in_memory();
    archive.record(&[in_progress(1), completed(2)]);
    let runs = "SELECT id, first_seen_run, changed_run FROM actions";
    assert_eq!(archive.rows(runs), ["1 1 -", "2 1 -"]);
    archive.next_run("2026-01-01T13:00:00Z");
    let ended = Action {
        completed_at: Some(time("2020-07-20T19:37:45Z")),
        ..in_progress(1)
    };
    assert_eq!(counts(archive.record(&[ended, completed(2)])), (0, 1, 1));
    assert_eq!(archive.rows(runs), ["1 1 2", "2 1 -"]);
}

#[test]
fn extra_fields_merge_by_name_and_null_never_wipes_one() {
    let mut archive = Archive::in_memory();
    let say = |json: &str| Action {
        extra: extra(json),
        ..bare(1)
    };
    for (said, outcome, kept) in [
        (r#"{"b":1,"n":null}"#, (1, 0, 0), r#"{"b":1,"n":null}"#),
        (r#"{"a":[2]}"#, (0, 1, 0), r#"{"a":[2],"b":1,"n":null}"#),
        (
            r#"{"b":null,"n":null}"#,
            (0, 0, 1),
            r#"{"a":[2],"b":1,"n":null}"#,
        ),
        (
            r#"{"n":"x","b":3}"#,
            (0, 1, 0),
            r#"{"a":[2],"b":3,"n":"x"}"#,
        ),
    ] {
        assert_eq!(counts(archive.record(&[say(said)])), outcome, "{said}");
        assert_eq!(archive.rows("SELECT extra FROM actions"), [kept]);
    }
    assert_eq!(
        counts(archive.record(&[Action {
            extra: Extra::new(),
            ..bare(1)
        }])),
        (0, 0, 1)
    );
}

#[test]
fn text_that_is_odd_is_kept_as_it_came() {
    let mut archive = Archive::in_memory();
    let odd = Action {
        kind: text("a\0b'\u{1F600}"),
        ..bare(i64::MAX)
    };
    archive.record(&[odd.clone(), bare(i64::MIN)]);
    assert_eq!(counts(archive.record(&[odd, bare(i64::MIN)])), (0, 0, 2));
    assert_eq!(
        archive.rows("SELECT id, type FROM actions ORDER BY id DESC LIMIT 1"),
        ["9223372036854775807 a\0b'\u{1F600}"]
    );
}

#[test]
fn a_page_that_is_read_again_writes_nothing() {
    let (_folder, path) = folder();
    let log = path.with_extension("db-wal");
    let mut archive = Archive::at(&path);
    let page: Vec<_> = (0..200).rev().map(completed).collect();
    archive
        .try_page(&page, &[interval(0, 200)], Some(200))
        .unwrap();
    let changes = archive.changes();
    let written = std::fs::read(&log).unwrap();
    let recorded = archive
        .try_page(&page, &[interval(0, 200)], Some(200))
        .unwrap();
    assert_eq!(counts(recorded), (0, 0, 200));
    assert_eq!(archive.changes(), changes);
    assert_eq!(std::fs::read(&log).unwrap(), written);
}

#[test]
fn an_action_that_is_asked_for_by_id_is_merged_alike() {
    let mut archive = Archive::in_memory();
    archive.record(&[in_progress(1)]);
    let (run, now) = (archive.run, archive.now);
    let mut ask = |action: &Action| {
        let recorded = archive.store.record_action(action, run, now);
        counts(recorded.unwrap())
    };
    assert_eq!(ask(&completed(1)), (0, 1, 0));
    assert_eq!(ask(&in_progress(1)), (0, 0, 1));
    assert_eq!(ask(&completed(2)), (1, 0, 0));
}

#[test]
fn open_actions_are_those_in_progress_oldest_first() {
    let mut archive = Archive::in_memory();
    let younger = Action {
        started_at: Some(time("2021-01-01T00:00:00Z")),
        resource_type: text("volume"),
        ..in_progress(1)
    };
    archive.record(&[younger, in_progress(2), completed(3), bare(4)]);
    let open = archive.store.open_actions(archive.now).unwrap();
    let open: Vec<_> = open.iter().map(|open| (open.id, open.droplet_id)).collect();
    assert_eq!(open, [(2, Some(42)), (1, None)]);
}

#[test]
fn an_action_in_progress_is_asked_for_the_less_often_the_older_it_is() {
    let mut archive = Archive::in_memory();
    let begun = |id, at: &str| Action {
        started_at: Some(time(at)),
        ..in_progress(id)
    };
    let timeless = Action {
        started_at: None,
        ..in_progress(5)
    };
    archive.record(&[
        begun(1, "2026-03-01T11:00:00Z"),
        begun(2, "2026-02-20T00:00:00Z"),
        begun(3, "2025-06-01T00:00:00Z"),
        begun(4, "2020-01-01T00:00:00Z"),
        timeless,
    ]);
    let mut due = |now: &str| {
        let open = archive.store.open_actions(time(now)).unwrap();
        let mut ids: Vec<_> = open.iter().map(|action| action.id).collect();
        for id in &ids {
            archive.store.note_asked_for(*id, time(now)).unwrap();
        }
        ids.sort_unstable();
        ids
    };
    assert_eq!(due("2026-03-01T12:00:00Z"), [1, 2, 3, 4, 5]);
    assert_eq!(due("2026-03-01T12:10:00Z"), [1]);
    assert_eq!(due("2026-03-01T13:00:00Z"), [1, 2]);
    assert_eq!(due("2026-03-02T12:00:00Z"), [1, 2, 3]);
    assert_eq!(due("2026-03-08T12:00:00Z"), [1, 2, 3, 4, 5]);
    assert_eq!(
        due("2020-01-01T00:00:00Z"),
        [1, 2, 3, 4, 5],
        "a clock was wrong"
    );
}

#[test]
fn an_action_whose_end_is_not_told_is_asked_for_once_after_it_completed() {
    let mut archive = Archive::in_memory();
    let (run, now) = (archive.run, archive.now);
    let without_end = Action {
        completed_at: None,
        ..completed(1)
    };
    archive.record(&[in_progress(1)]);
    archive.store.note_asked_for(1, now).unwrap();
    archive.store.record_action(&without_end, run, now).unwrap();
    assert_eq!(archive.store.actions_without_end(9).unwrap().len(), 1);
    archive.store.note_asked_for(1, now).unwrap();
    assert_eq!(archive.store.actions_without_end(9).unwrap(), []);
}
