//! Files that another user made, and folders that other users can read.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::account::cloud;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Running, until};
use crate::sandbox::Sandbox;

/// The archive of this account, changed by this SQL.
fn changed(cloud: &Cloud, sql: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.execute_batch(sql).unwrap();
    sandbox
}

#[test]
fn a_trigger_keeps_a_sync_from_writing_and_questions_from_nothing() {
    let cloud = cloud(3, 300);
    let trigger =
        "CREATE TRIGGER sneaky BEFORE INSERT ON sync_runs BEGIN DELETE FROM coverage; END";
    let sandbox = changed(&cloud, trigger);
    cloud.add_actions(5);
    let before = fs::read(sandbox.db()).unwrap();
    let run = sandbox.sync(&cloud, &["--all"]).exits(6);
    run.says("the trigger `sneaky` on `sync_runs` is not archiver's")
        .says("hint: ");
    assert!(fs::read(sandbox.db()).unwrap() == before);
    assert_eq!(sandbox.query(&["--count"]).exits(0).stdout, "300\n");
    let run = sandbox.run(&["verify"]).exits(6);
    assert!(run.stdout.contains("error: the trigger `sneaky`"), "{run}");
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.execute_batch("DROP TRIGGER sneaky").unwrap();
    drop(archive);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

/// SIGINT would work as well, but a background process of a shell ignores it.
const SIGTERM: i32 = 15;

const ENDLESS: &str = "CREATE VIEW endless AS
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS i FROM n;";

#[test]
fn a_view_that_never_ends_is_stopped_by_a_limit_or_by_a_signal() {
    let cloud = cloud(3, 300);
    let sandbox = changed(&cloud, ENDLESS);
    let question = ["sql", "SELECT * FROM endless"];
    let run = sandbox.run(&[&question[..], &["--timeout", "1s"]].concat());
    run.exits(1).says("--timeout 1s");
    let endless = Running::start(sandbox.command(&question));
    until("it computes", || has_computed(endless.id()));
    endless.signal("TERM");
    endless.end_within(Duration::from_secs(30)).dies_of(SIGTERM);
    // No sync asks for these.
    cloud.add_actions(5);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.run(&["verify"]).exits(0);
}

#[test]
fn a_view_of_the_archives_own_that_was_made_endless_can_be_stopped_too() {
    let cloud = cloud(3, 300);
    let sandbox = changed(
        &cloud,
        "DROP VIEW own_backups; CREATE VIEW own_backups AS
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         SELECT max(i) AS droplet_id, 1 AS action_id, 'backup' AS type, '2020-01-01T00:00:00Z' AS saved_at,
                '2020-01-01T00:00:00Z' AS started_at FROM n",
    );
    let report = Running::start(sandbox.command(&["report", "backup-gaps"]));
    until("it computes", || has_computed(report.id()));
    report.signal("TERM");
    report.end_within(Duration::from_secs(30)).dies_of(SIGTERM);
    sandbox
        .sync(&cloud, &["--all"])
        .exits(6)
        .says("`own_backups`");
}

/// True when a process has used the processor for a tenth of a second: it has begun its work.
fn has_computed(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let user: u64 = after_name
        .split_whitespace()
        .nth(11)
        .unwrap()
        .parse()
        .unwrap();
    user >= 10
}

#[test]
fn a_view_does_nothing_but_read() {
    let cloud = cloud(1, 30);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let secret = sandbox.folder().join("secret");
    fs::write(&secret, "a secret").unwrap();
    for (number, call) in [
        "load_extension('./x')",
        "writefile('written', 'x')",
        "readfile('secret')",
        "edit('x')",
        "fts3_tokenizer('simple')",
        "sqlite_log(1, 'x')",
        "(SELECT count(*) FROM fsdir('.'))",
        "(SELECT data FROM sqlite_dbpage)",
    ]
    .iter()
    .enumerate()
    {
        let archive = Connection::open(sandbox.db()).unwrap();
        let view = format!("CREATE VIEW view{number} AS SELECT {call} AS x");
        archive.execute_batch(&view).unwrap();
        drop(archive);
        let before = fs::read(sandbox.db()).unwrap();
        let run = sandbox.run(&["sql", &format!("SELECT * FROM view{number}")]);
        assert!(!run.status.success(), "{call}: {run}");
        run.never_says("a secret").says("error: ");
        assert!(fs::read(sandbox.db()).unwrap() == before, "{call}");
    }
    assert!(!sandbox.folder().join("written").exists());
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn what_is_no_file_is_refused_by_every_command_and_none_waits() {
    let cloud = cloud(1, 30);
    let sandbox = Sandbox::new();
    let pipe = sandbox.folder().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for (path, words) in [(pipe.as_path(), "FIFO"), (Path::new("/dev/null"), "device")] {
        let flags = ["--db", path.to_str().unwrap()];
        for command in ["query", "status", "verify"] {
            let run = sandbox.run(&[&[command][..], &flags].concat());
            run.exits(6).says(words).says("hint: ");
        }
        let backup = sandbox.run(&[&["backup", "copy.db"][..], &flags].concat());
        backup.exits(6).says(words);
        let sync = sandbox.sync(&cloud, &[&["--all"][..], &flags].concat());
        sync.exits(6).says(words).says("hint: ");
    }
    assert!(!Path::new("/dev/null-journal").exists());
    assert!(!Path::new("/dev/null.lock").exists());
}

#[test]
fn a_pipe_beside_an_archive_is_refused_by_every_command_and_none_waits() {
    let cloud = cloud(1, 30);
    for name in ["archive.db-journal", "archive.db-wal", "archive.db-shm"] {
        let sandbox = changed(&cloud, "");
        let pipe = sandbox.db().with_file_name(name);
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        for command in [
            &["query"][..],
            &["status"],
            &["verify"],
            &["backup", "copy"],
        ] {
            let run = sandbox.run(command).exits(1);
            run.says(name).says("FIFO").says("hint: ");
        }
        let sync = sandbox.sync(&cloud, &["--all"]).exits(1);
        sync.says(name).says("FIFO").says("hint: ");
        assert_eq!(sandbox.files_at_rest(), ["archive.db", name]);
    }
    let sandbox = changed(&cloud, "");
    let lock = sandbox.db().with_file_name("archive.db.lock");
    assert!(Command::new("mkfifo").arg(lock).status().unwrap().success());
    sandbox.run(&["status"]).exits(0);
}

#[test]
fn a_link_in_the_place_of_the_lock_is_refused_and_what_it_leads_to_stays() {
    let cloud = cloud(1, 30);
    let sandbox = changed(&cloud, "");
    let precious = sandbox.folder().join("precious");
    fs::write(&precious, "all of it").unwrap();
    symlink(&precious, sandbox.db().with_extension("db.lock")).unwrap();
    sandbox
        .sync(&cloud, &["--all"])
        .exits(1)
        .says("archive.db.lock");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "all of it");
}

/// Records the current permissions of every file in the folder.
fn look(folder: &Path, seen: &mut BTreeMap<String, u32>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        // A file that is already gone was recorded before, or the next call records it.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let name = entry.file_name().into_string().unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        // An unfinished copy has a random name.
        let name = if name.ends_with(".partial") {
            "partial".to_owned()
        } else {
            name
        };
        *seen.entry(name).or_insert(0) |= mode;
    }
}

#[test]
fn at_every_moment_every_file_is_its_owners_alone_whatever_the_umask() {
    for umask in ["000", "777"] {
        let cloud = cloud(3, 3_000);
        cloud.break_with(FaultRule::new(Fault::Hold).page(9));
        let sandbox = Sandbox::new();
        let folder = sandbox.db().parent().unwrap().to_owned();
        if umask == "777" {
            // No user could enter a folder that is created with this umask.
            fs::create_dir_all(&folder).unwrap();
        }
        let script = format!("umask {umask}; \"$0\" sync --all && exec \"$0\" backup data/copy.db");
        let mut command = sandbox.command_of("sh", &["-c", &script]);
        command
            .arg(env!("CARGO_BIN_EXE_archiver"))
            .env("DIGITALOCEAN_API_URL", cloud.url())
            .env("DIGITALOCEAN_TOKEN", cloud.token());
        let mut running = Running::start(command);
        let mut seen = BTreeMap::new();
        while !running.has_ended() {
            look(&folder, &mut seen);
            let is_seen = |ending| seen.contains_key(&format!("archive.db{ending}"));
            if ["", "-wal", "-shm", ".lock"].into_iter().all(is_seen) {
                cloud.clear_faults();
                cloud.release();
            }
        }
        running.end().exits(0);
        look(&folder, &mut seen);
        for name in [
            "archive.db",
            "archive.db-wal",
            "archive.db-shm",
            "archive.db.lock",
            "copy.db",
        ] {
            assert!(seen.contains_key(name), "never seen: {name} of {seen:?}");
        }
        let others: Vec<_> = seen
            .iter()
            .filter(|(_, mode)| **mode & 0o077 != 0)
            .collect();
        assert!(others.is_empty(), "others could look: {others:?}");
        let at_rest: Vec<_> = ["archive.db", "copy.db"]
            .iter()
            .map(|name| seen[*name])
            .collect();
        assert_eq!(at_rest, [0o600, 0o600], "umask {umask}");
        if umask == "000" {
            let mode = fs::metadata(&folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o022, 0, "others could put another archive there");
        }
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn a_pipe_in_the_place_of_a_configuration_or_a_report_keeps_nobody_waiting() {
    let cloud = cloud(1, 30);
    let sandbox = changed(&cloud, "");
    let sandbox = sandbox.configured("");
    let make_pipe = |path: &Path| {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    make_pipe(&sandbox.config_file().with_file_name("mine.sql"));
    let run = sandbox.run(&["report"]).exits(0);
    run.says("mine.sql").says("it is a FIFO, not a file");
    fs::remove_file(sandbox.config_file()).unwrap();
    make_pipe(&sandbox.config_file());
    sandbox.query(&[]).exits(2).says("is a FIFO, not a file");
}
