//! The first sync, later syncs, and the cost of each.

use std::os::unix::fs::PermissionsExt;

use crate::account::{cloud, settled_cloud};
use crate::archive::Archive;
use crate::asked::{requests, requests_for};
use crate::sandbox::Sandbox;

#[test]
fn an_account_comes_out_exactly_and_a_second_sync_changes_nothing() {
    let cloud = cloud(40, 12_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    archive.equals(&cloud);
    let before = archive.contents();
    drop(archive);

    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    archive.is_unchanged_since(&before);
    let run = archive.last_run();
    assert_eq!((run.inserted, run.updated), (0, 0), "{run:?}");
    assert!(run.unchanged > 0 && run.is_finished, "{run:?}");
    assert_eq!(run.outcome.as_deref(), Some("complete"));
}

#[test]
fn with_neither_flags_nor_configuration_it_is_the_whole_account() {
    let cloud = cloud(5, 300);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &[]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn droplets_come_out_exactly_and_nothing_of_the_others_does() {
    let cloud = cloud(6, 3_000);
    let [first, second] = [cloud.droplets()[0].id, cloud.droplets()[1].id];
    let sandbox = Sandbox::new();
    let ids = format!("{first},{second}");
    for _ in 0..2 {
        sandbox
            .sync(&cloud, &["--droplet", &ids])
            .exits(0)
            .silently();
        let archive = sandbox.archive();
        archive.is_exactly([cloud.actions_of(first), cloud.actions_of(second)].concat());
        for id in [first, second] {
            let sql = format!("SELECT count(*) FROM droplet_actions WHERE droplet_id = {id}");
            assert_eq!(archive.number(&sql), cloud.actions_of(id).len() as i64);
        }
    }
    assert_eq!(sandbox.archive().last_run().inserted, 0);
}

#[test]
fn at_rest_the_archive_is_one_private_file_that_opens_read_only() {
    let cloud = cloud(3, 100);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    let metadata = std::fs::metadata(sandbox.db()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    let elsewhere = sandbox.folder().join("of-another-user");
    std::fs::create_dir(&elsewhere).unwrap();
    let copy = elsewhere.join("archive.db");
    std::fs::copy(sandbox.db(), &copy).unwrap();
    for (path, mode) in [(&copy, 0o444), (&elsewhere, 0o555)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let archive = Archive::open(&copy);
    assert_eq!(archive.texts("PRAGMA journal_mode"), ["delete"]);
    archive.equals(&cloud);
    drop(archive);
    std::fs::set_permissions(&elsewhere, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1);
}

#[test]
fn a_first_sync_costs_one_request_a_page_one_for_the_account_and_one_for_names() {
    for actions in [0, 1, 199, 200, 201, 1_000] {
        let cloud = settled_cloud(3, actions);
        let sandbox = Sandbox::new();
        sandbox.sync(&cloud, &["--all"]).exits(0);
        // A full last page takes one more request, which shows that it is the last.
        let is_full = actions > 0 && actions % 200 == 0;
        let pages = actions.div_ceil(200).max(1) + usize::from(is_full);
        assert_eq!(requests_for(&cloud, "/v2/actions"), pages, "{actions}");
        assert_eq!(requests(&cloud), pages + 2, "{actions}");
        assert_eq!(sandbox.archive().last_run().requests, pages as i64 + 2);
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn a_first_sync_of_droplets_costs_one_request_a_page_and_three_more() {
    let cloud = settled_cloud(4, 2_000);
    let ids: Vec<_> = cloud.droplets().iter().map(|droplet| droplet.id).collect();
    let flags: Vec<_> = ids.iter().map(|id| format!("--droplet={id}")).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Sandbox::new().sync(&cloud, &flags).exits(0);
    let pages = ids
        .iter()
        .map(|id| cloud.actions_of(*id).len().div_ceil(200).max(1));
    assert_eq!(requests(&cloud), pages.sum::<usize>() + 3);
}

#[test]
fn nothing_new_costs_one_request_and_one_for_names() {
    let cloud = settled_cloud(10, 3_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(requests(&cloud), 2);
}

#[test]
fn new_actions_cost_one_request_for_each_200() {
    let cloud = settled_cloud(10, 3_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    for new in [1, 150, 200, 450] {
        cloud.add_actions(new);
        cloud.clear_requests();
        sandbox.sync(&cloud, &["--all"]).exits(0);
        assert!(requests(&cloud) <= new.div_ceil(200) + 2, "{new}");
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn what_arrives_while_paging_moves_nothing_out_of_sight() {
    let cloud = settled_cloud(10, 3_000);
    cloud.grow_per_request(37);
    let listed = cloud.actions();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().holds(listed);
    cloud.grow_per_request(0);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_listing_that_keeps_growing_does_not_keep_a_sync_from_ending() {
    let cloud = settled_cloud(3, 500);
    cloud.grow_per_request(150);
    let listed = cloud.actions();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().holds(listed);
    sandbox.sync(&cloud, &["--full"]).exits(0);
}

#[test]
fn a_listing_that_outgrows_its_reader_is_given_up_in_words() {
    let cloud = settled_cloud(3, 500);
    cloud.grow_per_request(250);
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says("grows faster than it can be read");
    assert!(requests(&cloud) < 60, "{}", requests(&cloud));
    cloud.grow_per_request(0);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_full_sync_pages_through_everything_again_and_finds_the_same() {
    let cloud = settled_cloud(10, 1_500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let before = sandbox.archive().contents();
    cloud.clear_requests();
    sandbox
        .sync(&cloud, &["--all", "--full"])
        .exits(0)
        .silently();
    assert_eq!(requests_for(&cloud, "/v2/actions"), 8);
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn pages_are_read_several_at_once_but_no_more_than_configured() {
    for (limits, most) in [("", 4), ("[limits]\nconcurrency = 2", 2)] {
        let cloud = settled_cloud(5, 4_000);
        cloud.change(|options| options.latency = std::time::Duration::from_millis(50));
        Sandbox::new().configured(limits).sync(&cloud, &[]).exits(0);
        assert_eq!(cloud.most_at_once(), most, "{limits}");
    }
}

#[test]
fn an_account_is_added_to_what_its_droplets_left_and_the_other_way_round() {
    let cloud = settled_cloud(6, 1_200);
    let droplet = cloud.droplets()[0].id.to_string();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &droplet]).exits(0);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
    sandbox
        .sync(&cloud, &["--droplet", &droplet])
        .exits(0)
        .silently();
    sandbox.archive().equals(&cloud);
}
