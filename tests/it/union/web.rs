//! Pages about several accounts.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{archive, shared_name, three};

const NOT_INCLUDED: &str = "<dt>Not included</dt><dd><bdi>";

#[test]
fn a_page_is_about_all_accounts_and_tells_their_droplets_apart() {
    let sandbox = three();
    let page = sandbox.run(&["page", "-o", "-"]).exits(0).stdout;
    assert!(
        page.contains("<strong>900</strong>"),
        "the number of actions"
    );
    let name = shared_name(&sandbox);
    let labels: Vec<_> = super::NAMES
        .iter()
        .filter(|account| page.contains(&format!("{name} ({account})")))
        .collect();
    assert!(labels.len() > 1, "{name}: {labels:?}");
    for account in super::NAMES {
        assert!(page.contains(&format!("{account}: complete")), "{account}");
    }
    assert!(!page.contains(NOT_INCLUDED));
}

#[test]
fn a_page_says_which_account_is_not_in_it() {
    let sandbox = three();
    fs::remove_file(archive(&sandbox, "north")).unwrap();
    let of_east = super::rows(&sandbox, &["droplets", "--account", "east"]);
    let id = of_east[0]["id"].to_string();
    // The last one is not asked of west, which is no gap.
    for filter in [&[][..], &["--droplet", "*"], &["--droplet", &id]] {
        let run = sandbox
            .run(&[&["page", "-o", "-"], filter].concat())
            .exits(3);
        assert!(run.stderr.starts_with("north: error: "), "{}", run.stderr);
        let why = format!("{NOT_INCLUDED}north: there is no archive");
        assert_eq!(run.stdout.matches(&why).count(), 1, "{filter:?}");
        assert_eq!(run.stdout.matches(NOT_INCLUDED).count(), 1, "{filter:?}");
        assert!(run.stdout.contains("<dl class=\"basis incomplete\">"));
    }
    let run = sandbox.run(&["page", "-o", "-"]).exits(3);
    assert!(run.stdout.contains("<strong>600</strong>"));
}

/// Overwrites the first page of rows of the table of actions.
fn damage_rows(db: &Path) {
    let connection = Connection::open(db).unwrap();
    let sql =
        "SELECT page_size, rootpage FROM pragma_page_size, sqlite_schema WHERE name = 'actions'";
    let pages: (u32, u32) = connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    drop(connection);
    let (size, mut page) = (pages.0 as usize, pages.1 as usize);
    let mut bytes = fs::read(db).unwrap();
    let number = |at: &[u8]| at.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
    // The format: https://www.sqlite.org/fileformat2.html#b_tree_pages
    while bytes[(page - 1) * size] == 5 {
        let whole = &bytes[(page - 1) * size..page * size];
        let cell = number(&whole[12..14]);
        page = number(&whole[cell..cell + 4]);
    }
    assert_eq!(bytes[(page - 1) * size], 13, "a leaf");
    bytes[(page - 1) * size..page * size].fill(0xff);
    fs::write(db, bytes).unwrap();
}

#[test]
fn an_archive_whose_rows_are_damaged_is_named_and_the_page_is_about_the_others() {
    let sandbox = three();
    damage_rows(&archive(&sandbox, "north"));
    let run = sandbox.run(&["page", "-o", "-"]).exits(3);
    assert!(run.stderr.starts_with("north: error: "), "{}", run.stderr);
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    assert!(run.stdout.contains("<strong>600</strong>"));
    assert!(run.stdout.contains(&format!("{NOT_INCLUDED}north: ")));
    assert!(!run.stdout.contains("(north)"));
    for account in ["east", "west"] {
        damage_rows(&archive(&sandbox, account));
    }
    let run = sandbox.run(&["page", "-o", "-"]).exits(6);
    assert_eq!(run.stdout, "");
    for account in super::NAMES {
        let error = format!("{account}: error: ");
        assert_eq!(run.stderr.matches(&error).count(), 1, "{}", run.stderr);
    }
}

#[test]
fn a_droplet_without_a_name_is_called_by_its_id_and_its_account() {
    let sandbox = three();
    let connection = Connection::open(archive(&sandbox, "north")).unwrap();
    let sql =
        "UPDATE droplets SET name = NULL WHERE id = (SELECT max(id) FROM droplets) RETURNING id";
    let id: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let page = sandbox.run(&["page", "-o", "-"]).exits(0).stdout;
    let lane = format!("class=\"lane-name\" title=\"{id} (north)\"");
    assert!(page.contains(&lane), "{lane}");
    let action = format!("[\"{id} (north)\",\"droplet\",{id}]");
    assert!(page.contains(&action), "{action}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_answers_about_all_accounts() {
    use crate::serve::Server;
    let sandbox = three();
    let server = Server::of(&sandbox);
    let rows = server.get("/query.json?limit=3").has_status(200).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["account"].is_string()));
    assert!(
        server
            .get("/")
            .has_status(200)
            .body
            .contains("<strong>900</strong>")
    );
    server.get("/query.json?account=east").has_status(400);
    fs::remove_file(archive(&sandbox, "north")).unwrap();
    let run = server.get("/stats.json?by=account").has_status(200).json();
    assert_eq!(run.as_array().unwrap().len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn json_comes_with_the_exit_status_of_its_command() {
    use crate::serve::Server;
    let sandbox = three();
    let server = Server::of(&sandbox);
    let is_each = |status: &str| {
        for address in ["/query.json?limit=3", "/stats.json", "/status.json"] {
            let answer = server.get(address).has_status(200);
            assert_eq!(answer.header("archiver-status"), Some(status), "{address}");
        }
    };
    is_each("0");
    fs::remove_file(archive(&sandbox, "north")).unwrap();
    is_each("3");
    let page = server.get("/").has_status(200).body;
    assert!(page.contains(NOT_INCLUDED));
}
