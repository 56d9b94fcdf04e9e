//! `archiver query`: the answer is what the truth says, in every format, and a slip is said to be one.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::account::{account, cloud};
use crate::cloud::{Action, Cloud};
use crate::sandbox::Sandbox;

/// An account and its archive.
fn archived(droplets: usize, actions: usize) -> (Cloud, Sandbox) {
    let cloud = cloud(droplets, actions);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

/// Oldest first, as answers come.
fn truth(cloud: &Cloud, matches: impl Fn(&Action) -> bool) -> Vec<Action> {
    let mut actions: Vec<_> = cloud.actions().into_iter().filter(matches).collect();
    actions.sort_by_key(|action| (action.started_at.clone(), action.id));
    actions
}

fn ids(actions: &[Action]) -> Vec<i64> {
    actions.iter().map(|action| action.id).collect()
}

fn answered_ids(sandbox: &Sandbox, flags: &[&str]) -> Vec<i64> {
    let run = sandbox.query(&[flags, &["-o", "json"]].concat()).exits(0);
    let rows = run.json();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_i64().unwrap()).collect()
}

fn as_row(action: &Action) -> Value {
    json!({
        "id": action.id, "status": action.status, "type": action.kind,
        "started_at": action.started_at, "completed_at": action.completed_at,
        "resource_id": action.resource_id, "resource_type": action.resource_type,
        "region_slug": action.region_slug,
    })
}

#[test]
fn every_filter_answers_what_the_truth_says() {
    let (cloud, sandbox) = archived(12, 2_000);
    let droplet = cloud.droplets()[1].id;
    let some = ids(&cloud.actions()[100..103]);
    let some_flag = some
        .iter()
        .map(i64::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let droplet_flag = droplet.to_string();
    let region = cloud.droplets()[0].region_slug.clone();
    let kind = |action: &Action, kinds: &[&str]| {
        action
            .kind
            .as_deref()
            .is_some_and(|kind| kinds.contains(&kind))
    };
    let of_droplet = |action: &Action| {
        action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(droplet)
    };
    let from = "2022-01-01T00:00:00Z";
    let is_between = |action: &Action, until: &str| {
        let started_at = action.started_at.as_deref().unwrap();
        from <= started_at && started_at < until
    };
    type Truth<'a> = &'a dyn Fn(&Action) -> bool;
    let questions: [(&[&str], Truth<'_>); 13] = [
        (&[], &|_| true),
        (&["--type", "reboot"], &|action| kind(action, &["reboot"])),
        (&["--type", "reboot,backup", "--type=create"], &|action| {
            kind(action, &["reboot", "backup", "create"])
        }),
        (&["--status", "errored"], &|action| {
            action.status.as_deref() == Some("errored")
        }),
        (&["--status", "in-progress"], &|action| {
            action.completed_at.is_none() && action.status.as_deref() == Some("in-progress")
        }),
        (&["--droplet", &droplet_flag], &of_droplet),
        (&["--region", &region], &|action| {
            action.region_slug.as_ref() == Some(&region)
        }),
        (&["--resource-type", "volume"], &|action| {
            action.resource_type.as_deref() == Some("volume")
        }),
        (&["--id", &some_flag], &|action| some.contains(&action.id)),
        (&["--since", from, "--until", "2023-06-30"], &|action| {
            is_between(action, "2023-07-01T00:00:00Z")
        }),
        (&["--since", "2022", "--until", "2023-Q2"], &|action| {
            is_between(action, "2023-07-01T00:00:00Z")
        }),
        (
            &["--after", "2022-01-01", "--before", "2023-06-30 12:00"],
            &|action| is_between(action, "2023-06-30T12:00:00Z"),
        ),
        (
            &[
                "--droplet",
                &droplet_flag,
                "--type",
                "backup",
                "--since",
                from,
            ],
            &|action| of_droplet(action) && kind(action, &["backup"]) && is_between(action, "9"),
        ),
    ];
    for (flags, matches) in questions {
        let expected = ids(&truth(&cloud, matches));
        assert!(!expected.is_empty(), "{flags:?} asks for nothing");
        assert_eq!(answered_ids(&sandbox, flags), expected, "{flags:?}");
        let count = sandbox.query(&[flags, &["--count"]].concat()).exits(0);
        assert_eq!(count.stdout, format!("{}\n", expected.len()), "{flags:?}");
    }
}

#[test]
fn a_limit_leaves_the_most_recent_oldest_first() {
    let (cloud, sandbox) = archived(5, 500);
    let all = ids(&truth(&cloud, |_| true));
    for limit in [1, 7, 499, 500, 501] {
        let expected = &all[all.len().saturating_sub(limit)..];
        let flags = ["--limit", &limit.to_string()];
        assert_eq!(answered_ids(&sandbox, &flags), expected, "{limit}");
    }
}

#[test]
fn a_droplet_by_its_name_is_the_droplet_with_all_that_it_listed() {
    let cloud = cloud(6, 900);
    let droplet = cloud.droplets()[0].clone();
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--droplet", &droplet.id.to_string()])
        .exits(0);
    let mut listed = ids(&cloud.actions_of(droplet.id));
    let mut answered = answered_ids(&sandbox, &["--droplet", &droplet.name]);
    listed.sort_unstable();
    answered.sort_unstable();
    assert_eq!(answered, listed);
}

#[test]
fn json_and_json_lines_hold_every_field_of_the_api() {
    let (cloud, sandbox) = archived(5, 400);
    let expected: Vec<_> = truth(&cloud, |_| true).iter().map(as_row).collect();
    let without_name = |mut row: Value| {
        let name = row.as_object_mut().unwrap().remove("droplet_name").unwrap();
        assert!(name.is_null() || name.is_string());
        row
    };
    let json = sandbox.query(&["-o", "json"]).exits(0).json();
    let rows: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .map(without_name)
        .collect();
    assert_eq!(rows, expected);
    let run = sandbox.query(&["-o", "jsonl"]).exits(0);
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(lines.map(without_name).collect::<Vec<_>>(), expected);
}

#[test]
fn csv_is_read_back_by_a_csv_reader() {
    let (cloud, sandbox) = archived(5, 400);
    let columns = "id,type,started_at,completed_at,resource_id,region_slug";
    let run = sandbox.query(&["-o", "csv", "--columns", columns]).exits(0);
    let mut reader = csv::Reader::from_reader(run.stdout.as_bytes());
    assert_eq!(
        reader
            .headers()
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
            .join(","),
        columns
    );
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let expected: Vec<Vec<String>> = truth(&cloud, |_| true)
        .into_iter()
        .map(|action| {
            let number = |number: Option<i64>| number.map(|it| it.to_string());
            let cells = [
                number(Some(action.id)),
                action.kind,
                action.started_at,
                action.completed_at,
                number(action.resource_id),
                action.region_slug,
            ];
            cells.map(Option::unwrap_or_default).to_vec()
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_table_has_a_header_unless_it_is_not_wanted_and_a_line_for_each_action() {
    let (_cloud, sandbox) = archived(3, 50);
    let with_header = sandbox.query(&[]).exits(0).stdout;
    let without = sandbox.query(&["--no-header"]).exits(0).stdout;
    assert_eq!(without.lines().count(), 50);
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = with_header.lines().map(words).collect();
    assert_eq!(rows[0][..3], ["ID", "STARTED", "TYPE"]);
    assert!(rows.ends_with(&without.lines().map(words).collect::<Vec<_>>()));
    assert!(!with_header.contains('\u{1b}'), "colours into a pipe");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (_cloud, sandbox) = archived(5, 4_000);
    for format in ["table", "json", "jsonl", "csv"] {
        let mut command = sandbox.command(&["query", "-o", format]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.as_str()),
            (Some(0), ""),
            "{format}"
        );
    }
}

#[test]
fn no_archive_is_said_with_how_to_get_one() {
    let run = Sandbox::new().query(&[]).exits(6);
    assert_eq!(run.stdout, "");
    run.says("there is no archive at")
        .says("hint: `archiver sync`");
}

#[test]
fn an_empty_answer_is_an_answer_and_a_slip_is_said_to_be_one() {
    let (_cloud, sandbox) = archived(8, 1_500);
    let empty = ["--type", "reboot", "--until", "1999-01-01"];
    assert_eq!(answered_ids(&sandbox, &empty), [0; 0]);
    sandbox.query(&empty).exits(0).never_says("warning");
    for (flags, words) in [
        (["--type", "rebot"], "did you mean reboot?"),
        (["--status", "complete"], "did you mean completed?"),
        (["--resource-type", "drolpet"], "did you mean droplet?"),
    ] {
        sandbox.query(&flags).exits(0).says("warning: ").says(words);
        let run = sandbox.query(&[&flags[..], &["--count"]].concat()).exits(0);
        assert_eq!(run.stdout, "0\n");
        sandbox
            .query(&[&flags[..], &["-q"]].concat())
            .exits(0)
            .never_says("warning");
    }
    let window = ["--since", "2021-01-02", "--until", "2020-01-01"];
    sandbox
        .query(&window)
        .exits(0)
        .says("nothing can lie between");
}

#[test]
fn a_time_that_can_mean_two_things_or_none_is_refused_with_the_forms_that_work() {
    let (_cloud, sandbox) = archived(2, 20);
    for (text, words) in [
        ("07/08/2020", "year first"),
        ("soon", "2 weeks ago"),
        ("2020-02-30", "no day of the calendar"),
        ("30", "30d"),
        ("", "7d"),
    ] {
        for flag in ["--since", "--until"] {
            let run = sandbox.query(&[flag, text]).exits(2);
            assert_eq!(run.stdout, "");
            run.says(flag).says(words);
        }
    }
}

#[test]
fn a_name_of_two_droplets_or_of_none_is_refused_with_a_way_out() {
    let droplet = |id: i64, name: &str| json!({"id": id, "name": name});
    let droplets = [
        droplet(31, "web"),
        droplet(32, "web"),
        droplet(33, "mail-01"),
    ];
    let actions = [31, 32, 33].map(|id| {
        json!({"id": id, "type": "reboot", "resource_type": "droplet", "resource_id": id}).into()
    });
    let options = account(0, 0);
    let cloud = Cloud::start_handmade(options, &droplets, actions.to_vec()).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.query(&["--droplet", "web"]).exits(2).says("31, 32");
    sandbox
        .query(&["--droplet", "mial-01"])
        .exits(2)
        .says("did you mean mail-01?");
    assert_eq!(answered_ids(&sandbox, &["--droplet", "web*"]), [31, 32]);
}
