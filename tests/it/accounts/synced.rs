//! `archiver sync --account all`.

use std::time::Duration;

use rusqlite::Connection;

use super::Agency;
use crate::asked::{hold_after, requests, until_held};
use crate::cloud::{Fault, FaultRule};
use crate::process::{SOON, until};
use crate::sandbox::UNPACED;
use crate::witness::Witness;

const THREE: [&str; 3] = ["home", "shop", "work"];

#[test]
fn each_account_has_an_archive_of_its_own_and_cron_sees_nothing() {
    let agency = Agency::new(&THREE);
    agency.sync(&[]).exits(0).silently();
    agency.each_equals_its_cloud();
    agency.clouds["shop"].add_actions(5);
    agency
        .run(&["sync", "--account", "home,shop"])
        .exits(0)
        .silently();
    agency.archive("shop").equals(&agency.clouds["shop"]);
    let said = agency.sync(&["-v"]).exits(0);
    said.says("\nwork: complete: 0 new actions")
        .says("\nall 3 accounts are done, and complete\n");
}

#[test]
fn accounts_whose_tokens_are_swapped_write_nothing() {
    let agency = Agency::new(&THREE);
    agency.sync(&[]).exits(0);
    let before = THREE.map(|name| agency.archive(name).contents());
    agency.configure(
        UNPACED,
        &[("home", "work"), ("work", "home"), ("shop", "shop")],
        "",
    );
    let run = agency.sync(&[]).exits(3);
    run.says("home: error: the archive is not complete: the token belongs to the team team-work, the archive to the")
        .says("work: error: the archive is not complete: the token belongs to the team team-home")
        .says("error: 1 of 3 accounts are complete; exit status of the others: home 4, work 4");
    for (name, before) in THREE.iter().zip(&before) {
        agency.archive(name).is_unchanged_since(before);
    }
}

#[test]
fn no_failure_of_an_account_stops_another() {
    let names = ["down", "fine", "locked", "newer", "refused", "used-up"];
    let agency = Agency::new(&names);
    agency.sync(&[]).exits(0);
    agency
        .clouds
        .values()
        .for_each(|cloud| drop(cloud.add_actions(5)));
    agency.clouds["down"].break_with(FaultRule::new(Fault::HtmlError(404)));
    agency.clouds["used-up"].change(|options| options.hourly.requests = Some(0));
    agency.clouds["refused"].change(|options| options.token = "dop_v1_revoked".to_owned());
    let newer = Connection::open(agency.db("newer")).unwrap();
    newer.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(newer);
    let other = Connection::open(agency.db("locked")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let run = agency.sync(&["--wait", "1s", "-o", "json"]).exits(3);
    drop(other);
    for line in run.stderr.lines() {
        let is_of_all =
            line.starts_with("error: 1 of 6 accounts are complete; exit status of the others: ");
        let is_of_one = names
            .iter()
            .any(|name| line.starts_with(&format!("{name}: ")));
        assert!(is_of_all || is_of_one, "{line}");
    }
    let answer = run.json();
    let accounts = answer["accounts"].as_array().unwrap().iter();
    let statuses: Vec<_> = accounts
        .map(|it| {
            (
                it["account"].as_str().unwrap(),
                it["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("down", 1),
        ("fine", 0),
        ("locked", 5),
        ("newer", 6),
        ("refused", 4),
        ("used-up", 3),
    ];
    assert_eq!(statuses, expected);
    assert_eq!(answer["accounts"][1]["inserted"], 5);
    assert!(
        answer["accounts"][3]["error"]
            .as_str()
            .unwrap()
            .contains("newer")
    );
    agency.archive("fine").equals(&agency.clouds["fine"]);
}

#[test]
fn accounts_that_all_fail_alike_have_that_exit_status() {
    let agency = Agency::new(&["home", "work"]);
    for cloud in agency.clouds.values() {
        cloud.change(|options| options.token = "dop_v1_revoked".to_owned());
    }
    agency
        .sync(&[])
        .exits(4)
        .says("0 of 2 accounts are complete; exit status of the others: home 4, work 4");
}

#[test]
fn accounts_with_the_same_token_or_archive_are_refused_before_anything_is_asked() {
    let agency = Agency::new(&["home", "work"]);
    let text = "[accounts.other]\ntoken_file = 'x'\n[accounts.third]\n";
    agency.configure(
        UNPACED,
        &[("home", "home")],
        &text.replace("'x'", "'../../../home.token'"),
    );
    agency
        .sync(&[])
        .exits(2)
        .says("take their token from the same source: home, other");
    agency.configure(
        "database = 'top.db'",
        &[("home", "home")],
        "[accounts.other]\ndatabase = '~/.local/share/archiver/home.db'",
    );
    agency
        .sync(&[])
        .exits(2)
        .says("the accounts `home` and `other` have the same archive: /");
    let run = agency
        .run(&["sync", "--account", "all", "--db", "x.db"])
        .exits(2);
    run.says("the same archive");
    agency.configure(UNPACED, &[("home", "home"), ("work", "work")], "");
    agency
        .sync(&["--db", "x.db"])
        .exits(2)
        .says("--db names one archive, and 2 accounts are selected");
    agency
        .sync(&["--doctl-context", "x"])
        .exits(2)
        .says("--doctl-context names one token");
    for (words, said) in [
        (
            &["query", "--account", "hme"][..],
            "no account `hme`, did you mean home?",
        ),
        (
            &["verify", "--account", "home,work"],
            "this needs one archive, and 2 accounts are selected\nhint: use --account NAME",
        ),
        (&["import", "x"], "this needs one archive, and 2 accounts"),
    ] {
        agency.run(words).exits(2).says(said);
    }
    agency
        .run(&["sync", "--db", "x.db"])
        .exits(4)
        .says("hint: accounts are left out by --db");
    assert_eq!(agency.clouds.values().map(requests).sum::<usize>(), 0);
}

#[test]
fn one_account_is_chosen_by_flag_variable_or_default_and_the_top_level_stays() {
    let mut agency = Agency::new(&["home", "work"]);
    agency
        .run(&["--account", "home", "sync"])
        .exits(0)
        .silently();
    assert!(agency.db("home").exists() && !agency.db("work").exists());
    agency.sandbox = std::mem::replace(&mut agency.sandbox, crate::sandbox::Sandbox::new())
        .with("ARCHIVER_ACCOUNT", "work");
    agency.run(&["sync"]).exits(0).silently();
    let count = |words: &[&str]| {
        agency
            .run(&[&["query", "--count"], words].concat())
            .exits(0)
            .stdout
    };
    assert_eq!(count(&[]), "250\n");
    // What the top level has for itself is meant without a choice.
    agency.configure(
        "database = 'top.db'",
        &[("home", "home"), ("work", "work")],
        "",
    );
    let run = agency.run(&["query", "--count", "--account", "home"]);
    assert_eq!(run.exits(0).stdout, "250\n");
}

#[test]
fn the_cost_of_each_account_is_told_and_nothing_written() {
    let agency = Agency::new(&["home", "work"]);
    let run = agency.sync(&["--dry-run"]).exits(0);
    let expected = "home: 250 actions to read in 2 pages: ";
    assert!(
        run.stdout.starts_with(expected) && run.stdout.contains("\nwork: 250 "),
        "{run}"
    );
    let answer = agency.sync(&["--dry-run", "-o", "json"]).exits(0).json();
    assert_eq!(answer["accounts"][1]["account"], "work");
    assert_eq!(answer["accounts"][1]["actions"], 250);
    assert!(!agency.db("home").exists());
}

#[test]
fn a_signal_ends_the_syncs_of_all_accounts() {
    let agency = Agency::new(&["home", "work"]);
    agency.clouds.values().for_each(|cloud| {
        cloud.add_actions(3_000);
        hold_after(cloud, 4);
    });
    let sync = agency.start(&["sync", "--account", "all"]);
    agency
        .clouds
        .values()
        .for_each(|cloud| until_held(cloud, 4));
    sync.signal("TERM");
    agency
        .clouds
        .values()
        .for_each(crate::cloud::Cloud::release);
    sync.end_within(SOON)
        .exits(3)
        .says("home: error: ")
        .says("work: error: ");
    agency
        .clouds
        .values()
        .for_each(crate::cloud::Cloud::clear_faults);
}

#[test]
fn accounts_share_a_file_of_metrics_and_a_check() {
    let check = Witness::answering(200, "", "OK");
    let agency = Agency::with(&["home", "work"], UNPACED);
    let top = format!(
        "{UNPACED}[monitoring]\nmetrics_file = 'a.prom'\nping_url = '{}'\n",
        check.url()
    );
    agency.configure(&top, &[("home", "home"), ("work", "work")], "");
    agency.sync(&[]).exits(0).silently();
    let file = agency.sandbox.config_file().with_file_name("a.prom");
    let metrics = std::fs::read_to_string(&file).unwrap();
    let expected =
        "archiver_actions{account=\"home\"} 250\narchiver_actions{account=\"work\"} 250\n";
    assert!(metrics.contains(expected), "{metrics}");
    assert_eq!(metrics.matches("# TYPE archiver_actions gauge").count(), 1);
    until("four pings", || check.heads().len() >= 4);
    let pings = |check: &Witness| {
        let ends = check.heads().into_iter().zip(check.bodies());
        let path = |head: String| head.split(['?', ' ']).nth(1).unwrap().to_owned();
        let mut ends: Vec<_> = ends.map(|(head, body)| (path(head), body)).collect();
        ends.retain(|(path, _)| !path.ends_with("/start"));
        ends
    };
    let ends = pings(&check);
    assert!(
        ends.iter()
            .any(|(path, body)| path == "/" && body.starts_with("home: complete: ")),
        "{ends:?}"
    );
    // A success of one account is no all-clear for the other.
    let home = &agency.clouds["home"];
    home.break_with(FaultRule::new(Fault::HtmlError(404)));
    agency.clouds["work"].change(|options| options.latency = Duration::from_millis(300));
    agency.sync(&[]).exits(3);
    let ends = pings(&check);
    let last = &ends[2..];
    assert!(last.iter().all(|(path, _)| path == "/fail"), "{last:?}");
    assert!(
        last.iter()
            .any(|(_, body)| body.ends_with("not complete before: home")),
        "{last:?}"
    );
}
