//! Odd rows that the API may write and its specification allows: they cost neither their page nor the truth.

use serde_json::json;

use crate::account::account;
use crate::cloud::{Cloud, HandmadeAction};
use crate::sandbox::Sandbox;

fn cloud_of(actions: Vec<HandmadeAction>) -> Cloud {
    Cloud::start_handmade(account(0, 0), &[], actions).unwrap()
}

/// This many plain rows below the given rows, newest first.
fn with_plain_rows(odd: Vec<HandmadeAction>, plain: i64) -> Vec<HandmadeAction> {
    let row =
        |id: i64| json!({"id": id, "type": "reboot", "started_at": "2020-01-01T00:00:00Z"}).into();
    odd.into_iter().chain((1..=plain).rev().map(row)).collect()
}

#[test]
fn an_id_alone_nulls_and_missing_fields_are_archived_as_they_are() {
    let cloud = cloud_of(vec![
        json!({"id": 4, "status": null, "type": null, "started_at": null, "completed_at": null,
            "resource_id": null, "resource_type": null, "region": null, "region_slug": null})
        .into(),
        json!({"id": 3, "status": "completed", "region": {}}).into(),
        json!({"id": 2}).into(),
    ]);
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);
    }
    assert_eq!(sandbox.archive().last_run().unchanged, 3);
}

#[test]
fn times_in_older_forms_are_times_and_those_that_cannot_be_read_are_counted_and_kept() {
    let cloud = cloud_of(vec![
        json!({"id": 5, "started_at": 1_419_135_329, "completed_at": "1419135330"}).into(),
        json!({"id": 4, "started_at": "2014-12-21 04:15:29 UTC", "completed_at": "later"}).into(),
        json!({"id": 3, "started_at": "soon", "completed_at": [1]}).into(),
        json!({"id": 2, "started_at": 1_419_135_329_000_i64}).into(),
        json!({"id": 1, "started_at": null}).into(),
    ]);
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all", "-v"]).exits(0);
    run.says("; 3 actions with times that cannot be read");
    let times =
        "SELECT id || ' ' || coalesce(started_at, '-') || ' ' || coalesce(completed_at, '-') || ' '
                        || coalesce(extra, '-') FROM actions ORDER BY id";
    assert_eq!(
        sandbox.archive().texts(times),
        [
            "1 - - -",
            r#"2 - - {"started_at":1419135329000}"#,
            r#"3 - - {"completed_at":[1],"started_at":"soon"}"#,
            r#"4 2014-12-21T04:15:29Z - {"completed_at":"later"}"#,
            "5 2014-12-21T04:15:29Z 2014-12-21T04:15:30Z -",
        ]
    );
    let run = sandbox.sync(&cloud, &["--all", "--full", "-v"]).exits(0);
    run.never_says("cannot be read");
    let run = sandbox.run(&["verify"]).exits(0);
    assert!(
        run.stdout.contains("note: actions have an invalid time"),
        "{run}"
    );
    assert!(run.stdout.contains("(3, such as 2)"), "{run}");
}

#[test]
fn ids_beyond_32_and_53_bits_are_kept_to_the_last_digit() {
    let ids = [
        i64::MAX,
        9_007_199_254_740_993,
        9_007_199_254_740_992,
        4_294_967_297,
        2_147_483_648,
    ];
    let cloud = cloud_of(ids.map(|id| json!({"id": id}).into()).to_vec());
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
    let run = sandbox
        .query(&["-o", "jsonl", "--id", "9007199254740993"])
        .exits(0);
    assert!(run.stdout.contains("9007199254740993"), "{run}");
}

#[test]
fn a_region_that_is_a_bare_slug_as_before_2015_is_a_region() {
    let cloud = cloud_of(vec![
        json!({"id": 1, "type": "create", "region": "nyc1"}).into(),
    ]);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    assert_eq!(archive.texts("SELECT region_slug FROM actions"), ["nyc1"]);
    assert_eq!(archive.texts("SELECT slug FROM regions"), ["nyc1"]);
}

#[test]
fn what_has_no_column_is_kept_and_new_kinds_are_no_error() {
    let cloud = cloud_of(vec![
        json!({"id": 1, "type": "teleport", "status": "paused", "resource_type": "toaster",
            "resource_id": "6a1f", "actor": {"name": "sammy"}})
        .into(),
    ]);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    let kind = "SELECT type || ' ' || status || ' ' || resource_type FROM actions";
    assert_eq!(archive.texts(kind), ["teleport paused toaster"]);
    let extra =
        "SELECT extra ->> '$.actor.name' || ' ' || (extra ->> '$.resource_id') FROM actions";
    assert_eq!(archive.texts(extra), ["sammy 6a1f"]);
}

#[test]
fn rows_without_an_integer_id_are_reported_and_do_not_stop_their_page() {
    let odd = [
        r#"{"id": "5", "type": "snapshot"}"#,
        r#"{"type": "resize"}"#,
        r#"{"id": null}"#,
        r#"{"id": 2.5}"#,
        r#"{"id": 9223372036854775808}"#,
        "null",
        "[]",
        "\"text\"",
    ];
    for text in odd {
        let cloud = cloud_of(with_plain_rows(vec![HandmadeAction::text(text)], 250));
        let sandbox = Sandbox::new();
        for _ in 0..2 {
            let run = sandbox.sync(&cloud, &["--all"]).exits(3);
            run.says("a row was left out")
                .says("1 row cannot be archived");
            assert_eq!(sandbox.archive().actions().len(), 250, "{text}");
        }
    }
}

#[test]
fn a_listing_that_holds_an_action_twice_does_not_add_up_and_says_so() {
    let twice = |id: i64| json!({"id": id}).into();
    let cloud = cloud_of(with_plain_rows(vec![twice(1_000), twice(1_000)], 300));
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says("the number of actions on its pages is 301, but its total says 302");
    assert_eq!(sandbox.archive().actions().len(), 301);
}

#[test]
fn an_action_twice_on_different_pages_does_not_hide_another() {
    let rows = with_plain_rows(vec![json!({"id": 1}).into()], 401);
    let cloud = cloud_of(rows);
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--all"])
        .exits(3)
        .says("the number of actions on its pages is 401");
    assert_eq!(sandbox.archive().actions().len(), 401);
}

#[test]
fn text_from_the_network_cannot_steer_a_terminal() {
    let evil = "re\u{1b}[2Jboot\u{9b}31m\r\n\u{202e}";
    let cloud = cloud_of(vec![
        json!({"id": 1, "type": evil}).into(),
        json!({"id": evil}).into(),
    ]);
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.never_says("\u{1b}")
        .never_says("\u{9b}")
        .never_says("\u{202e}");
    let run = sandbox.query(&[]).exits(0);
    run.never_says("\u{1b}")
        .never_says("\u{9b}")
        .never_says("\u{202e}");
    let stored: String = sandbox.archive().value("SELECT type FROM actions");
    assert_eq!(stored, evil);
}
