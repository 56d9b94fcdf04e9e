//! An archive that cannot be read is named, and the others answer.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;

use super::{archive, rows, three};
use crate::process::Running;

#[test]
fn an_archive_that_is_missing_newer_or_damaged_is_named_and_the_others_answer() {
    let sandbox = three();
    let db = archive(&sandbox, "north");
    let whole = fs::read(&db).unwrap();
    let damage = || {
        let mut bytes = whole.clone();
        bytes[100..4096].fill(0xff);
        fs::write(&db, bytes).unwrap();
    };
    let newer = || {
        fs::write(&db, &whole).unwrap();
        Connection::open(&db)
            .unwrap()
            .pragma_update(None, "user_version", 999)
            .unwrap();
    };
    let missing = || fs::remove_file(&db).unwrap();
    let breaks: [(&dyn Fn(), &str); 3] = [
        (&damage, "not a readable archive"),
        (&newer, "schema version 999"),
        (&missing, "there is no archive"),
    ];
    let others = ["--account", "east,west"];
    for (break_it, why) in breaks {
        break_it();
        for question in [
            &["query", "-o", "csv"][..],
            &["query", "--count"],
            &["query", "--droplet", "*", "-o", "csv"],
            &["stats", "-o", "csv"],
            &[
                "last",
                "-o",
                "csv",
                "--columns",
                "account,droplet_id,action_id",
            ],
            &["droplets", "-o", "csv"],
            &["report", "failures", "--since", "2015", "-o", "csv"],
            &["sql", "SELECT id FROM actions", "-o", "csv"],
            &["status", "-o", "csv"],
        ] {
            let expected = sandbox.run(&[question, &others].concat()).exits(0);
            let run = sandbox.run(question).exits(3);
            assert_eq!(run.stdout, expected.stdout, "{question:?}");
            let named: Vec<_> = run
                .stderr
                .lines()
                .filter(|it| it.contains("error: "))
                .collect();
            assert_eq!(named.len(), 1, "{question:?}: {}", run.stderr);
            assert!(named[0].starts_with("north: error: "), "{}", run.stderr);
            assert!(named[0].contains(why), "{}", run.stderr);
        }
        let run = sandbox
            .run(&["query", "--type", "backup", "--exit-code"])
            .exits(3);
        assert_ne!(run.stdout, "");
    }
    fs::remove_file(archive(&sandbox, "west")).unwrap();
    let run = sandbox.run(&["query", "--account", "north,west"]).exits(6);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("north: error") && run.stderr.contains("west: error"));
}

#[test]
fn a_name_is_unknown_only_when_every_account_could_be_asked() {
    let sandbox = three();
    let questions = [
        &["timeline", "nobody"][..],
        &["query", "--droplet", "nobody"],
        &["query", "--type", "rebot", "--exit-code"],
    ];
    let unknown = questions.map(|question| sandbox.run(question).exits(2).stderr);
    fs::remove_file(archive(&sandbox, "north")).unwrap();
    for (question, unknown) in questions.into_iter().zip(unknown) {
        let run = sandbox.run(question).exits(3);
        assert_eq!(run.stdout, "", "{question:?}");
        assert!(run.stderr.starts_with("north: error: "), "{}", run.stderr);
        let last = run.stderr.lines().last();
        assert_eq!(last, unknown.lines().last(), "{}", run.stderr);
    }
}

#[test]
fn sql_over_a_damaged_archive_says_which_archives_it_read() {
    let sandbox = three();
    let db = archive(&sandbox, "north");
    let mut bytes = fs::read(&db).unwrap();
    // The schema stays whole.
    let first = bytes.len() / 2;
    bytes[first..].fill(0xff);
    fs::write(&db, bytes).unwrap();
    let run = sandbox.run(&["sql", "SELECT sum(length(id)), max(extra) FROM actions"]);
    run.exits(6)
        .says("one of the archives of east, north, west: ");
}

#[test]
fn a_locked_archive_is_named_and_the_others_answer_without_it() {
    let sandbox = three();
    let others = ["--account", "east,west"];
    let questions = [
        &["query", "-o", "csv"][..],
        &["query", "--droplet", "*", "--count"],
        &["sql", "SELECT count(*) FROM actions"],
    ];
    let expected =
        questions.map(|question| sandbox.run(&[question, &others].concat()).exits(0).stdout);
    let locking = Connection::open(archive(&sandbox, "north")).unwrap();
    locking.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for (question, expected) in questions.into_iter().zip(expected) {
        // A minute would be the wait for the only archive of a question.
        let run = Running::start(sandbox.command(question)).end_within(Duration::from_secs(30));
        let run = run
            .exits(3)
            .says("north: error: the archive is kept locked");
        assert_eq!(run.stdout, expected, "{question:?}");
    }
}

#[test]
fn a_check_finds_what_any_account_has_and_is_sure_only_of_complete_archives() {
    let sandbox = three();
    sandbox
        .run(&["query", "--type", "backup", "--exit-code"])
        .exits(10);
    sandbox
        .run(&["query", "--during", "1999", "--exit-code"])
        .exits(0);
    sandbox.run(&["status", "--exit-code"]).exits(0);
    let connection = Connection::open(archive(&sandbox, "north")).unwrap();
    let sql = "INSERT INTO sync_runs (started_at, finished_at, scope, version, outcome)
               VALUES ('2027-01-01T00:00:00Z', '2027-01-01T00:00:01Z', 'account', '1', 'partial')";
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let run = sandbox
        .run(&["query", "--during", "1999", "--exit-code"])
        .exits(3);
    let doubts: Vec<_> = run
        .stderr
        .lines()
        .filter(|it| it.contains("incomplete"))
        .collect();
    assert_eq!(doubts.len(), 1, "{}", run.stderr);
    assert!(doubts[0].starts_with("north: warning: "), "{}", run.stderr);
    sandbox
        .run(&["query", "--type", "backup", "--exit-code"])
        .exits(10);
    sandbox.run(&["status", "--exit-code"]).exits(10);
    let status = sandbox.run(&["status", "-o", "json"]).exits(0).json();
    let states = status["accounts"].as_array().unwrap().iter();
    let states: Vec<_> = states
        .map(|it| {
            (
                it["account"].as_str().unwrap().to_owned(),
                it["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("east", "complete"),
        ("north", "incomplete"),
        ("west", "complete"),
    ];
    assert_eq!(
        states,
        expected.map(|(name, state)| (name.to_owned(), state.to_owned()))
    );
    assert!(!rows(&sandbox, &["query"]).is_empty());
}
