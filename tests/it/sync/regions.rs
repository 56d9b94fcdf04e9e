//! Regions: stored once, with their features and sizes, even when the token cannot see them today.

use std::collections::BTreeSet;

use crate::account::cloud;
use crate::sandbox::Sandbox;

#[test]
fn every_region_is_archived_once_with_its_features_and_sizes() {
    let cloud = cloud(30, 2_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = sandbox.archive();
    let actions = cloud.actions();
    let slugs: BTreeSet<_> = actions
        .into_iter()
        .filter_map(|it| it.region_slug)
        .collect();
    let archived = archive.texts("SELECT slug FROM regions ORDER BY slug");
    assert_eq!(archived, slugs.into_iter().collect::<Vec<_>>());
    let regions = archived.len() as i64;
    for (what, least) in [("features", 5), ("sizes", 80)] {
        let sql = format!(
            "SELECT count(*) FROM (SELECT region_slug FROM region_{what}
              GROUP BY region_slug HAVING count(*) >= {least})"
        );
        assert_eq!(archive.number(&sql), regions, "{what}");
    }
}

#[test]
fn a_token_without_sizes_never_wipes_out_known_ones() {
    let cloud = cloud(10, 500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let before = sandbox.archive().contents();
    cloud.remove_scope("sizes:read");
    sandbox
        .sync(&cloud, &["--all", "--full"])
        .exits(0)
        .silently();
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn sizes_arrive_when_the_token_may_see_them() {
    let cloud = cloud(10, 500);
    cloud.remove_scope("sizes:read");
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let sizes = "SELECT count(*) FROM region_sizes";
    assert_eq!(sandbox.archive().number(sizes), 0);
    cloud.set_scopes(crate::cloud::SCOPES);
    sandbox.sync(&cloud, &["--all", "--full"]).exits(0);
    assert!(sandbox.archive().number(sizes) > 80);
}

#[test]
fn a_scope_that_is_missing_is_named_with_a_hint() {
    let cloud = cloud(4, 300);
    let droplet = cloud.droplets()[0].id.to_string();
    for (scope, flags) in [
        ("actions:read", &["--all"][..]),
        ("droplet:read", &["--droplet", &droplet]),
    ] {
        cloud.set_scopes(crate::cloud::SCOPES);
        cloud.remove_scope(scope);
        let sandbox = Sandbox::new();
        let run = sandbox.sync(&cloud, flags).exits(4);
        run.says("403").says("hint: ").says(scope);
    }
}
