//! Droplets: gone droplets, unknown droplets, droplets that fail, and how they are selected and named.

use serde_json::json;

use crate::account::{account, cloud};
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::sandbox::Sandbox;

#[test]
fn a_destroyed_droplet_is_marked_gone_keeps_its_history_and_is_no_failure() {
    let cloud = cloud(4, 600);
    let [going, staying] = [cloud.droplets()[0].id, cloud.droplets()[1].id];
    let ids = format!("{going},{staying}");
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &ids]).exits(0);
    let history = cloud.actions_of(going);
    cloud.destroy_droplet(going).unwrap();
    cloud.add_actions_of(staying, 5);
    for _ in 0..2 {
        sandbox
            .sync(&cloud, &["--droplet", &ids])
            .exits(0)
            .silently();
    }
    let archive = sandbox.archive();
    archive.holds(history);
    archive.holds(cloud.actions_of(staying));
    let gone = archive.texts("SELECT id || '' FROM droplets WHERE gone_at IS NOT NULL");
    assert!(gone.contains(&going.to_string()), "{gone:?}");
    assert!(!gone.contains(&staying.to_string()), "{gone:?}");
}

#[test]
fn the_account_keeps_the_history_of_droplets_that_were_destroyed() {
    let cloud = Cloud::start(Options {
        destroyed: 0.5,
        ..account(8, 800)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let going = cloud.droplets()[0].id;
    cloud.destroy_droplet(going).unwrap();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = sandbox.archive();
    archive.equals(&cloud);
    let sql = format!("SELECT gone_at IS NOT NULL FROM droplets WHERE id = {going}");
    assert!(archive.value::<bool>(&sql));
}

#[test]
fn a_droplet_that_nobody_ever_saw_is_said_with_its_id_and_the_others_are_archived() {
    let cloud = cloud(4, 600);
    let known = cloud.droplets()[0].id;
    let sandbox = Sandbox::new();
    let flags = ["--droplet", "987654321", "--droplet", &known.to_string()];
    sandbox
        .sync(&cloud, &flags)
        .exits(3)
        .says("987654321")
        .says("not known")
        .never_says(&format!("droplet {known}"));
    sandbox.archive().is_exactly(cloud.actions_of(known));
    let listings = sandbox.run(&["status", "-o", "csv"]).exits(0).stdout;
    assert!(!listings.contains("987654321"), "{listings}");
    let flags = ["--droplet", &known.to_string()];
    sandbox.sync(&cloud, &flags).exits(0).silently();
    let status = sandbox.run(&["status", "--exit-code"]).exits(0).stdout;
    assert!(status.starts_with("complete: 1 droplet, "), "{status}");
}

#[test]
fn one_failing_droplet_neither_stops_nor_hides_the_others() {
    let cloud = cloud(8, 1_200);
    let ids: Vec<_> = cloud.droplets().iter().map(|it| it.id).collect();
    let flags: Vec<_> = ids.iter().map(|id| format!("--droplet={id}")).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let failing = format!("/v2/droplets/{}/", ids[1]);
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path(&failing));
    let sandbox = Sandbox::new();
    let said = format!("droplet {} ", ids[1]);
    sandbox
        .sync(&cloud, &flags)
        .exits(3)
        .says(&said)
        .says("404");
    let healthy = ids.iter().filter(|id| **id != ids[1]);
    // The account's newest page, which every sync reads, shows some actions of the failing droplet.
    let newest = cloud.actions().into_iter().take(200);
    let of_failing = newest.filter(|action| action.resource_id == Some(ids[1]));
    sandbox.archive().is_exactly(
        healthy
            .flat_map(|id| cloud.actions_of(*id))
            .chain(of_failing),
    );

    cloud.clear_faults();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    sandbox
        .archive()
        .is_exactly(ids.iter().flat_map(|id| cloud.actions_of(*id)));
}

#[test]
fn somebody_elses_404_page_does_not_make_a_droplet_gone() {
    let cloud = cloud(4, 400);
    let id = cloud.droplets()[0].id;
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--droplet", &id.to_string()])
        .exits(0);
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/actions"));
    let run = sandbox.sync(&cloud, &["--droplet", &id.to_string()]);
    assert_ne!(run.status.code(), Some(0), "{run}");
    let sql = format!("SELECT gone_at IS NULL FROM droplets WHERE id = {id}");
    assert!(sandbox.archive().value::<bool>(&sql));
}

#[test]
fn a_tag_means_the_droplets_that_have_it_now() {
    let cloud = cloud(12, 1_500);
    let droplets = cloud.droplets();
    let tag = droplets[0].tags[0].clone();
    let tagged = droplets
        .iter()
        .filter(|droplet| droplet.tags.contains(&tag));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--tag", &tag]).exits(0).silently();
    sandbox
        .archive()
        .is_exactly(tagged.flat_map(|droplet| cloud.actions_of(droplet.id)));
}

#[test]
fn a_tag_that_no_droplet_ever_had_leaves_the_sync_partial() {
    let cloud = cloud(12, 300);
    let tag = cloud.droplets()[0].tags[0].clone();
    let sandbox = Sandbox::new();
    let slip = format!("{tag}x");
    for flags in [&["--tag", &slip][..], &["--tag", &slip, "--tag", &tag]] {
        sandbox
            .sync(&cloud, flags)
            .exits(3)
            .says(&format!(
                "no droplet has or had the tag `{slip}`, did you mean {tag}"
            ))
            .says("hint: correct the tag");
        let status = sandbox.run(&["status"]).exits(0).stdout;
        assert!(status.starts_with("incomplete: "), "{status}");
        let check = ["query", "--until", "1999", "--exit-code"];
        sandbox
            .run(&check)
            .exits(3)
            .says("archive incomplete: no droplet has or had the tag");
    }
    let dry = ["--tag", &slip, "--dry-run"];
    sandbox.sync(&cloud, &dry).exits(0).says(&format!(
        "no droplet has the tag `{slip}`, did you mean {tag}"
    ));
    sandbox.sync(&cloud, &["--tag", &tag]).exits(0);
    assert!(sandbox.run(&["status"]).stdout.starts_with("complete: "));
}

#[test]
fn a_tag_that_no_droplet_has_any_more_is_pointed_out() {
    let action = json!({"id": 1, "status": "completed", "type": "create", "started_at": "2020-01-01T00:00:00Z",
        "resource_id": 31, "resource_type": "droplet"});
    let cloud_with = |tags: &[&str]| {
        let droplet = json!({"id": 31, "name": "web-01", "tags": tags});
        Cloud::start_handmade(account(0, 0), &[droplet], vec![action.clone().into()]).unwrap()
    };
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud_with(&["web", "blue"]), &["--tag", "web"])
        .exits(0);
    for _ in 0..2 {
        let run = sandbox.sync(&cloud_with(&["blue"]), &["--tag", "web"]);
        run.exits(0).says("no droplet has the tag `web`");
    }
    let run = sandbox.sync(&cloud_with(&["green"]), &["--tag", "wbe,blue"]);
    run.exits(3).says("the tag `wbe`\n").says("the tag `blue`");
}

#[test]
fn a_tag_is_a_word() {
    let cloud = cloud(2, 20);
    let sandbox = Sandbox::new();
    for tag in ["", " ", "web ", "my tag", "web,", ",web", "a\tb"] {
        let run = sandbox.sync(&cloud, &["--tag", tag]).exits(2);
        run.says("a tag is not empty and has no blanks");
    }
    let configured = Sandbox::new().configured("[sync]\ntags = [\"web\", \"\"]\n");
    configured
        .sync(&cloud, &[])
        .exits(2)
        .says("line 2")
        .says("invalid tag");
    assert!(!sandbox.db().exists() && !configured.db().exists());
}

#[test]
fn a_tag_of_which_not_every_droplet_can_be_read_leaves_the_sync_partial() {
    let cloud = cloud(3, 300);
    let known = cloud.droplets()[0].id;
    for (list, words) in [
        (
            format!(
                r#"{{"droplets": [{{"id": {known}, "tags": ["web"]}}, {{"id": "x"}}], "meta": {{"total": 2}}}}"#
            ),
            "a row cannot be read: its `id` is not an integer",
        ),
        (
            format!(
                r#"{{"droplets": [{{"id": {known}, "tags": ["web"]}}], "meta": {{"total": 400}}}}"#
            ),
            "it shows 1 droplets, but its total is 400",
        ),
    ] {
        cloud.clear_faults();
        cloud.break_with(FaultRule::new(Fault::Body(list)).path("/v2/droplets?"));
        let sandbox = Sandbox::new();
        let run = sandbox.sync(&cloud, &["--tag", "web"]).exits(3);
        run.says("finding the droplets with the tag `web`")
            .says(words);
        sandbox.archive().is_exactly(cloud.actions_of(known));
    }
    // After one inconsistency, the sync reads the listing again.
    cloud.clear_faults();
    let list = format!(r#"{{"droplets": [{{"id": {known}}}], "meta": {{"total": 2}}}}"#);
    cloud.break_with(
        FaultRule::new(Fault::Body(list))
            .path("/v2/droplets?")
            .times(1),
    );
    let tag = cloud.droplets()[0].tags[0].clone();
    Sandbox::new()
        .sync(&cloud, &["--tag", &tag])
        .exits(0)
        .silently();
}

#[test]
fn tags_that_cannot_be_resolved_leave_the_sync_partial() {
    let cloud = cloud(6, 300);
    let id = cloud.droplets()[0].id;
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/v2/droplets?"));
    let sandbox = Sandbox::new();
    let flags = ["--tag", "web", "--droplet", &id.to_string()];
    sandbox.sync(&cloud, &flags).exits(3).says("`web`");
    sandbox.archive().is_exactly(cloud.actions_of(id));
}

#[test]
fn the_configuration_chooses_the_droplets_and_flags_win_over_it() {
    let cloud = cloud(6, 600);
    let [configured, flagged] = [cloud.droplets()[0].id, cloud.droplets()[1].id];
    let text = format!("[sync]\ndroplets = [{configured}]\n");
    let sandbox = Sandbox::new().configured(&text);
    sandbox.sync(&cloud, &[]).exits(0).silently();
    sandbox.archive().is_exactly(cloud.actions_of(configured));

    let sandbox = Sandbox::new().configured(&text);
    sandbox
        .sync(&cloud, &["--droplet", &flagged.to_string()])
        .exits(0);
    sandbox.archive().is_exactly(cloud.actions_of(flagged));
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_droplet_is_found_by_the_name_it_has_and_by_those_it_had() {
    let named =
        |name: &str| json!({"id": 31, "name": name, "region": {"slug": "nyc3"}, "tags": ["web"]});
    let action = json!({"id": 1, "status": "completed", "type": "rename", "started_at": "2020-01-01T00:00:00Z",
        "resource_id": 31, "resource_type": "droplet"});
    let cloud_with = |name| {
        let options = account(0, 0);
        Cloud::start_handmade(options, &[named(name)], vec![action.clone().into()]).unwrap()
    };
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud_with("old-name"), &["--all"]).exits(0);
    sandbox.sync(&cloud_with("new-name"), &["--all"]).exits(0);
    for name in ["old-name", "new-name", "31", "new-*"] {
        let run = sandbox.query(&["--droplet", name, "--count"]).exits(0);
        assert_eq!(run.stdout, "1\n", "{name}");
    }
    let names = sandbox.archive().texts("SELECT name FROM droplets");
    assert_eq!(names, ["new-name"]);
}

#[test]
fn names_are_a_courtesy_without_which_a_sync_is_no_less_complete() {
    let cloud = cloud(4, 300);
    cloud.remove_scope("droplet:read");
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn an_action_listed_under_a_droplet_stays_findable_there_whatever_its_resource() {
    let droplet = json!({"id": 31, "name": "web-01"});
    let attach = json!({"id": 1, "type": "attach_volume", "status": "completed", "resource_id": null,
        "resource_type": "volume", "started_at": "2020-01-01T00:00:00Z"});
    let listed = crate::cloud::HandmadeAction::from(attach).listed_under(31);
    let cloud = Cloud::start_handmade(account(0, 0), &[droplet], vec![listed]).unwrap();
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--droplet", "31"])
        .exits(0)
        .silently();
    let run = sandbox.query(&["--droplet", "web-01", "--count"]).exits(0);
    assert_eq!(run.stdout, "1\n");
}

#[test]
fn a_droplet_is_synced_by_a_name_that_the_archive_knows() {
    let droplet = |id: i64, name: &str| json!({"id": id, "name": name});
    let droplets = [
        droplet(31, "web"),
        droplet(32, "web"),
        droplet(33, "mail-01"),
        droplet(34, "777"),
    ];
    let actions = [31, 32, 33, 34].map(|id| {
        json!({"id": id, "type": "reboot", "status": "completed", "resource_type": "droplet", "resource_id": id}).into()
    });
    let cloud = Cloud::start_handmade(account(0, 0), &droplets, actions.to_vec()).unwrap();
    let sandbox = Sandbox::new();
    let refused = |name: &str| sandbox.sync(&cloud, &["--droplet", name]).exits(2);
    refused("mail-01")
        .says("`mail-01`")
        .says("hint: give the id");
    assert!(!sandbox.db().exists());
    sandbox.sync(&cloud, &["--all"]).exits(0);
    refused("web").says("31, 32");
    refused("mial-01").says("did you mean mail-01?");
    let scope = |name: &str| {
        let run = sandbox
            .sync(&cloud, &["--droplet", name, "-o", "json"])
            .exits(0);
        run.json()["scope"].as_str().unwrap().to_owned()
    };
    let of = |ids: &str| format!("{{\"droplets\":[{ids}],\"tags\":[]}}");
    assert_eq!(scope("mail-01"), of("33"));
    assert_eq!(scope("web*,33"), of("31,32,33"));
    sandbox
        .sync(&cloud, &["--droplet", "777"])
        .exits(3)
        .says("droplet 777 is not known");
}

#[test]
fn a_missing_scope_is_reported_once() {
    let cloud = cloud(8, 200);
    cloud.remove_scope("droplet:read");
    let ids: Vec<_> = cloud
        .droplets()
        .iter()
        .map(|droplet| droplet.id.to_string())
        .collect();
    let sandbox = Sandbox::new();
    let run = sandbox
        .sync(&cloud, &["--droplet", &ids.join(",")])
        .exits(4);
    assert_eq!(run.stderr.matches("answered 403").count(), 1, "{run}");
    let others = format!("and {} other listings failed", ids.len() - 1);
    run.says(&others)
        .says("hint: the token lacks a scope: `droplet:read`");
    let run = sandbox.sync(&cloud, &["--all", "-v"]).exits(0);
    assert_eq!(
        run.stderr.matches("lacks the scope droplet:read").count(),
        1,
        "{run}"
    );
    assert_eq!(run.stderr.matches("answered 403").count(), 0, "{run}");
}

#[test]
fn the_version_in_the_address_of_the_api_is_no_mistake() {
    let cloud = cloud(2, 40);
    let sandbox = Sandbox::new().with("DIGITALOCEAN_TOKEN", cloud.token());
    let url = format!("{}/v2/", cloud.url());
    sandbox.run(&["sync", "--all", "--api-url", &url]).exits(0);
    sandbox.archive().equals(&cloud);
}
