//! Lifetimes, and the choice of droplets in every report, on short histories.

use super::fixture::{Archive, Row};
use crate::query::report::Error;

#[test]
fn a_life_goes_from_what_created_a_droplet_to_what_ended_it() {
    let archive = Archive::new();
    archive.droplet(1, "alive", Some("01-01 00:00"), None);
    archive.droplet(2, "missing", None, Some("01-20 00:00"));
    archive.completed(2, &[(20, "create", "01-10 00:00", "01-10 00:01")]);
    archive.completed(
        3,
        &[
            (30, "create", "01-02 00:00", "01-02 00:01"),
            (31, "destroy", "01-03 00:00", "01-03 00:01"),
        ],
    );
    archive.completed(4, &[(40, "reboot", "01-04 00:00", "01-04 00:01")]);
    archive.action(&Row {
        id: 41,
        kind: Some("destroy"),
        status: "errored",
        started_at: Some("01-05 00:00"),
        resource_id: Some(4),
        ..Row::default()
    });
    let lives = |chosen: &[(&str, &str)]| archive.answer("lifetimes", chosen);
    let gone = [
        "3 - gone 2026-01-02T00:00:00Z create 2026-01-03T00:01:00Z destroy 86460",
        "2 missing gone 2026-01-10T00:00:00Z create 2026-01-20T00:00:00Z sync 864000",
    ];
    let alive = "1 alive exists 2026-01-01T00:00:00Z droplet - - 2678400";
    let unlisted = "4 - unlisted 2026-01-04T00:00:00Z first action - - -";
    assert_eq!(lives(&[]), [alive, gone[0], unlisted, gone[1]]);
    assert_eq!(lives(&[("state", "gone")]), gone);
    assert_eq!(lives(&[("state", "exists,unlisted")]), [alive, unlisted]);
    assert_eq!(lives(&[("droplet", "3,alive")]), [alive, gone[0]]);
}

fn two_droplets() -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", Some("01-01 00:00"), None);
    archive.droplet(2, "web-2", Some("01-01 00:00"), None);
    archive.named(2, "old-name");
    archive
}

#[test]
fn droplets_are_chosen_by_id_name_former_name_and_pattern() {
    let archive = two_droplets();
    let found = |droplets: &str| -> Vec<String> {
        let rows = archive.answer("lifetimes", &[("droplet", droplets)]);
        rows.iter().map(|row| row[..1].to_owned()).collect()
    };
    assert_eq!(found("1"), ["1"]);
    assert_eq!(found("old-name"), ["2"]);
    assert_eq!(found("web-*"), ["1", "2"]);
    assert_eq!(found("web-1, old-name"), ["1", "2"]);
    assert_eq!(found("*"), ["1", "2"]);
    assert_eq!(found("!web-1"), ["2"]);
    assert_eq!(found("web-*, !old-name"), ["1"]);
    assert!(found("!web-*").is_empty());
    assert!(found("77").is_empty());
    assert!(matches!(
        archive.try_answer("lifetimes", &[("droplet", "wbe-1")]),
        Err(Error::Droplets { .. })
    ));
    let error = archive.try_answer("lifetimes", &[("droplet", "!")]);
    assert!(matches!(error, Err(Error::Invalid(_))), "{error:?}");
}

#[test]
fn the_same_text_chooses_droplets_where_nothing_resolves_names() {
    let archive = two_droplets();
    let library = crate::query::report::Library::load(None);
    let mut statement = archive
        .connection
        .prepare(&library.get("lifetimes").unwrap().sql)
        .unwrap();
    for (given, expected) in [
        ("", vec![1, 2]),
        ("*", vec![1, 2]),
        ("2", vec![2]),
        ("old-*", vec![2]),
        ("web-1, old-name", vec![1, 2]),
        ("[2, 77]", vec![2]),
        ("nobody", vec![]),
    ] {
        statement.raw_bind_parameter(":droplet", given).unwrap();
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            found.push(row.get::<_, i64>("droplet_id").unwrap());
        }
        drop(rows);
        assert_eq!(found, expected, "{given}");
    }
}
