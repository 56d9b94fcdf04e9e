//! `archiver accounts` and `archiver auth check` of several accounts.

use rusqlite::Connection;

use super::Agency;
use crate::sandbox::UNPACED;

#[test]
fn the_list_says_whose_archive_it_is_how_fresh_and_what_is_missing() {
    let agency = Agency::new(&["fresh", "newer"]);
    let rest =
        "[accounts.empty]\n[accounts.part]\ndatabase = 'part.db'\ntoken_command = 'echo x'\n";
    let pairs = [("fresh", "fresh"), ("newer", "newer")];
    agency.configure(UNPACED, &pairs, rest);
    agency.run(&["sync", "--account", "fresh,newer"]).exits(0);
    let newer = Connection::open(agency.db("newer")).unwrap();
    newer.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(newer);
    let answer = agency.run(&["accounts", "-o", "json"]).exits(0).json();
    let rows = answer.as_array().unwrap();
    let text = |row: usize, name: &str| rows[row][name].as_str().unwrap_or("null").to_owned();
    let column = |name: &str| {
        (0..rows.len())
            .map(|row| text(row, name))
            .collect::<Vec<_>>()
    };
    assert_eq!(column("account"), ["empty", "fresh", "newer", "part"]);
    assert_eq!(column("team"), ["null", "team-fresh", "null", "null"]);
    assert_eq!(
        column("state"),
        ["missing", "complete", "unusable", "missing"]
    );
    let missing = column("missing");
    assert!(
        missing[0]
            .starts_with("no token; nothing is archived yet, run `archiver sync --account empty`")
    );
    assert_eq!(missing[1], "null");
    assert!(missing[2].contains("newer"), "{missing:?}");
    assert!(text(1, "fresh_at").ends_with('Z') && text(3, "archive").ends_with("/part.db"));
    agency.run(&["accounts", "--exit-code"]).exits(10);
    let one = agency
        .run(&["accounts", "--account", "fresh", "--exit-code", "-o", "csv"])
        .exits(0);
    assert_eq!(one.stdout.lines().count(), 2);
    let none = crate::sandbox::Sandbox::new().run(&["accounts"]).exits(0);
    none.says("note: no account is configured");
}

#[test]
fn each_token_is_checked_and_a_failure_is_of_its_account() {
    let agency = Agency::new(&["home", "work"]);
    let run = agency.run(&["auth", "check", "--account", "all"]).exits(0);
    assert!(
        run.stdout.starts_with("name     home\ntoken    from "),
        "{run}"
    );
    assert!(
        run.stdout.contains("\nname     work\ntoken    from "),
        "{run}"
    );
    agency.clouds["work"].change(|options| options.token = "dop_v1_revoked".to_owned());
    let run = agency
        .run(&["auth", "check", "--account", "all", "-o", "json"])
        .exits(3);
    let accounts = &run.json()["accounts"];
    assert_eq!(accounts[0]["name"], "home");
    assert_eq!(accounts[0]["is_enough"], true);
    assert_eq!(accounts[0]["account"]["team"]["uuid"], "team-home");
    assert_eq!(accounts[1]["is_enough"], false);
    run.says("work: error: ").never_says("home: error");
}
