//! Droplets: all their names, and the time when they were found to be gone.

use super::fixture::{Archive, bare, completed, extra, text, time};
use crate::archive::ListingKind;
use crate::core::model::{Action, Droplet, Extra};

const DROPLETS: &str = "SELECT id, name, first_seen_at, gone_at FROM droplets ORDER BY id";
const NAMES: &str = "SELECT droplet_id, name, first_seen_at FROM droplet_names ORDER BY 1, 3";

fn named(id: i64, name: &str) -> Droplet {
    Droplet {
        id,
        name: text(name),
        region_slug: text("nyc3"),
        created_at: Some(time("2020-07-21T18:37:44Z")),
        extra: extra(r#"{"size_slug":"s-1","tags":["web"]}"#),
    }
}

fn listed(archive: &mut Archive, now: &str, droplets: &[Droplet]) -> u64 {
    archive.store.record_droplets(droplets, time(now)).unwrap()
}

#[test]
fn a_renamed_droplet_keeps_its_former_names() {
    let mut archive = Archive::in_memory();
    for (day, name) in [(1, "web"), (2, "web-old"), (3, "web")] {
        let now = format!("2026-01-0{day}T00:00:00Z");
        assert_eq!(listed(&mut archive, &now, &[named(1, name)]), 1);
    }
    assert_eq!(archive.rows(DROPLETS), ["1 web 2026-01-01T00:00:00Z -"]);
    assert_eq!(
        archive.rows(NAMES),
        [
            "1 web 2026-01-01T00:00:00Z",
            "1 web-old 2026-01-02T00:00:00Z"
        ]
    );
}

#[test]
fn a_droplet_with_nothing_new_is_not_written() {
    let mut archive = Archive::in_memory();
    listed(&mut archive, "2026-01-01T00:00:00Z", &[named(1, "web")]);
    let changes = archive.changes();
    let again = listed(&mut archive, "2026-01-02T00:00:00Z", &[named(1, "web")]);
    assert_eq!(again, 0);
    assert_eq!(archive.changes(), changes);
}

#[test]
fn null_never_replaces_what_is_known_of_a_droplet() {
    let mut archive = Archive::in_memory();
    listed(&mut archive, "2026-01-01T00:00:00Z", &[named(1, "web")]);
    let columns = "SELECT name, region_slug, created_at, extra FROM droplets";
    let before = archive.rows(columns);
    for said in [Extra::new(), extra(r#"{"tags":null}"#)] {
        let silent = Droplet {
            id: 1,
            name: None,
            region_slug: None,
            created_at: None,
            extra: said,
        };
        assert_eq!(listed(&mut archive, "2026-01-02T00:00:00Z", &[silent]), 0);
        assert_eq!(archive.rows(columns), before);
    }
}

#[test]
fn the_tags_are_those_of_now() {
    let mut archive = Archive::in_memory();
    listed(&mut archive, "2026-01-01T00:00:00Z", &[named(1, "web")]);
    let untagged = Droplet {
        extra: extra(r#"{"tags":[]}"#),
        ..named(1, "web")
    };
    listed(&mut archive, "2026-01-02T00:00:00Z", &[untagged]);
    assert_eq!(
        archive.rows("SELECT extra FROM droplets"),
        [r#"{"size_slug":"s-1","tags":[]}"#]
    );
}

#[test]
fn a_tag_is_known_from_when_it_was_first_seen_until_it_was_missed_and_may_come_back() {
    let mut archive = Archive::in_memory();
    let tagged = |tags: &str| Droplet {
        extra: extra(&format!(r#"{{"tags":{tags}}}"#)),
        ..named(1, "web")
    };
    let tags = "SELECT tag, first_seen_at, gone_at FROM droplet_tags ORDER BY tag";
    for (day, tags) in [
        (1, r#"["web","prod","web"]"#),
        (2, r#"["web"]"#),
        (3, r#"["web"]"#),
        (4, r#"["web","blue"]"#),
        (5, "null"),
    ] {
        let now = format!("2026-01-0{day}T00:00:00Z");
        listed(&mut archive, &now, &[tagged(tags)]);
    }
    let [blue, web] = ["blue 2026-01-04T00:00:00Z -", "web 2026-01-01T00:00:00Z -"];
    let prod = "prod 2026-01-01T00:00:00Z 2026-01-02T00:00:00Z";
    assert_eq!(archive.rows(tags), [blue, prod, web]);
    let all = tagged(r#"["prod","web","blue"]"#);
    listed(&mut archive, "2026-01-06T00:00:00Z", &[all]);
    let prod = "prod 2026-01-01T00:00:00Z -";
    assert_eq!(archive.rows(tags), [blue, prod, web]);
    let now = time("2026-01-07T00:00:00Z");
    archive.store.mark_gone(&[1], now).unwrap();
    assert_eq!(archive.rows(tags), [blue, prod, web]);
}

#[test]
fn a_droplet_is_gone_since_it_was_first_missed_and_may_come_back() {
    let mut archive = Archive::in_memory();
    listed(&mut archive, "2026-01-01T00:00:00Z", &[named(1, "web")]);
    for day in [2, 3] {
        let now = time(&format!("2026-01-0{day}T00:00:00Z"));
        archive.store.mark_gone(&[1], now).unwrap();
    }
    let gone = "1 web 2026-01-01T00:00:00Z 2026-01-02T00:00:00Z";
    assert_eq!(archive.rows(DROPLETS), [gone]);
    let back = listed(&mut archive, "2026-01-04T00:00:00Z", &[named(1, "web")]);
    assert_eq!(back, 1);
    assert_eq!(archive.rows(DROPLETS), ["1 web 2026-01-01T00:00:00Z -"]);
}

#[test]
fn a_droplet_that_was_never_listed_can_be_gone_too() {
    let mut archive = Archive::in_memory();
    let now = time("2026-01-01T00:00:00Z");
    archive.store.mark_gone(&[9], now).unwrap();
    assert_eq!(
        archive.rows(DROPLETS),
        ["9 - 2026-01-01T00:00:00Z 2026-01-01T00:00:00Z"]
    );
}

#[test]
fn all_but_the_listed_and_those_that_are_gone_may_be_gone() {
    let mut archive = Archive::in_memory();
    let all = [named(1, "a"), named(2, "b"), named(3, "c")];
    listed(&mut archive, "2026-01-01T00:00:00Z", &all);
    let unlisted = |archive: &Archive, listed: &[i64]| {
        let unlisted = archive.store.unlisted_droplets(listed).unwrap();
        unlisted
            .iter()
            .map(|droplet| droplet.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(unlisted(&archive, &[3, 1, 77]), [2]);
    let now = time("2026-01-02T00:00:00Z");
    archive.store.mark_gone(&[2], now).unwrap();
    assert!(archive.store.is_gone(2).unwrap() && !archive.store.is_gone(1).unwrap());
    assert_eq!(unlisted(&archive, &[1]), [3]);
    assert_eq!(unlisted(&archive, &[]), [1, 3]);
}

#[test]
fn a_droplet_that_only_actions_name_may_be_gone_and_is_when_they_say_that_it_was_destroyed() {
    let mut archive = Archive::in_memory();
    let on = |id, resource_id, resource_type| Action {
        resource_id: Some(resource_id),
        resource_type: text(resource_type),
        ..completed(id)
    };
    let destroyed = |id, resource_id, status| Action {
        kind: text("destroy"),
        status: text(status),
        ..on(id, resource_id, "droplet")
    };
    archive.record(&[
        on(1, 7, "droplet"),
        on(2, 8, "droplet"),
        on(3, 9, "volume"),
        on(4, 8, "volume"),
        bare(5),
        destroyed(6, 10, "completed"),
        destroyed(7, 11, "errored"),
    ]);
    let unlisted = archive.store.unlisted_droplets(&[7]).unwrap();
    let found: Vec<_> = unlisted.iter().map(|it| (it.id, it.is_destroyed)).collect();
    assert_eq!(found, [(8, false), (10, true), (11, false)]);
}

#[test]
fn a_droplet_is_known_by_its_row_by_an_action_or_by_a_listed_action() {
    let mut archive = Archive::in_memory();
    assert!(!archive.store.knows_droplet(42).unwrap());
    archive.record(&[completed(1)]);
    archive.read(ListingKind::Droplet(43));
    archive.record(&[bare(2)]);
    listed(&mut archive, "2026-01-01T00:00:00Z", &[named(44, "web")]);
    for (id, is_known) in [(42, true), (43, true), (44, true), (45, false)] {
        assert_eq!(archive.store.knows_droplet(id).unwrap(), is_known, "{id}");
    }
}
