//! `archiver timeline`: a droplet's life is what was done to it, and a person is told whose it is.

use serde_json::{Value, json};

use crate::account::{account, cloud};
use crate::cloud::Cloud;
use crate::sandbox::Sandbox;

/// The droplet 31, which is off from 09:00 to 12:00 and shut down at 18:00; and two droplets of one name.
fn handmade() -> (Cloud, Sandbox) {
    let droplets = [
        json!({"id": 31, "name": "web-1", "region": {"slug": "nyc3"}, "created_at": "2024-05-01T08:00:00Z"}),
        json!({"id": 32, "name": "db"}),
        json!({"id": 33, "name": "db"}),
    ];
    let action = |(id, kind, hour): (i64, &str, u32)| {
        json!({
            "id": id, "type": kind, "status": "completed", "resource_type": "droplet", "resource_id": 31,
            "started_at": format!("2024-05-01T{hour:02}:00:00Z"),
            "completed_at": format!("2024-05-01T{hour:02}:00:30Z"),
        })
        .into()
    };
    let actions = [
        (1, "create", 8),
        (2, "power_off", 9),
        (3, "snapshot", 10),
        (4, "power_on", 12),
        (5, "shutdown", 18),
    ]
    .map(action);
    let cloud = Cloud::start_handmade(account(0, 0), &droplets, actions.to_vec()).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", "31,32,33"]);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

fn rows(sandbox: &Sandbox, flags: &[&str]) -> Vec<Value> {
    let run = sandbox
        .run(&[&["timeline", "-o", "json"], flags].concat())
        .exits(0);
    assert_eq!(run.stderr, "");
    run.json().as_array().unwrap().clone()
}

#[test]
fn a_life_is_told_in_its_order_with_what_the_actions_made_of_it() {
    let (_cloud, sandbox) = handmade();
    let all = rows(&sandbox, &["web-1"]);
    assert_eq!(all, rows(&sandbox, &["31"]));
    let told: Vec<_> = all
        .iter()
        .map(|row| {
            ["id", "type", "state", "certainty", "gap_seconds"].map(|name| row[name].clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            [
                json!(1),
                json!("create"),
                json!("on"),
                json!("certain"),
                json!(null)
            ],
            [
                json!(2),
                json!("power_off"),
                json!("off"),
                json!("certain"),
                json!(3_570)
            ],
            [
                json!(3),
                json!("snapshot"),
                json!("off"),
                json!("certain"),
                json!(3_570)
            ],
            [
                json!(4),
                json!("power_on"),
                json!("on"),
                json!("certain"),
                json!(7_170)
            ],
            [
                json!(5),
                json!("shutdown"),
                json!("off"),
                json!("estimated"),
                json!(21_570)
            ],
        ]
    );
    assert_eq!(all[3]["note"], json!("off for 3h"));
    assert_eq!(all[3]["started_at"], json!("2024-05-01T12:00:00Z"));
    assert_eq!(all[3]["duration_seconds"], json!(30));
    let window = rows(
        &sandbox,
        &[
            "web-1",
            "--since",
            "2024-05-01 12:00",
            "--until",
            "2024-05-01 18:00",
            "--tz",
            "+02:00",
        ],
    );
    assert_eq!(window, all[2..4]);
}

#[test]
fn a_person_is_told_whose_life_it_is_and_how_it_stands() {
    let (_cloud, sandbox) = handmade();
    let run = sandbox
        .run(&["timeline", "web-1", "--tz", "Europe/Berlin"])
        .exits(0);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("STARTED") && lines[0].ends_with("NOTE"),
        "{run}"
    );
    assert!(
        lines[4].starts_with("2024-05-01T14:00:00+02:00  power_on"),
        "{run}"
    );
    assert!(lines[4].ends_with("off for 3h"), "{run}");
    run.says("web-1 (droplet 31), in nyc3, created 2024-05-01T10:00:00+02:00")
        .says("off since 2024-05-01T20:00:30+02:00, for ")
        .says(", as is estimated");
    let quiet = sandbox.run(&["timeline", "web-1", "-q"]).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn every_action_of_a_droplet_is_in_its_life() {
    let cloud = cloud(4, 600);
    let sandbox = Sandbox::new();
    let droplet = cloud.droplets()[0].id;
    sandbox
        .sync(&cloud, &["--droplet", &droplet.to_string()])
        .exits(0);
    let mut actions = cloud.actions_of(droplet);
    actions.sort_by_key(|action| (action.started_at.clone(), action.id));
    let expected: Vec<_> = actions.iter().map(|action| json!(action.id)).collect();
    let told: Vec<_> = rows(&sandbox, &[&droplet.to_string()])
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    assert!(expected.len() > 50);
    assert_eq!(told, expected);
}

#[test]
fn a_droplet_that_cannot_be_meant_is_said_to_be_one() {
    let (_cloud, sandbox) = handmade();
    sandbox.run(&["timeline", "db"]).exits(2).says("32, 33");
    sandbox
        .run(&["timeline", "wbe-1"])
        .exits(2)
        .says("did you mean web-1?");
    let run = sandbox.run(&["timeline", "99", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 1);
    run.says("no action of the droplet 99");
    let run = sandbox
        .run(&["timeline", "web-1", "--since", "2025"])
        .exits(0);
    run.says("no action of the droplet 31 of that time");
}
