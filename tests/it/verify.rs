//! `archiver verify`: it says what is wrong with an archive, and what to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::account::cloud;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, until};
use crate::sandbox::Sandbox;

fn verify(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(&[&["verify"], flags].concat())
}

/// The archive of this account, changed by this SQL.
fn changed(cloud: &Cloud, sql: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.pragma_update(None, "foreign_keys", false).unwrap();
    archive.execute_batch(sql).unwrap();
    sandbox
}

fn fill_page_of(path: &Path, name: &str) {
    let archive = Connection::open(path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: i64 = archive.query_row(sql, [name], |row| row.get(0)).unwrap();
    drop(archive);
    let end = 4096 * usize::try_from(root).unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[end - 4096..end].fill(0xa5);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_archive_is_one_line() {
    let cloud = cloud(3, 600);
    let sandbox = changed(&cloud, "");
    for flags in [&[][..], &["--quick"]] {
        let run = verify(&sandbox, flags).exits(0);
        assert_eq!(run.stdout, "sound: 600 actions, 1 listing, 1 sync\n");
        assert_eq!(run.stderr, "");
    }
    let json = verify(&sandbox, &["-o", "json"]).exits(0).json();
    assert_eq!(json["is_sound"], true);
    assert_eq!(json["actions"], 600);
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn archives_of_droplets_and_through_the_account_are_sound_whatever_grew() {
    let cloud = cloud(5, 1_500);
    let ids: Vec<_> = cloud
        .droplets()
        .iter()
        .map(|it| it.id.to_string())
        .collect();
    let sandbox = Sandbox::new();
    for _ in 0..3 {
        let droplets = ids.join(",");
        sandbox.sync(&cloud, &["--droplet", &droplets]).exits(0);
        let run = verify(&sandbox, &[]).exits(0);
        assert!(run.stdout.starts_with("sound: "), "{run}");
        cloud.add_actions(70);
    }
    cloud.destroy_droplet(ids[0].parse().unwrap());
    sandbox.sync(&cloud, &["--all"]).exits(0);
    verify(&sandbox, &[]).exits(0);
}

#[test]
fn what_a_wrong_total_made_a_killed_sync_believe_is_not_believed_after_a_full_one() {
    let cloud = cloud(3, 1_500);
    cloud.break_with(FaultRule::new(Fault::TotalOffBy(5)));
    cloud.break_with(FaultRule::new(Fault::Stall).page(4));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("a page is archived", || {
        sandbox.db().exists() && covered(&sandbox) > 0
    });
    sync.kill();
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--all", "--full"]).exits(0);
    let run = verify(&sandbox, &[]).exits(0);
    assert!(run.stdout.starts_with("sound: 1,500 actions"), "{run}");
    let archive = sandbox.archive();
    assert_eq!(archive.number("SELECT total FROM listings"), 1_500);
}

/// The number of covered positions; 0 when the coverage cannot be read.
fn covered(sandbox: &Sandbox) -> i64 {
    let archive = Connection::open(sandbox.db()).unwrap();
    let sql = "SELECT coalesce(sum(end_position - start_position), 0) FROM coverage";
    archive.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn rows_that_were_lost_are_missed_and_a_full_sync_brings_them_back() {
    let cloud = cloud(3, 600);
    let lost = "DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE status = 'completed' LIMIT 7)";
    let sandbox = changed(&cloud, lost);
    let run = verify(&sandbox, &[]).exits(6);
    assert!(run.stdout.starts_with("not sound: 1 error\n"), "{run}");
    let words = "600 actions of /v2/actions should be archived, but there are 593";
    assert!(run.stdout.contains(words), "{run}");
    assert!(run.stdout.contains("archiver sync --full"));
    let json = verify(&sandbox, &["-o", "json"]).exits(6).json();
    assert_eq!(json["findings"][0]["rows"], 7);
    assert_eq!(json["findings"][0]["severity"], "error");
    sandbox.sync(&cloud, &["--all", "--full"]).exits(0);
    sandbox.archive().equals(&cloud);
    verify(&sandbox, &[]).exits(0);
}

#[test]
fn a_note_alone_leaves_an_archive_sound() {
    let cloud = cloud(3, 600);
    let sandbox = changed(
        &cloud,
        "UPDATE actions SET completed_at = '2012-01-01T00:00:00Z' WHERE id IN
           (SELECT id FROM actions WHERE completed_at IS NOT NULL LIMIT 3)",
    );
    let run = verify(&sandbox, &[]).exits(0);
    assert!(
        run.stdout
            .starts_with("sound: 600 actions, 1 listing, 1 sync; 1 note\n")
    );
    assert!(
        run.stdout
            .contains("note: actions ended before they began (3, such as "),
        "{run}"
    );
}

#[test]
fn damage_is_told_with_its_table_and_nothing_is_mended_by_deleting() {
    let cloud = cloud(3, 3_000);
    let sandbox = changed(&cloud, "");
    fill_page_of(&sandbox.db(), "actions");
    let before = fs::read(sandbox.db()).unwrap();
    let run = verify(&sandbox, &[]).exits(6);
    assert!(run.stdout.contains("damage in `actions`"), "{run}");
    assert!(
        run.stdout.contains("keep the file, and restore a backup"),
        "{run}"
    );
    for run in [
        sandbox.query(&[]),
        sandbox.sync(&cloud, &["--all"]),
        sandbox.run(&["status"]),
    ] {
        run.exits(6).says("malformed");
    }
    let after = fs::read(sandbox.db()).unwrap();
    let changed = before.chunks(4096).zip(after.chunks(4096));
    let changed = changed.filter(|(before, after)| before != after).count();
    assert!(
        changed <= 3 && after.len() >= before.len(),
        "{changed} pages"
    );
}

#[test]
fn what_is_no_archive_is_no_sound_one() {
    let sandbox = Sandbox::new();
    verify(&sandbox, &[]).exits(6).says("there is no archive");
    fs::create_dir_all(sandbox.db().parent().unwrap()).unwrap();
    fs::write(sandbox.db(), "Dear diary").unwrap();
    verify(&sandbox, &[]).exits(6).says("not a SQLite database");
}

#[test]
fn an_archive_is_sound_at_every_moment_of_a_sync() {
    let cloud = cloud(5, 6_000);
    cloud.change(|options| options.latency = Duration::from_millis(30));
    cloud.break_with(FaultRule::new(Fault::Hold).page(20));
    let sandbox = Sandbox::new();
    let mut sync = sandbox.start_sync(&cloud, &["--all"]);
    until("there is an archive", || {
        sandbox.run(&["query", "--count"]).status.success() || sync.has_ended()
    });
    let mut times = 0;
    while !sync.has_ended() {
        let run = verify(&sandbox, &[]).exits(0);
        assert!(run.stdout.starts_with("sound: "), "{run}");
        times += 1;
        if times >= 3 {
            cloud.clear_faults();
            cloud.release();
        }
    }
    sync.end().exits(0).silently();
    assert!(times >= 3, "the sync was over too soon");
    sandbox.archive().equals(&cloud);
}
