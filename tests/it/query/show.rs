//! `archiver show`: one action with all known details.

use super::archived;

#[test]
fn an_action_is_shown_with_its_droplet_its_region_and_its_sync() {
    let (cloud, sandbox) = archived(5, 300);
    let on_droplet = |id: Option<i64>| {
        cloud
            .droplets()
            .into_iter()
            .find(|droplet| Some(droplet.id) == id)
    };
    let actions = cloud.actions();
    let mut with_droplet = actions
        .iter()
        .filter_map(|action| Some((action, on_droplet(action.resource_id)?)));
    let (action, droplet) = with_droplet
        .find(|(action, _)| action.resource_type.as_deref() == Some("droplet"))
        .unwrap();
    let id = action.id.to_string();
    let shown = sandbox.run(&["show", &id, "-o", "json"]).exits(0).json();
    assert_eq!(shown["type"].as_str(), action.kind.as_deref());
    assert_eq!(shown["started_at"].as_str(), action.started_at.as_deref());
    assert_eq!(shown["droplets"][0]["name"], droplet.name);
    assert_eq!(
        shown["region"]["slug"].as_str(),
        action.region_slug.as_deref()
    );
    assert!(!shown["region"]["sizes"].as_array().unwrap().is_empty());
    assert_eq!(shown["first_seen"]["outcome"], "complete");
    let text = sandbox.run(&["show", &id]).exits(0).stdout;
    for part in [
        format!("action {id}"),
        format!("droplet {}", droplet.id),
        droplet.name,
        action.started_at.clone().unwrap(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
}

#[test]
fn an_action_that_is_not_archived_is_said_with_how_to_archive_it() {
    let (_cloud, sandbox) = archived(2, 20);
    let run = sandbox.run(&["show", "7"]).exits(1);
    assert_eq!(run.stdout, "");
    run.says("no action with the id 7")
        .says("hint: `archiver sync --all`");
    sandbox.run(&["show", "seven"]).exits(2);
}
