//! Lost actions come back, whatever the reason: an audit reads archived pages again, one by one.

use rusqlite::Connection;

use crate::account::{settled, settled_cloud};
use crate::asked::{asked_for, requests};
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::sandbox::Sandbox;

/// Audits follow one another without a pause.
const AT_ONCE: &str = "[sync]\naudit = \"0s\"\n";

fn alter(sandbox: &Sandbox, sql: &str) {
    let connection = Connection::open(sandbox.db()).unwrap();
    connection
        .execute_batch(&format!("PRAGMA foreign_keys = off; {sql}"))
        .unwrap();
}

#[test]
fn an_action_that_was_removed_behind_the_archives_back_comes_back_within_a_round() {
    for nth in [0, 450, 999] {
        let cloud = settled_cloud(5, 1_000);
        let sandbox = Sandbox::new().configured(AT_ONCE);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        alter(
            &sandbox,
            &format!(
                "DELETE FROM actions WHERE id = (SELECT id FROM actions ORDER BY id LIMIT 1 OFFSET {nth})"
            ),
        );
        let syncs = (1..=6).find(|_| {
            sandbox.sync(&cloud, &["--all"]).exits(0).silently();
            sandbox.archive().number("SELECT count(*) FROM actions") == 1_000
        });
        assert!(syncs.is_some(), "{nth} is not back");
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn an_action_lost_from_a_droplets_listing_comes_back_though_the_droplet_is_followed() {
    let cloud = Cloud::start(settled(3, 1_500)).unwrap();
    let ids: Vec<_> = cloud.droplets().iter().map(|it| it.id).collect();
    let flag = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let sandbox = Sandbox::new().configured(AT_ONCE);
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    let before = sandbox.archive().number("SELECT count(*) FROM actions");
    alter(
        &sandbox,
        "DELETE FROM actions WHERE id IN (SELECT id FROM actions ORDER BY id LIMIT 1 OFFSET 700)",
    );
    let syncs = (1..=12).find(|_| {
        sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
        sandbox.archive().number("SELECT count(*) FROM actions") == before
    });
    assert!(syncs.is_some(), "it is not back");
}

#[test]
fn an_audit_costs_one_request_more_and_at_most_one_in_its_time() {
    let cloud = settled_cloud(5, 1_000);
    let sandbox = Sandbox::new().configured(AT_ONCE);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    for _ in 0..6 {
        cloud.clear_requests();
        sandbox.sync(&cloud, &["--all"]).exits(0);
        assert!(requests(&cloud) <= 3, "the newest page, names and one more");
    }
    for configuration in ["[sync]\naudit = \"off\"\n", ""] {
        let sandbox = Sandbox::new().configured(configuration);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        for _ in 0..3 {
            cloud.clear_requests();
            sandbox.sync(&cloud, &["--all"]).exits(0);
            assert_eq!(requests(&cloud), 2, "{configuration}");
        }
    }
}

#[test]
fn a_round_reads_every_page_and_status_says_since_when_all_is_proven() {
    let cloud = settled_cloud(5, 1_000);
    let sandbox = Sandbox::new().configured(AT_ONCE);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    alter(
        &sandbox,
        "UPDATE listings SET proven_since = '2020-01-01T00:00:00Z'",
    );
    let status = || sandbox.run(&["status", "-o", "json"]).exits(0).json();
    assert_eq!(status()["proven_since"], "2020-01-01T00:00:00Z");
    assert_eq!(status()["audited_pages"], 5);
    let shown = sandbox.run(&["status"]).exits(0).stdout;
    assert!(
        shown.contains("each page was read at 2020-01-01"),
        "{shown}"
    );
    cloud.clear_requests();
    let syncs = (1..=6).find(|_| {
        sandbox.sync(&cloud, &["--all"]).exits(0);
        status()["proven_since"] != "2020-01-01T00:00:00Z"
    });
    assert!(syncs >= Some(5), "{syncs:?}");
    for page in 2..=5 {
        let path = format!("/v2/actions?page={page}&");
        assert!(asked_for(&cloud).contains(&path), "page {page}");
    }
    alter(
        &sandbox,
        "UPDATE listings SET proven_since = '2020-01-01T00:00:00Z'",
    );
    sandbox.sync(&cloud, &["--all", "--full"]).exits(0);
    assert_ne!(
        status()["proven_since"],
        "2020-01-01T00:00:00Z",
        "a full sync is a round"
    );
}

#[test]
fn a_page_that_cannot_be_read_again_is_no_loss_and_the_others_have_their_turn() {
    let cloud = settled_cloud(5, 1_000);
    let sandbox = Sandbox::new().configured(AT_ONCE);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.break_with(
        FaultRule::new(Fault::Status(404))
            .path("/v2/actions?")
            .page(5),
    );
    alter(
        &sandbox,
        "UPDATE listings SET proven_since = '2020-01-01T00:00:00Z'",
    );
    sandbox
        .sync(&cloud, &["--all", "-v"])
        .exits(0)
        .says("an archived page was not read again");
    cloud.clear_requests();
    for _ in 0..6 {
        sandbox.sync(&cloud, &["--all"]).exits(0);
    }
    assert!(asked_for(&cloud).contains("/v2/actions?page=4&"));
    let status = sandbox.run(&["status", "-o", "json"]).exits(0).json();
    assert_eq!(
        status["proven_since"], "2020-01-01T00:00:00Z",
        "a part of it is not proven again"
    );
}

#[test]
fn what_only_a_droplets_own_listing_shows_is_archived_when_that_is_read_again() {
    let cloud = Cloud::start(settled(8, 800)).unwrap();
    let id = cloud.droplets()[2].id;
    let flag = id.to_string();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    for kind in ["attach_volume", "resize_volume", "assign_ip", "transfer"] {
        let action = cloud.add_action(id, kind);
        cloud.settle(action);
    }
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    let archived = || sandbox.archive().number("SELECT count(*) FROM actions");
    assert!(archived() < cloud.actions_of(id).len() as i64);
    alter(
        &sandbox,
        "UPDATE listings SET complete_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day')",
    );
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    sandbox.archive().is_exactly(cloud.actions_of(id));
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    assert_eq!(requests(&cloud), 2, "and not again for a day");
}
