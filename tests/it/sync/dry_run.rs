//! `archiver sync --dry-run`: the cost of a sync, without the sync.

use crate::account::{account, settled_cloud};
use crate::asked::requests;
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

#[test]
fn it_foretells_the_sync_that_follows_and_makes_no_archive() {
    let cloud = settled_cloud(8, 1_700);
    let droplets = cloud.droplets();
    let some = format!("{},{}", droplets[0].id, droplets[1].id);
    for flags in [
        &["--all"][..],
        &["--droplet", &some],
        &["--tag", "env:prod"],
    ] {
        let sandbox = Sandbox::new();
        let dry = [flags, &["--dry-run", "-o", "json"]].concat();
        let foretold = sandbox.sync(&cloud, &dry).exits(0).json();
        assert!(!sandbox.db().exists(), "{flags:?}");
        cloud.clear_requests();
        sandbox.sync(&cloud, flags).exits(0);
        let archived = sandbox.archive().actions().len();
        assert_eq!(foretold["actions"], archived, "{flags:?}");
        let most = foretold["requests"].as_u64().unwrap() as usize;
        assert!(requests(&cloud) <= most, "{} > {most}", requests(&cloud));
    }
}

#[test]
fn it_says_in_words_what_is_missing_and_touches_no_byte_of_an_archive() {
    let cloud = settled_cloud(8, 1_700);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.add_actions(250);
    let before = std::fs::read(sandbox.db()).unwrap();
    let run = sandbox.sync(&cloud, &["--all", "--dry-run"]).exits(0);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("250 actions to read in 2 pages"), "{run}");
    assert!(std::fs::read(sandbox.db()).unwrap() == before);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn it_fails_as_a_sync_would() {
    let cloud = Cloud::start(Options {
        token: "dop_v1_other".to_owned(),
        ..account(3, 50)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    let flags = ["--all", "--dry-run"];
    sandbox.sync(&cloud, &flags).exits(0);
    cloud.remove_scope("actions:read");
    sandbox.sync(&cloud, &flags).exits(4).says("actions:read");
    let wrong = sandbox.with("DIGITALOCEAN_TOKEN", "dop_v1_wrong");
    let url = cloud.url();
    let run = wrong
        .run(&["sync", "--all", "--dry-run", "--api-url", &url])
        .exits(4);
    run.says("401 unauthorized").says("hint: ");
    assert!(!wrong.db().exists());
}
