//! Wrong questions, and empty answers.

use serde_json::json;

use super::{answered_ids, archived};
use crate::account::account;
use crate::cloud::Cloud;
use crate::sandbox::Sandbox;

#[test]
fn no_archive_is_said_with_how_to_get_one() {
    let run = Sandbox::new().query(&[]).exits(6);
    assert_eq!(run.stdout, "");
    run.says("there is no archive at")
        .says("hint: run `archiver sync`");
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
        .says("nothing lies at 2021-01-02T00:00:00Z or later and before");
}

#[test]
fn a_time_that_can_mean_two_things_or_none_is_refused_with_the_forms_that_work() {
    let (_cloud, sandbox) = archived(2, 20);
    for (text, words) in [
        ("07/08/2020", "year first"),
        ("soon", "2 weeks ago"),
        ("2020-02-30", "not a day of the calendar"),
        ("30", "30d"),
        ("", "7d"),
    ] {
        for flag in ["--since", "--until"] {
            let run = sandbox.query(&[flag, text]).exits(2);
            assert_eq!(run.stdout, "");
            run.says(flag).says(words);
        }
    }
    let twice = ["--tz", "Europe/Berlin", "--at", "2026-10-25 02:30"];
    sandbox
        .query(&twice)
        .exits(2)
        .says("--at: the clocks show `2026-10-25 02:30` twice")
        .says("write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00");
    let backwards = ["--during", "2026-11..2026-10"];
    sandbox
        .query(&backwards)
        .exits(2)
        .says("did you mean `2026-10..2026-11`?");
}

#[test]
fn digits_name_a_droplet_wherever_a_name_does_unless_they_are_anothers_id() {
    let droplet = |id: i64, name: &str| json!({"id": id, "name": name});
    let droplets = [droplet(31, "777"), droplet(555, "web"), droplet(33, "555")];
    let actions = [31, 33, 555].map(|id| {
        json!({"id": id, "type": "reboot", "status": "completed", "resource_type": "droplet", "resource_id": id,
            "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:10Z"})
        .into()
    });
    let cloud = Cloud::start_handmade(account(0, 0), &droplets, actions.to_vec()).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(answered_ids(&sandbox, &["--droplet", "777"]), [31]);
    assert_eq!(answered_ids(&sandbox, &["--droplet", "!777"]), [33, 555]);
    assert_eq!(answered_ids(&sandbox, &["--droplet", "0555"]), [555]);
    let same = |command: &[&str], name: &str| {
        let output = if command[0] == "timeline" {
            vec![name]
        } else {
            vec!["--droplet", name]
        };
        sandbox.run(&[command, &output, &["-o", "csv"]].concat())
    };
    for command in [
        &["query"][..],
        // Other columns tell how long ago something was.
        &["last", "reboot", "--columns", "droplet_id,started_at"],
        &["timeline"],
        &["stats", "--by", "type"],
        &["report", "lifetimes", "--columns", "droplet_id,state"],
        &["report", "failures"],
    ] {
        let by_name = same(command, "777").exits(0).never_says("warning");
        assert_eq!(
            by_name.stdout,
            same(command, "31").exits(0).stdout,
            "{command:?}"
        );
        same(command, "555")
            .exits(2)
            .says("`555` is the id of one droplet")
            .says("another: 555, 33");
    }
    let run = sandbox.query(&["--droplet", "778"]).exits(0);
    run.says("warning: ").says("778");
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

#[test]
fn filters_that_exclude_each_other_are_said_to() {
    let (_cloud, sandbox) = archived(2, 20);
    for (flags, words) in [
        (
            ["--min-duration", "2h", "--max-duration", "1h"],
            "at least 2h and at most 1h",
        ),
        (
            ["--type", "create,!create", "--region", "!nyc3"],
            "left out again",
        ),
        (
            ["--status", "in-progress", "--max-duration", "1h"],
            "in progress",
        ),
    ] {
        sandbox.query(&flags).exits(0).says("warning: ").says(words);
        for command in ["query", "stats", "last"] {
            let check = [&[command][..], &flags, &["--exit-code"]].concat();
            let run = sandbox.run(&check).exits(2);
            assert_eq!(run.stdout, "", "{run}");
            run.says("error: ").says(words);
        }
    }
    let droplets = ["droplets", "--region", "nyc3,!nyc3", "--exit-code"];
    sandbox.run(&droplets).exits(2).says("left out again");
}

#[test]
fn a_flag_that_cannot_be_understood_is_named_with_what_would_be() {
    let (_cloud, sandbox) = archived(2, 20);
    for (flags, words) in [
        (&["--type", "@pwoer"][..], "@power, @down"),
        (&["--type", "!"], "needs a value to leave out"),
        (&["--at", "soon"], "--at: `soon`"),
        (&["--at", "now", "--around", "5"], "--around"),
        (&["--around", "5m"], "--at"),
        (&["--min-duration", "1mo"], "--min-duration"),
        (&["--seen-since", "never"], "last-sync"),
        (&["--during", "2020", "--since", "2019"], "--since"),
        (&["--gone", "--existing"], "--existing"),
        (&["--sort", "size"], "started, completed, duration, id"),
        (&["--sort", "-size"], "--sort: `-size`"),
    ] {
        let run = sandbox.query(flags).exits(2);
        assert_eq!(run.stdout, "");
        run.says(words);
    }
}

#[test]
fn what_was_understood_is_said_when_it_is_asked_for() {
    let (cloud, sandbox) = archived(3, 60);
    let droplet = &cloud.droplets()[0];
    let window = [
        "--since",
        "2022-01-01",
        "--tz",
        "+02:00",
        "--droplet",
        &droplet.name,
    ];
    sandbox.query(&window).exits(0).never_says("window");
    let verbose = [&window[..], &["-v"]].concat();
    sandbox
        .query(&verbose)
        .exits(0)
        .says("window: 2021-12-31T22:00:00Z .. now")
        .says(&format!("droplets: {}", droplet.id));
}

#[test]
fn a_slip_beside_a_value_that_matches_is_said_too() {
    let (cloud, sandbox) = archived(4, 600);
    for (flags, words) in [
        (["--type", "reboot,rebot"], "did you mean reboot?"),
        (["--region", "nyc3,mars1"], "the region `mars1`"),
        (["--droplet", "1"], "the droplet `1`"),
    ] {
        sandbox.query(&flags).exits(0).says(words);
    }
    let name = &cloud.droplets()[0].name;
    for (word, meant) in [
        (name.as_str(), format!("--droplet {name}").as_str()),
        ("*-0*", "--droplet '*-0*'"),
        ("env:prod", "--tag env:prod"),
        ("nyc3", "--region nyc3"),
        ("yesterday", "--during yesterday"),
    ] {
        let run = sandbox.run(&["last", "reboot", word]).exits(2);
        run.says(&format!("did you mean `{meant}`?"));
    }
    sandbox
        .run(&["last", "rebot"])
        .exits(0)
        .says("did you mean reboot?");
    sandbox
        .query(&["--type", "reboot,snapshot"])
        .exits(0)
        .never_says("warning");
}
