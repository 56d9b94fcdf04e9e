//! `archiver timeline`: the life of a droplet is the list of its actions, and a person learns whose life it is.

use serde_json::{Value, json};

use crate::account::{account, cloud};
use crate::cloud::Cloud;
use crate::sandbox::Sandbox;

/// The droplet 31, which is off from 09:00 to 12:00 and shut down at 18:00; and two droplets with the same name.
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
        .says(" (estimated)");
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

/// A droplet with these actions: type, and when each started and completed on a day of 2024.
fn lived(actions: &[(&str, Value, &str)]) -> (Cloud, Sandbox) {
    let droplets = [json!({"id": 31, "name": "web-1"})];
    let action = |(id, (kind, started, completed)): (i64, &(&str, Value, &str))| {
        let time = |text: &str| format!("2024-05-01T{text}Z");
        let started = started
            .as_str()
            .map_or(started.clone(), |text| time(text).into());
        json!({
            "id": id, "type": kind, "status": "completed", "resource_type": "droplet", "resource_id": 31,
            "started_at": started, "completed_at": time(completed),
        })
        .into()
    };
    let mut actions: Vec<_> = (1..).zip(actions).map(action).collect();
    actions.reverse();
    let cloud = Cloud::start_handmade(account(0, 0), &droplets, actions).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

#[test]
fn a_life_and_the_reports_on_power_agree_and_nothing_ends_before_it_begins() {
    let whole = ("create", json!("08:00:00"), "08:00:30");
    let off = ("power_off", json!("09:00:00"), "09:00:30");
    for (power, off_at, seconds, actions) in [
        // It completed one second before it started.
        (
            "off",
            "10:00:00",
            None,
            vec![whole.clone(), ("power_off", json!("10:00:01"), "10:00:00")],
        ),
        (
            "on",
            "09:00:30",
            Some(3_570),
            vec![off.clone(), ("power_on", json!("10:00:01"), "10:00:00")],
        ),
        // Both actions ran at once, and the one that ended last counts.
        (
            "off",
            "10:10:00",
            None,
            vec![
                whole.clone(),
                ("power_off", json!("10:00:00"), "10:10:00"),
                ("power_on", json!("10:02:00"), "10:05:00"),
            ],
        ),
        (
            "on",
            "10:05:00",
            Some(300),
            vec![
                whole.clone(),
                ("power_on", json!("10:00:00"), "10:10:00"),
                ("power_off", json!("10:02:00"), "10:05:00"),
            ],
        ),
        // The start time is not known.
        (
            "off",
            "10:00:00",
            None,
            vec![whole.clone(), ("power_off", json!(null), "10:00:00")],
        ),
        (
            "on",
            "09:00:30",
            Some(3_570),
            vec![off.clone(), ("power_on", json!(["soon"]), "10:00:00")],
        ),
        (
            "off",
            "09:00:30",
            None,
            vec![("password_reset", json!(null), "09:00:00"), off.clone()],
        ),
        // A destroyed droplet is not off.
        (
            "gone",
            "09:00:30",
            Some(3_570),
            vec![
                off.clone(),
                ("destroy", json!("09:30:00"), "10:00:00"),
                ("shutdown", json!("09:40:00"), "10:01:00"),
            ],
        ),
    ] {
        let (_cloud, sandbox) = lived(&actions);
        let life = rows(&sandbox, &["31"]);
        assert_eq!(life.last().unwrap()["state"], json!(power), "{actions:?}");
        for row in &life {
            for column in ["duration_seconds", "gap_seconds"] {
                assert!(
                    row[column].as_i64() >= Some(0) || row[column].is_null(),
                    "{row}"
                );
            }
        }
        let report = |name: &[&str]| {
            let run =
                sandbox.run(&[&["report"], name, &["--droplet", "31", "-o", "json"]].concat());
            run.exits(0).json().as_array().unwrap().clone()
        };
        assert_eq!(
            report(&["power-state"])[0]["power"],
            json!(power),
            "{actions:?}"
        );
        let downtime = report(&["downtime", "--since", "2024-01-01"]);
        assert_eq!(downtime.len(), 1, "{downtime:?}");
        assert_eq!(
            downtime[0]["off_at"],
            json!(format!("2024-05-01T{off_at}Z"))
        );
        if let Some(seconds) = seconds {
            assert_eq!(
                downtime[0]["downtime_seconds"],
                json!(seconds),
                "{actions:?}"
            );
        } else {
            assert_eq!(downtime[0]["ended_by"], json!("still off"), "{actions:?}");
        }
        for question in [
            &["query"][..],
            &["last"],
            &["show", "2"],
            &["stats", "--durations", "--by", "type"],
        ] {
            let run = sandbox.run(&[question, &["-o", "json"]].concat()).exits(0);
            assert!(
                !run.stdout.contains("seconds\": -") && !run.stdout.contains("seconds\":-"),
                "{run}"
            );
        }
    }
}
