//! `archiver stats`: counts equal the truth, bars are for people, and a wrong question gets a message.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account::cloud;
use crate::cloud::{Action, Cloud};
use crate::sandbox::Sandbox;

fn archived() -> (Cloud, Sandbox) {
    let cloud = cloud(8, 1_500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

fn rows(sandbox: &Sandbox, flags: &[&str]) -> Vec<Value> {
    let run = sandbox.run(&[&["stats", "-o", "json"], flags].concat());
    run.exits(0).json().as_array().unwrap().clone()
}

/// The number of actions of each value, and the number of those that failed.
fn truth(
    cloud: &Cloud,
    value: impl Fn(&Action) -> Option<String>,
) -> BTreeMap<Option<String>, (u64, u64)> {
    let mut groups = BTreeMap::new();
    for action in cloud.actions() {
        let (count, errored): &mut (u64, u64) = groups.entry(value(&action)).or_default();
        *count += 1;
        *errored += u64::from(action.status.as_deref() == Some("errored"));
    }
    groups
}

#[test]
fn counts_and_errors_are_what_the_truth_says() {
    let (cloud, sandbox) = archived();
    let month = |action: &Action| action.started_at.as_ref().map(|time| time[..7].to_owned());
    let expect = |by: &str, column: &str, groups: BTreeMap<Option<String>, (u64, u64)>| {
        let expected: Vec<_> = groups.into_iter().collect();
        let answered: Vec<_> = rows(&sandbox, &["--by", by, "--min-count", "1"])
            .iter()
            .map(|row| {
                let number = |name: &str| row[name].as_u64().unwrap();
                let name = row[column].as_str().map(str::to_owned);
                (name, (number("count"), number("errored")))
            })
            .collect();
        assert!(expected.len() > 2);
        assert_eq!(answered, expected, "{by}");
    };
    expect("type", "type", truth(&cloud, |action| action.kind.clone()));
    expect(
        "region",
        "region_slug",
        truth(&cloud, |action| action.region_slug.clone()),
    );
    expect("month", "month", truth(&cloud, month));
    let kind = |row: &Value| row["type"].as_str().unwrap().to_owned();
    let with_errors: Vec<_> = rows(&sandbox, &["--errored"]).iter().map(kind).collect();
    let expected = truth(&cloud, |action| action.kind.clone()).into_iter();
    let expected: Vec<_> = expected
        .filter(|(_, (_, errored))| *errored > 0)
        .map(|(kind, _)| kind.unwrap())
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(with_errors, expected);
}

#[test]
fn the_largest_come_first_and_filters_narrow_what_is_counted() {
    let (cloud, sandbox) = archived();
    let is_counted = |action: &Action| {
        let started_at = action.started_at.as_deref().unwrap();
        let is_of_a_droplet = action.resource_type.as_deref() == Some("droplet");
        is_of_a_droplet
            && action.kind.as_deref() == Some("reboot")
            && ("2023".."2024").contains(&started_at)
    };
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for action in cloud.actions().iter().filter(|action| is_counted(action)) {
        *counts.entry(action.resource_id.unwrap()).or_default() += 1;
    }
    let mut expected: Vec<_> = counts.into_iter().map(|(id, count)| (count, id)).collect();
    expected.sort_by_key(|(count, id)| (u64::MAX - count, *id));
    assert!(expected.len() > 3, "{expected:?}");
    let flags = [
        "--by",
        "droplet",
        "--type",
        "reboot",
        "--during",
        "2023",
        "--resource-type",
        "droplet",
    ];
    let all: Vec<_> = rows(&sandbox, &[&flags[..], &["--top", "3"]].concat())
        .iter()
        .map(|row| {
            (
                row["count"].as_u64().unwrap(),
                row["droplet_id"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(all, expected[..3]);
}

/// Snapshots of 10, 20 … 100 seconds around the night in which the clocks of Berlin go back, and one without an end.
fn handmade() -> (Cloud, Sandbox) {
    let mut actions: Vec<_> = (1..=10)
        .map(|id| {
            let (minute, second) = (id * 10 / 60, id * 10 % 60);
            json!({
                "id": id, "type": "snapshot", "status": "completed", "resource_type": "droplet", "resource_id": 31,
                "started_at": format!("2024-10-26T{:02}:00:00Z", 13 + id),
                "completed_at": format!("2024-10-26T{:02}:{minute:02}:{second:02}Z", 13 + id),
            })
            .into()
        })
        .collect();
    actions.push(
        json!({
            "id": 11, "type": "snapshot", "status": "in-progress", "resource_type": "droplet", "resource_id": 31,
            "started_at": "2024-10-27T00:30:00Z",
        })
        .into(),
    );
    actions.push(
        json!({
            "id": 12, "type": "snapshot", "status": "errored", "resource_type": "droplet", "resource_id": 31,
            "started_at": "2024-10-27T01:30:00Z", "completed_at": "2024-10-27T01:30:07Z",
        })
        .into(),
    );
    let droplets = [json!({"id": 31, "name": "web-1"})];
    let cloud = Cloud::start_handmade(crate::account::account(0, 0), &droplets, actions).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

#[test]
fn hours_and_days_are_those_of_the_zone() {
    let (_cloud, sandbox) = handmade();
    let two = rows(
        &sandbox,
        &[
            "--by",
            "day,hour",
            "--tz",
            "Europe/Berlin",
            "--since",
            "2024-10-27",
        ],
    );
    let place = |row: &Value| {
        (
            row["day"].clone(),
            row["hour"].clone(),
            row["count"].clone(),
        )
    };
    let places: Vec<_> = two.iter().map(place).collect();
    // 00:00 and 01:00 of summer time, and 02:30 of both summer time and winter time.
    assert_eq!(
        places,
        [
            (json!("2024-10-27"), json!("00"), json!(1)),
            (json!("2024-10-27"), json!("01"), json!(1)),
            (json!("2024-10-27"), json!("02"), json!(2)),
        ]
    );
    let weeks = rows(&sandbox, &["--by", "week,weekday"]);
    assert_eq!(weeks.len(), 2);
    assert_eq!(
        (&weeks[1]["week"], &weeks[1]["weekday"]),
        (&json!("2024-W43"), &json!("7 Sun"))
    );
}

#[test]
fn durations_are_those_of_actions_that_have_one() {
    let (_cloud, sandbox) = handmade();
    let row = json!({
        "type": "snapshot", "count": 12, "n": 11, "mean_seconds": 50.6, "p50_seconds": 50, "p95_seconds": 100, "max_seconds": 100,
    });
    assert_eq!(rows(&sandbox, &["--durations"]), [row]);
    let row = json!({
        "status": "in-progress", "count": 1, "n": 0, "mean_seconds": null, "p50_seconds": null, "p95_seconds": null, "max_seconds": null,
    });
    assert_eq!(
        rows(
            &sandbox,
            &["--durations", "--by", "status", "--status", "in-progress"]
        ),
        [row]
    );
}

#[test]
fn bars_are_for_people() {
    let (_cloud, sandbox) = handmade();
    let table = sandbox.run(&["stats", "--by", "status"]).exits(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("STATUS") && lines[0].contains("COUNT"),
        "{table}"
    );
    assert!(
        lines[1].starts_with("completed") && lines[1].contains("10 ██████████"),
        "{table}"
    );
    assert!(lines[2].ends_with("100.0 ██████████"), "{table}");
    let total: Vec<_> = lines[4].split_whitespace().collect();
    assert_eq!(total, ["total", "12", "1", "8.3", "█"], "{table}");
    assert_eq!(lines.len(), 5);
    let csv = sandbox
        .run(&["stats", "--by", "droplet,status", "-o", "csv"])
        .exits(0);
    assert_eq!(
        csv.stdout,
        "droplet_id,droplet_name,status,count,errored,errored_percent\n\
         31,web-1,completed,10,0,0.0\n\
         31,web-1,errored,1,1,100.0\n\
         31,web-1,in-progress,1,0,0.0\n"
    );
}

#[test]
fn a_window_is_compared_with_the_one_before_and_programs_get_a_total_on_request() {
    let (_cloud, sandbox) = handmade();
    let flags = [
        "stats",
        "--compare",
        "--during",
        "2024-10-27",
        "--by",
        "status",
    ];
    let csv = sandbox
        .run(&[&flags[..], &["-o", "csv", "--total"]].concat())
        .exits(0);
    assert_eq!(
        csv.stdout,
        "status,count,count_before,count_change,errored,errored_before,errored_change,\
         errored_percent,errored_percent_before,errored_percent_change\n\
         completed,0,10,-10,0,0,0,,0.0,\n\
         errored,1,0,1,1,0,1,100.0,,\n\
         in-progress,1,0,1,0,0,0,0.0,,\n\
         total,2,10,-8,1,0,1,50.0,0.0,50.0\n"
    );
    assert_eq!(csv.stderr, "");
    sandbox.run(&flags).exits(0).says(
        "2024-10-27T00:00:00Z .. 2024-10-28T00:00:00Z, compared with 2024-10-26T00:00:00Z .. 2024-10-27T00:00:00Z",
    );
    let flags = [
        "--durations",
        "--compare",
        "--during",
        "2024-10-27",
        "--min-count",
        "2",
    ];
    let row = &rows(&sandbox, &flags)[0];
    let numbers = [
        "count",
        "mean_seconds",
        "mean_before_seconds",
        "mean_change_seconds",
        "p95_change_seconds",
    ];
    let numbers = numbers.map(|name| row[name].clone());
    assert_eq!(
        numbers,
        [json!(2), json!(7.0), json!(55.0), json!(-48.0), json!(-93)]
    );
    // A window that is not over is compared with as much of the one before.
    let run = sandbox
        .run(&[
            "stats",
            "--compare",
            "--since",
            "2024-10-27",
            "--until",
            "2099-01-01",
        ])
        .exits(0);
    run.never_says("2099");
    for (flags, words) in [
        (&["--by", "type"][..], "--compare needs a window"),
        (
            &["--since", "7d", "--by", "week"],
            "two windows have no week in common",
        ),
        (
            &["--since", "2098-01-01", "--until", "2099-01-01"],
            "still to come",
        ),
    ] {
        sandbox
            .run(&[&["stats", "--compare"], flags].concat())
            .exits(2)
            .says(words);
    }
}

#[test]
fn days_without_actions_have_a_row_and_are_nothing_that_was_found() {
    let (_cloud, sandbox) = handmade();
    let counts = |flags: &[&str]| {
        let rows = rows(&sandbox, &[&["--by", "day"], flags].concat());
        let count = |row: &Value| (row["day"].clone(), row["count"].clone());
        rows.iter().map(count).collect::<Vec<_>>()
    };
    let window = ["--since", "2024-10-20", "--until", "2024-10-29"];
    let expected = [("26", 10), ("27", 2), ("28", 0), ("29", 0)];
    let expected = expected.map(|(day, count)| (json!(format!("2024-10-{day}")), json!(count)));
    assert_eq!(counts(&window), expected);
    let found = [&window[..], &["--min-count", "1"]].concat();
    assert_eq!(counts(&found), expected[..2]);
    let none = [
        "stats",
        "--by",
        "day",
        "--since",
        "2024-10-28",
        "--exit-code",
    ];
    sandbox.run(&none).exits(0);
    // Of a type that is not there, or in days when nothing happened.
    let zeros = counts(&["--since", "2024-10-28", "--until", "2024-10-29"]);
    let expected = ["28", "29"].map(|day| (json!(format!("2024-10-{day}")), json!(0)));
    assert_eq!(zeros, expected);
    sandbox
        .run(&none[..5])
        .exits(0)
        .says("no action matches: since 2024-10-28");
}

#[test]
fn a_total_without_a_place_for_its_label_is_left_out() {
    let (_cloud, sandbox) = handmade();
    let last = |columns: &str, format: &str| {
        let flags = [
            "--by",
            "status,type",
            "--columns",
            columns,
            "-o",
            format,
            "--total",
        ];
        let run = sandbox.run(&[&["stats"], &flags[..]].concat()).exits(0);
        run.stdout.lines().last().unwrap().to_owned()
    };
    assert!(last("type,count", "table").starts_with("total"));
    let cells = last("count,errored", "table");
    assert!(!cells.contains("12"), "{cells}");
    assert_eq!(last("count", "csv"), "12");
}

#[test]
fn a_slip_is_refused_or_said() {
    let (_cloud, sandbox) = handmade();
    for (flags, words) in [
        (
            &["--by", "size"][..],
            "cannot count by `size`: use type, status, droplet, tag",
        ),
        (&["--by", "type,type"], "`type` is given twice"),
        (&["--by", "type,day,hour,region"], "4 is more than 3"),
        (&["--top", "0"], "--top"),
        (&["--during", "soon"], "--during"),
        (&["--during", "2024", "--since", "2024"], "--during"),
        (&["--droplet", "wbe-1"], "did you mean web-1?"),
    ] {
        let run = sandbox.run(&[&["stats"], flags].concat()).exits(2);
        assert_eq!(run.stdout, "", "{flags:?}");
        run.says(words);
    }
    let run = sandbox
        .run(&["stats", "--type", "snapshto", "-o", "json"])
        .exits(0);
    assert_eq!(run.stdout, "[]\n");
    run.says("did you mean snapshot?");
    sandbox.run(&["stats", "--exit-code"]).exits(10);
}
