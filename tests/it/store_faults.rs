//! Files that are not an archive, or that cannot be written: the program refuses each with a message, and leaves it as
//! it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;

use crate::account::cloud;
use crate::asked::requests_for;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, Running, until};
use crate::sandbox::Sandbox;

fn small_cloud() -> Cloud {
    cloud(3, 600)
}

/// A sandbox with a file in the place of the archive, made by `make`.
fn with_file(make: impl FnOnce(&Path)) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.db().parent().unwrap()).unwrap();
    make(&sandbox.db());
    sandbox
}

/// A sandbox whose complete archive was changed by `change`.
fn with_changed_archive(cloud: &Cloud, change: impl FnOnce(&Path)) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    change(&sandbox.db());
    sandbox
}

/// A sync and a query refuse the file. Both say why and what to do, and no byte of the file changes.
#[track_caller]
fn is_refused_untouched(sandbox: &Sandbox, cloud: &Cloud, words: &str, hint: &str) {
    let before = fs::read(sandbox.db()).unwrap();
    for run in [sandbox.sync(cloud, &["--all"]), sandbox.query(&[])] {
        let run = run.exits(6).says(words).says("hint: ").says(hint);
        assert_eq!(run.stdout, "");
    }
    assert!(fs::read(sandbox.db()).unwrap() == before, "it was changed");
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    for text in ["Dear diary,\n", &"not a database\n".repeat(1_000), "\0"] {
        let sandbox = with_file(|path| fs::write(path, text).unwrap());
        is_refused_untouched(&sandbox, &small_cloud(), "not a SQLite", "keep the file");
    }
}

#[test]
fn a_database_of_another_application_is_left_alone() {
    let sandbox = with_file(|path| {
        let other = Connection::open(path).unwrap();
        other
            .execute_batch("CREATE TABLE bookmarks (url TEXT)")
            .unwrap();
    });
    let words = "database of another application";
    is_refused_untouched(&sandbox, &small_cloud(), words, "--db");
}

#[test]
fn an_archive_of_a_newer_version_is_left_alone() {
    let cloud = small_cloud();
    let sandbox = with_changed_archive(&cloud, |path| {
        let archive = Connection::open(path).unwrap();
        archive.pragma_update(None, "user_version", 99).unwrap();
    });
    is_refused_untouched(&sandbox, &cloud, "schema version 99", "latest archiver");
}

#[test]
fn an_archive_of_a_version_that_there_never_was_is_left_alone() {
    let cloud = small_cloud();
    for version in [-1, 0] {
        let sandbox = with_changed_archive(&cloud, |path| {
            let archive = Connection::open(path).unwrap();
            archive
                .pragma_update(None, "user_version", version)
                .unwrap();
        });
        let words = format!("its schema version is {version}, which no archive has");
        is_refused_untouched(&sandbox, &cloud, &words, "keep the file");
        sandbox.run(&["verify"]).exits(6).says(&words);
    }
}

#[test]
fn a_link_that_leads_nowhere_is_said_to() {
    let cloud = small_cloud();
    let sandbox =
        with_file(|path| std::os::unix::fs::symlink("unmounted/archive.db", path).unwrap());
    for run in [sandbox.sync(&cloud, &["--all"]), sandbox.query(&[])] {
        run.exits(6)
            .says("is a link to unmounted/archive.db")
            .says("hint: ");
    }
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn an_archive_that_was_cut_short_is_left_alone() {
    let cloud = small_cloud();
    for part in [2, 10, 500] {
        let sandbox = with_changed_archive(&cloud, |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / part]).unwrap();
        });
        is_refused_untouched(&sandbox, &cloud, "not a readable archive", "backup");
    }
}

#[test]
fn a_page_of_garbage_is_damage_and_said_to_be() {
    let cloud = small_cloud();
    let sandbox = with_changed_archive(&cloud, |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[4_096..].fill(0xa5);
        fs::write(path, bytes).unwrap();
    });
    for run in [sandbox.query(&[]), sandbox.sync(&cloud, &["--all"])] {
        run.exits(6).says("malformed");
    }
}

#[test]
fn a_folder_is_no_archive() {
    let sandbox = with_file(|path| fs::create_dir(path).unwrap());
    for run in [sandbox.sync(&small_cloud(), &["--all"]), sandbox.query(&[])] {
        run.exits(6)
            .says("archive.db")
            .says("directory")
            .says("hint: ");
    }
}

#[test]
fn an_empty_file_becomes_an_archive_and_until_then_is_none() {
    let cloud = small_cloud();
    let sandbox = with_file(|path| fs::write(path, "").unwrap());
    sandbox.query(&[]).exits(6).says("there is no archive");
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_path_below_a_file_is_refused_with_a_hint_at_the_path() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.folder().join("file"), "").unwrap();
    let path = sandbox.folder().join("file/archive.db");
    let flags = ["--db", path.to_str().unwrap()];
    let run = sandbox.sync(&small_cloud(), &flags).exits(1);
    run.says("cannot create").says("hint: check the path");
    sandbox.query(&flags).exits(1).says("cannot read");
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "a test that proves nothing should say so"
)]
fn a_folder_that_cannot_be_written_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    let folder = sandbox.db().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user writes to read-only folders (root does)");
        return;
    }
    let run = sandbox.sync(&small_cloud(), &["--all"]).exits(1);
    run.says("Permission denied").says("hint: check the path");
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "a test that proves nothing should say so"
)]
fn an_archive_in_wal_mode_that_cannot_have_its_log_is_said_to_be_one() {
    let sandbox = with_changed_archive(&small_cloud(), |path| {
        let archive = Connection::open(path).unwrap();
        let mode = archive.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()));
        mode.unwrap();
    });
    let folder = sandbox.db().parent().unwrap().to_owned();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user writes to read-only folders (root does)");
        return;
    }
    let run = sandbox.query(&[]).exits(1).says("it is in WAL mode");
    run.says("`archiver sync`")
        .says("'PRAGMA journal_mode = delete'");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.query(&[]).exits(0);
}

/// Runs a sync that may not write a file longer than this many blocks of 512 bytes.
fn sync_on_a_full_disk(sandbox: &Sandbox, cloud: &Cloud, before: &str, blocks: u32) -> Run {
    let script = format!("{before} ulimit -f {blocks}; exec \"$0\" sync --all");
    let mut command = sandbox.command_of("sh", &["-c", &script]);
    command
        .arg(env!("CARGO_BIN_EXE_archiver"))
        .env("DIGITALOCEAN_API_URL", cloud.url())
        .env("DIGITALOCEAN_TOKEN", cloud.token());
    Running::start(command).end()
}

#[test]
fn a_disk_that_fills_up_is_said_and_costs_nothing_that_was_archived() {
    let cloud = cloud(3, 3_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let known = cloud.actions();
    cloud.add_actions(3_000);
    for blocks in [0, 1, 70, 300, 700] {
        let run = sync_on_a_full_disk(&sandbox, &cloud, "trap '' XFSZ;", blocks).exits(1);
        run.says("error: cannot").says("hint: ");
        sandbox.archive().holds(known.clone());
    }
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn a_new_archive_on_a_full_disk_is_no_obstacle_once_there_is_room() {
    let cloud = small_cloud();
    let sandbox = Sandbox::new();
    for blocks in [0, 8, 40, 120] {
        sync_on_a_full_disk(&sandbox, &cloud, "trap '' XFSZ;", blocks)
            .exits(1)
            .says("error: ");
        let left = sandbox.files_at_rest();
        assert!(left.is_empty(), "after {blocks} blocks: {left:?}");
    }
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_sync_that_the_system_kills_for_writing_leaves_a_sound_archive() {
    const SIGXFSZ: i32 = 25;
    let cloud = cloud(3, 3_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let known = cloud.actions();
    cloud.add_actions(3_000);
    sync_on_a_full_disk(&sandbox, &cloud, "", 300).dies_of(SIGXFSZ);
    sandbox.archive().holds(known);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn an_archive_that_another_program_keeps_locked_is_waited_for() {
    let cloud = small_cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.add_actions(5);
    let other = Connection::open(sandbox.db()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    let lock = sandbox.db().with_extension("db.lock");
    until("the sync is about to open the archive", || lock.exists());
    other.execute_batch("COMMIT").unwrap();
    sync.end().exits(0).silently();
    drop(other);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_clock_that_jumped_between_two_syncs_does_no_harm() {
    for then in ["1970-01-01T00:00:00Z", "2099-12-31T23:59:59Z"] {
        let cloud = small_cloud();
        let sandbox = with_changed_archive(&cloud, |path| {
            let archive = Connection::open(path).unwrap();
            let jumped = format!(
                "UPDATE sync_runs SET started_at = '{then}', finished_at = '{then}';
                 UPDATE listings SET complete_at = '{then}';
                 UPDATE regions SET first_seen_at = '{then}', last_seen_at = '{then}';
                 UPDATE region_sizes SET first_seen_at = '{then}', last_seen_at = '{then}';
                 UPDATE droplets SET first_seen_at = '{then}'"
            );
            archive.execute_batch(&jumped).unwrap();
        });
        cloud.add_actions(250);
        let run = sandbox.sync(&cloud, &["--all"]).exits(0);
        assert_eq!(run.stderr, "");
        sandbox.archive().equals(&cloud);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn an_archive_that_is_deleted_or_replaced_while_a_sync_writes_to_it_is_no_success() {
    let cloud = small_cloud();
    cloud.break_with(FaultRule::new(Fault::Hold).path("/v2/droplets"));
    for is_replaced in [false, true] {
        let sandbox = Sandbox::new();
        cloud.clear_requests();
        let sync = sandbox.start_sync(&cloud, &["--all"]);
        until("all pages are read", || {
            requests_for(&cloud, "/v2/droplets") > 0
        });
        fs::remove_file(sandbox.db()).unwrap();
        if is_replaced {
            fs::write(sandbox.db(), "").unwrap();
        }
        cloud.release();
        let run = sync
            .end()
            .exits(6)
            .says("was moved, deleted or replaced during a sync");
        run.says("hint: put the file back");
        assert_eq!(sandbox.db().exists(), is_replaced);
        // The next sync works: the remaining log does not belong to another archive.
        cloud.clear_faults();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);
        cloud.break_with(FaultRule::new(Fault::Hold).path("/v2/droplets"));
    }
    cloud.clear_faults();
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all", "-v"]).exits(0);
    run.says("starting a new archive at ");
    sandbox.archive().equals(&cloud);
    let run = sandbox.sync(&cloud, &["--all", "-v"]).exits(0);
    run.never_says("starting a new archive");
}
