//! `archiver backup`: the copy is whole or does not exist, and later syncs can continue from it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::account::cloud;
use crate::archive::Archive;
use crate::asked::requests;
use crate::cloud::{Fault, FaultRule};
use crate::process::{Run, Running, until};
use crate::sandbox::Sandbox;

fn target(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.folder().join(name)
}

fn backup(sandbox: &Sandbox, target: &Path, flags: &[&str]) -> Run {
    sandbox.run(&[&["backup", target.to_str().unwrap()], flags].concat())
}

/// The files in the folder besides a home and the data.
pub(crate) fn left_beside(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "data").collect()
}

#[test]
fn a_copy_is_the_archive_and_says_so_only_when_asked() {
    let cloud = cloud(3, 600);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let copy = target(&sandbox, "copy.db");
    backup(&sandbox, &copy, &[]).exits(0).silently();
    Archive::open(&copy).equals(&cloud);
    let run = backup(&sandbox, &target(&sandbox, "second.db"), &["-v"]).exits(0);
    run.says("copied 600 actions").says("second.db");
    let run = backup(&sandbox, &target(&sandbox, "third.db"), &["-o", "json"]).exits(0);
    let json = run.json();
    assert_eq!(json["actions"], 600);
    assert_eq!(json["rows"]["sync_runs"], 1);
    assert_eq!(json["bytes"], fs::metadata(&copy).unwrap().len());
    let verified = sandbox.run(&["verify", "--db", copy.to_str().unwrap()]);
    assert!(verified.exits(0).stdout.starts_with("sound: 600 actions"));
}

#[test]
fn nothing_is_overwritten_least_of_all_the_archive() {
    let cloud = cloud(1, 50);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let before = fs::read(sandbox.db()).unwrap();
    let run = backup(&sandbox, &sandbox.db(), &[]).exits(2);
    run.says("is the archive itself")
        .says("hint: nothing is overwritten");
    let other = target(&sandbox, "other");
    fs::write(&other, "precious").unwrap();
    let run = backup(&sandbox, &other, &[]).exits(2);
    run.says("exists already").says("hint: ");
    let journal = sandbox.db().with_extension("db-journal");
    backup(&sandbox, &journal, &[]).exits(2).says("hint: ");
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    assert!(fs::read(sandbox.db()).unwrap() == before);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn without_an_archive_there_is_no_copy() {
    let sandbox = Sandbox::new();
    let copy = target(&sandbox, "copy.db");
    backup(&sandbox, &copy, &[])
        .exits(6)
        .says("there is no archive");
    assert!(!copy.exists());
}

#[test]
fn copies_that_are_made_while_a_sync_runs_are_sound_and_the_sync_is_complete() {
    let cloud = cloud(5, 6_000);
    cloud.change(|options| options.latency = Duration::from_millis(30));
    cloud.break_with(FaultRule::new(Fault::Hold).page(20));
    let sandbox = Sandbox::new();
    let mut sync = sandbox.start_sync(&cloud, &["--all"]);
    until("something is archived", || {
        sandbox
            .run(&["query", "--limit", "1", "--exit-code"])
            .status
            .code()
            == Some(10)
    });
    let mut copies = 0;
    while !sync.has_ended() {
        let copy = target(&sandbox, &format!("copy{copies}.db"));
        backup(&sandbox, &copy, &[]).exits(0).silently();
        let verified = sandbox.run(&["verify", "--db", copy.to_str().unwrap()]);
        assert!(verified.exits(0).stdout.starts_with("sound: "));
        copies += 1;
        if copies >= 3 {
            cloud.clear_faults();
            cloud.release();
        }
    }
    sync.end().exits(0);
    assert!(copies >= 3, "the sync was over too soon");
    sandbox.archive().equals(&cloud);
    assert_eq!(left_beside(&sandbox).len(), copies, "something was left");
}

#[test]
fn an_archive_that_is_put_back_goes_on_without_reading_everything_again() {
    let cloud = cloud(3, 2_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let copy = target(&sandbox, "copy.db");
    backup(&sandbox, &copy, &[]).exits(0);
    cloud.add_actions(150);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.add_actions(30);
    cloud.clear_requests();
    // The archive is lost, and the copy takes its place.
    fs::remove_file(sandbox.db()).unwrap();
    fs::copy(&copy, sandbox.db()).unwrap();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
    assert!(requests(&cloud) <= 4, "{} requests", requests(&cloud));
}

/// Runs the program while no file may become longer than this many blocks of 512 bytes.
fn on_a_full_disk(sandbox: &Sandbox, blocks: u64, arguments: &[&str]) -> Running {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = sandbox.command_of("sh", &["-c", &script, env!("CARGO_BIN_EXE_archiver")]);
    command
        .args(arguments)
        .env("DIGITALOCEAN_API_URL", "http://127.0.0.1:9")
        .env("DIGITALOCEAN_TOKEN", "unused");
    Running::start(command)
}

#[test]
fn a_disk_that_fills_up_leaves_nothing_of_the_copy() {
    let cloud = cloud(3, 1_500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let copy = target(&sandbox, "copy.db");
    let whole = fs::metadata(sandbox.db()).unwrap().len() / 512;
    for blocks in [0, 1, 8, whole / 2, whole - 1] {
        let arguments = ["backup", copy.to_str().unwrap()];
        let run = on_a_full_disk(&sandbox, blocks, &arguments).end().exits(1);
        run.says("error: cannot").says("hint: ");
        assert!(
            left_beside(&sandbox).is_empty(),
            "{:?}",
            left_beside(&sandbox)
        );
    }
    sandbox.archive().equals(&cloud);
}

/// Creates an archive of version 1 with this many actions.
pub(crate) fn old_archive(sandbox: &Sandbox, actions: usize) {
    fs::create_dir_all(sandbox.db().parent().unwrap()).unwrap();
    let text = fs::read_to_string("tests/fixtures/archives/v1.sql").unwrap();
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.pragma_update(None, "foreign_keys", false).unwrap();
    archive.execute_batch(&text).unwrap();
    let more = format!(
        "WITH RECURSIVE ids (id) AS (SELECT 1000 UNION ALL SELECT id + 1 FROM ids LIMIT {actions})
         INSERT INTO actions (id, status, type, started_at, completed_at, first_seen_run)
         SELECT id, 'completed', 'reboot', '2020-07-20T12:00:00Z', '2020-07-20T15:00:00Z', 1 FROM ids"
    );
    archive.execute_batch(&more).unwrap();
}

#[test]
fn without_room_for_a_backup_there_is_no_upgrade_and_the_archive_stays_as_it_was() {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 5_000);
    let before = fs::read(sandbox.db()).unwrap();
    let whole = before.len() as u64 / 512;
    // The lock file must fit.
    for blocks in [1, whole / 2, whole - 1] {
        let run = on_a_full_disk(&sandbox, blocks, &["sync", "--all"]).end();
        let run = run
            .exits(1)
            .says("is not upgraded from schema version 1 to ");
        run.says("hint: make room for a second copy");
        assert!(fs::read(sandbox.db()).unwrap() == before, "it was changed");
        assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    }
}

#[test]
fn an_upgrade_is_said_with_the_way_back_which_is_its_owners_alone() {
    let cloud = cloud(1, 10);
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 1);
    let run = sandbox.sync(&cloud, &["--all"]);
    run.says("was upgraded from schema version 1 to ")
        .says("archive.db.v1.bak");
    let backup = sandbox.db().with_extension("db.v1.bak");
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(Archive::open(&backup).number("PRAGMA user_version"), 1);
    let run = sandbox.sync(&cloud, &["--all"]);
    run.never_says("upgraded");
}

/// Any reader with write access makes SQLite roll back the rest of a killed write.
fn take_back(sandbox: &Sandbox) {
    let archive = Connection::open(sandbox.db()).unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema";
    assert!(
        archive
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
            > 0
    );
}

/// True when the folder of the archive has a file with this ending and at least this length.
fn is_there(sandbox: &Sandbox, ending: &str, length: u64) -> bool {
    let folder = sandbox.db().parent().unwrap().to_owned();
    let mut entries = fs::read_dir(folder).unwrap();
    entries.any(|entry| {
        let entry = entry.unwrap();
        let is_named = entry.file_name().to_str().unwrap().ends_with(ending);
        // A file that is already gone did exist.
        is_named
            && entry
                .metadata()
                .map_or(length == 0, |it| it.len() >= length)
    })
}

/// A busy machine may notice an upgrade only after its end: then the test kills a longer one.
#[test]
fn an_upgrade_that_is_killed_at_any_moment_leaves_the_old_archive_or_the_new_one() {
    let mut sizes = [60_000, 240_000, 960_000].into_iter();
    assert!(
        sizes.any(|actions| versions_after_kills(actions).contains(&1)),
        "no kill came before the end"
    );
}

/// The versions of an archive of this many actions whose upgrade was killed: one for each moment.
fn versions_after_kills(actions: usize) -> Vec<i64> {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, actions);
    let old = fs::read(sandbox.db()).unwrap();
    let half = old.len() as u64 / 2;
    let mut versions = Vec::new();
    for (ending, length) in [
        (".lock", 0),
        (".partial", 0),
        (".partial", half),
        (".bak", 0),
        ("-journal", 0),
        ("-journal", 1),
        ("-journal", 20_000),
        ("-wal", 0),
    ] {
        fs::write(sandbox.db(), &old).unwrap();
        let mut command = sandbox.command(&["sync", "--all"]);
        command
            .env("DIGITALOCEAN_API_URL", "http://127.0.0.1:9")
            .env("DIGITALOCEAN_TOKEN", "unused");
        let mut sync = Running::start(command);
        until("the upgrade gets that far", || {
            is_there(&sandbox, ending, length) || sync.has_ended()
        });
        sync.kill();
        take_back(&sandbox);
        let archive = Archive::open(&sandbox.db());
        let version = archive.number("PRAGMA user_version");
        assert_eq!(
            archive.number("SELECT count(*) FROM actions") as usize,
            actions + 5
        );
        assert!([1, archiver::archive::LATEST_VERSION].contains(&version));
        let made =
            archive.number("SELECT count(*) FROM sqlite_schema WHERE name = 'listings_by_droplet'");
        assert_eq!(made, i64::from(version > 1), "half an upgrade");
        versions.push(version);
        drop(archive);
        for left in ["archive.db-journal", "archive.db-wal", "archive.db-shm"] {
            let _ = fs::remove_file(sandbox.db().with_file_name(left));
        }
    }
    versions
}
