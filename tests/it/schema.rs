//! `archiver schema`: it prints the schema, for people and for SQLite.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::account::cloud;
use crate::process::Run;
use crate::sandbox::Sandbox;

fn schema(flags: &[&str]) -> Run {
    Sandbox::new().run(&[&["schema"], flags].concat())
}

fn made(connection: &Connection) -> BTreeSet<(String, String, Option<String>)> {
    let mut statement = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_is_printed_makes_the_archive_that_a_sync_makes() {
    let cloud = cloud(1, 10);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();

    let printed = schema(&[]).exits(0);
    assert_eq!(printed.stderr, "");
    let path = sandbox.folder().join("empty.db");
    let empty = Connection::open(&path).unwrap();
    empty.execute_batch(&printed.stdout).unwrap();
    assert!(!made(&archive).is_empty());
    assert_eq!(made(&empty), made(&archive));
    drop(empty);

    let run = sandbox.run(&["query", "--count", "--db", path.to_str().unwrap()]);
    assert_eq!(run.exits(0).stdout, "0\n");
}

#[test]
fn one_table_is_printed_with_its_comment_and_its_indexes() {
    let text = schema(&["Actions"]).exits(0).stdout;
    let beginning =
        "-- One row per action, named as the API names its fields.\n-- first_seen_run: NULL while ";
    assert!(text.starts_with(beginning), "{text}");
    assert!(text.contains("\nCREATE TABLE actions ("), "{text}");
    assert!(text.contains("\nCREATE INDEX actions_by_time ON actions (started_at);\n"));
    assert!(!text.contains("CREATE TABLE regions"));
    let view = schema(&["droplet_actions"]).exits(0).stdout;
    assert!(
        view.starts_with("-- Every action of every droplet, "),
        "{view}"
    );
}

#[test]
fn a_name_that_is_none_is_answered_with_those_there_are() {
    let run = schema(&["action"]).exits(2);
    assert_eq!(run.stdout, "");
    run.says("there is no table or view `action`")
        .says("droplet_actions");
}
