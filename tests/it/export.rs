//! `archiver export`, as those see it who read the files: with the `parquet` crate, and with DuckDB.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use rusqlite::Connection;

use crate::account::cloud;
use crate::process::{Run, Running, until};
use crate::sandbox::{Sandbox, files_below};

fn synced(droplets: usize, actions: usize) -> Sandbox {
    let cloud = cloud(droplets, actions);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox
}

fn lake(sandbox: &Sandbox) -> PathBuf {
    sandbox.folder().join("lake")
}

fn export(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(&[&["export", "lake"], flags].concat())
}

fn change(sandbox: &Sandbox, sql: &str) {
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.execute_batch(sql).unwrap();
}

/// The month and the fields of each action in the files.
fn actions(lake: &Path) -> BTreeMap<i64, (String, BTreeMap<String, Field>)> {
    let mut actions = BTreeMap::new();
    for path in files_below(&lake.join("actions")) {
        let month = path.parent().unwrap().file_name().unwrap();
        let month = month.to_str().unwrap().strip_prefix("month=").unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            let fields: BTreeMap<_, _> = row.unwrap().into_columns().into_iter().collect();
            let Field::Long(id) = fields["id"] else {
                panic!("{fields:?}")
            };
            let other = actions.insert(id, (month.to_owned(), fields));
            assert!(other.is_none(), "{id} is in two files");
        }
    }
    actions
}

/// The months of all actions by id, as the archive has them.
fn months(sandbox: &Sandbox) -> BTreeMap<i64, String> {
    let archive = Connection::open(sandbox.db()).unwrap();
    let sql = "SELECT id, coalesce(substr(started_at, 1, 7), '1970-01') || '-01' FROM actions";
    let mut statement = archive.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn manifest(lake: &Path) -> serde_json::Value {
    let text = fs::read_to_string(lake.join("_manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn shows_each_action_once(sandbox: &Sandbox) {
    let found = actions(&lake(sandbox)).into_iter();
    let found: BTreeMap<_, _> = found.map(|(id, (month, _))| (id, month)).collect();
    assert_eq!(found, months(sandbox));
    export(sandbox, &["--check"]).exits(0).silently();
}

/// Each file with what changes when it is written again.
fn identities(lake: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let files = files_below(lake).into_iter();
    let identity = |path: &Path| {
        let file = fs::metadata(path).unwrap();
        (file.ino(), file.mtime(), file.mtime_nsec())
    };
    files.map(|path| (path.clone(), identity(&path))).collect()
}

#[test]
fn every_action_is_in_the_file_of_its_month_with_typed_columns() {
    let sandbox = synced(5, 700);
    change(
        &sandbox,
        "UPDATE actions SET started_at = NULL WHERE id = (SELECT min(id) FROM actions)",
    );
    export(&sandbox, &[]).exits(0).silently();
    shows_each_action_once(&sandbox);
    let archive = sandbox.archive();
    let (_, (_, fields)) = actions(&lake(&sandbox)).pop_last().unwrap();
    let newest = "FROM actions ORDER BY id DESC LIMIT 1";
    let started: i64 = archive.number(&format!("SELECT unixepoch(started_at) {newest}"));
    assert_eq!(
        fields["started_at"],
        Field::TimestampMicros(started * 1_000_000)
    );
    let kind: String = archive.value(&format!("SELECT type {newest}"));
    assert_eq!(fields["type"], Field::Str(kind));
    assert_eq!(fields["extra"], Field::Null);
    assert!(!fields.contains_key("month"), "it is the partition's");
    let files: Vec<_> = files_below(&lake(&sandbox));
    for table in [
        "droplets",
        "regions",
        "region_features",
        "region_sizes",
        "sync_runs",
    ] {
        let path = lake(&sandbox).join(format!("{table}/{table}.parquet"));
        assert!(files.contains(&path), "{files:?}");
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        let rows = archive.number(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(
            reader.metadata().file_metadata().num_rows(),
            rows,
            "{table}"
        );
    }
}

#[test]
fn a_second_export_writes_the_months_that_changed_and_nothing_when_none_did() {
    let sandbox = synced(5, 700);
    export(&sandbox, &[]).exits(0);
    let before = identities(&lake(&sandbox));
    export(&sandbox, &["-v"]).exits(0).says(": 0 files written");
    assert_eq!(identities(&lake(&sandbox)), before);
    // A late end, in the oldest month.
    let late = "UPDATE actions SET completed_at = '2030-01-01T00:00:00Z'
                 WHERE id = (SELECT id FROM actions ORDER BY started_at LIMIT 1)";
    change(&sandbox, late);
    export(&sandbox, &["-v"]).exits(0).says(": 1 file written");
    let after = identities(&lake(&sandbox));
    let changed = after
        .iter()
        .filter(|(path, it)| before.get(*path) != Some(it));
    let changed: Vec<_> = changed.map(|(path, _)| path.file_name().unwrap()).collect();
    assert_eq!(changed, ["_manifest.json", "actions.parquet"]);
    shows_each_action_once(&sandbox);
}

#[test]
fn an_action_that_gets_a_start_moves_to_its_month() {
    let sandbox = synced(5, 300);
    change(
        &sandbox,
        "UPDATE actions SET started_at = NULL WHERE id % 7 = 0",
    );
    export(&sandbox, &[]).exits(0);
    shows_each_action_once(&sandbox);
    change(
        &sandbox,
        "UPDATE actions SET started_at = '2031-05-06T07:08:09Z' WHERE started_at IS NULL",
    );
    export(&sandbox, &[]).exits(0);
    shows_each_action_once(&sandbox);
    assert!(
        lake(&sandbox)
            .join("actions/month=2031-05-01/actions.parquet")
            .exists()
    );
    assert!(!lake(&sandbox).join("actions/month=1970-01-01").exists());
}

#[test]
fn what_is_no_time_is_null_and_said() {
    let sandbox = synced(5, 300);
    let texts = [
        "soon",
        "",
        "2020-13-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ];
    for (number, text) in texts.iter().enumerate() {
        let id = format!("(SELECT id FROM actions ORDER BY id LIMIT 1 OFFSET {number})");
        change(
            &sandbox,
            &format!("UPDATE actions SET started_at = '{text}' WHERE id = {id}"),
        );
    }
    export(&sandbox, &[])
        .exits(0)
        .says("3 cells of the archive");
    let found = actions(&lake(&sandbox));
    let months_of = |is_null: bool| {
        let of = found.values().filter(|(month, fields)| {
            (fields["started_at"] == Field::Null) == is_null && (is_null || month == "1970-01-01")
        });
        let mut months: Vec<_> = of.map(|(month, _)| month.as_str()).collect();
        months.sort_unstable();
        months
    };
    // As a text, a thirteenth month comes after the twelfth.
    let null = ["1970-01-01", "1970-01-01", "2020-12-01"];
    assert_eq!(months_of(true), null);
    assert_eq!(months_of(false), ["1970-01-01"; 2], "the years 1 and 9999");
    assert_eq!(found.len(), months(&sandbox).len());
}

#[test]
fn an_export_that_is_killed_at_any_moment_shows_the_archive_as_before_or_after() {
    let sandbox = synced(20, 3_000);
    export(&sandbox, &[]).exits(0);
    for round in 0..12 {
        let before = months(&sandbox);
        let moved = format!(
            "UPDATE actions SET started_at = '2031-{:02}-06T07:08:09Z' WHERE id % 5 = {}",
            round + 1,
            round % 5
        );
        change(&sandbox, &moved);
        let mut run = Running::start(sandbox.command(&["export", "lake"]));
        let staged = lake(&sandbox).join(".archiver-export/new/actions");
        let begun = |staged: &Path| fs::read_dir(staged).map_or(0, Iterator::count);
        until("the export has begun these months, or ended", || {
            begun(&staged) > round || run.has_ended()
        });
        run.kill();
        let found = actions(&lake(&sandbox)).into_iter();
        let found: BTreeMap<_, _> = found.map(|(id, (month, _))| (id, month)).collect();
        assert!(
            found == before || found == months(&sandbox),
            "round {round}"
        );
        export(&sandbox, &["--check"]).exits(0);
        export(&sandbox, &[]).exits(0);
        shows_each_action_once(&sandbox);
        assert!(!lake(&sandbox).join(".archiver-export").exists());
    }
}

#[test]
fn a_disk_that_fills_up_leaves_the_folder_as_before() {
    let sandbox = synced(5, 3_000);
    export(&sandbox, &[]).exits(0);
    let before = identities(&lake(&sandbox));
    change(&sandbox, "UPDATE actions SET completed_at = started_at");
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" export lake";
    let mut command = sandbox.command_of("sh", &["-c", script]);
    command.arg(env!("CARGO_BIN_EXE_archiver"));
    Running::start(command)
        .end()
        .exits(1)
        .says("error: cannot write");
    assert_eq!(identities(&lake(&sandbox)), before);
    export(&sandbox, &["--check"]).exits(0).silently();
}

#[test]
fn a_folder_of_something_else_or_of_somebody_else_is_refused() {
    let sandbox = synced(5, 100);
    fs::create_dir(lake(&sandbox)).unwrap();
    fs::write(lake(&sandbox).join("thesis.txt"), "all of it").unwrap();
    export(&sandbox, &[])
        .exits(2)
        .says("thesis.txt")
        .says("hint: ");
    fs::remove_file(lake(&sandbox).join("thesis.txt")).unwrap();
    export(&sandbox, &["--as", "a/b"]).exits(2);
    export(&sandbox, &[]).exits(0);
    export(&sandbox, &["--as", "a"])
        .exits(2)
        .says("without the name");
    change(
        &sandbox,
        "INSERT OR IGNORE INTO account (id, token_salt) VALUES (1, 'salt');
         UPDATE account SET team_uuid = 'theirs'",
    );
    let known = actions(&lake(&sandbox)).len();
    export(&sandbox, &[]);
    change(
        &sandbox,
        "UPDATE account SET team_uuid = 'ours'; UPDATE actions SET status = 'errored'",
    );
    export(&sandbox, &[]).exits(2).says("another history");
    assert_eq!(actions(&lake(&sandbox)).len(), known);
    fs::write(sandbox.folder().join("file"), "").unwrap();
    sandbox
        .run(&["export", "file"])
        .exits(2)
        .says("hint: choose another folder");
    sandbox
        .run(&["export", "no/such/folder"])
        .exits(2)
        .says("there is no folder");
}

#[test]
fn an_archive_that_is_incomplete_is_said_to_be_and_refused_where_that_matters() {
    let sandbox = synced(5, 100);
    let later = "INSERT INTO sync_runs (id, started_at, finished_at, scope, outcome, message, version)
                 VALUES (9, '2031-01-01T00:00:00Z', '2031-01-01T00:00:01Z', 'account', 'partial', 'a page', '1');
                 DELETE FROM coverage";
    change(&sandbox, later);
    let run = export(&sandbox, &["--require-complete"]).exits(3);
    run.says("archive incomplete: ");
    assert!(!lake(&sandbox).exists());
    export(&sandbox, &[]).exits(0).says("archive incomplete: ");
    let archive = &manifest(&lake(&sandbox))["archives"][0];
    assert_eq!(archive["is_complete"], false);
    assert_eq!(archive["complete_up_to"]["sync_run"], 1);
    Sandbox::new().run(&["export", "lake"]).exits(6);
}

#[test]
fn several_archives_in_one_folder_are_one_table() {
    let (one, other) = (synced(5, 200), synced(7, 300));
    export(&one, &["--as", "one"]).exits(0);
    let shared = lake(&one);
    let shared = shared.to_str().unwrap();
    other.run(&["export", shared, "--as", "other"]).exits(0);
    let files = files_below(Path::new(shared));
    for path in [
        "droplets/account=one/droplets.parquet",
        "droplets/account=other/droplets.parquet",
    ] {
        assert!(files.contains(&Path::new(shared).join(path)), "{files:?}");
    }
    let before = identities(Path::new(shared));
    export(&one, &["--as", "one"]).exits(0);
    assert_eq!(identities(Path::new(shared)), before);
    export(&one, &["--check"]).exits(0).silently();
    export(&one, &[])
        .exits(2)
        .says("hint: name this one with --as NAME");
}

#[test]
fn a_file_that_was_changed_is_named_by_the_check() {
    let sandbox = synced(5, 100);
    export(&sandbox, &["--check"])
        .exits(2)
        .says("holds no export");
    export(&sandbox, &[]).exits(0);
    let path = lake(&sandbox).join("droplets/droplets.parquet");
    let mut bytes = fs::read(&path).unwrap();
    bytes[9] ^= 1;
    fs::write(&path, bytes).unwrap();
    let run = export(&sandbox, &["--check"]).exits(1);
    run.says("droplets/droplets.parquet: has other bytes");
    export(&sandbox, &["-v"]).exits(0).says(": 1 file written");
    export(&sandbox, &["--check"]).exits(0).silently();
}

#[test]
fn a_manifest_that_this_version_does_not_understand_is_refused_and_stays() {
    let sandbox = synced(5, 100);
    export(&sandbox, &[]).exits(0);
    let path = lake(&sandbox).join("_manifest.json");
    let before = fs::read(&path).unwrap();
    let newer = r#"{"format": 7, "tables": {}}"#;
    for (text, what) in [(newer, "a newer archiver wrote"), ("{\"for", "cannot read")] {
        fs::write(&path, text).unwrap();
        for flags in [&[][..], &["--check"]] {
            export(&sandbox, flags).exits(2).says(what).says("hint: ");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::remove_file(&path).unwrap();
    export(&sandbox, &[]).exits(2).says("no _manifest.json");
    fs::write(&path, before).unwrap();
    export(&sandbox, &["-v"]).exits(0).says(": 0 files written");
}

#[test]
fn an_action_that_goes_or_whose_droplet_gets_a_name_changes_its_month() {
    let sandbox = synced(5, 300);
    export(&sandbox, &[]).exits(0);
    change(
        &sandbox,
        "DELETE FROM actions WHERE id = (
             SELECT max(id) FROM actions GROUP BY substr(started_at, 1, 7) ORDER BY count(*) DESC LIMIT 1)",
    );
    export(&sandbox, &["-v"]).exits(0).says(": 1 file written");
    shows_each_action_once(&sandbox);
    change(
        &sandbox,
        "UPDATE droplets SET name = 'it''s \"web\"' || char(10, 233)",
    );
    export(&sandbox, &[]).exits(0);
    let (_, (_, newest)) = actions(&lake(&sandbox)).pop_last().unwrap();
    assert_eq!(
        newest["droplet_name"],
        Field::Str("it's \"web\"\né".to_owned())
    );
    change(&sandbox, "DELETE FROM actions");
    export(&sandbox, &[]).exits(0);
    shows_each_action_once(&sandbox);
    let left = files_below(&lake(&sandbox).join("actions"));
    assert_eq!(
        left,
        [lake(&sandbox).join("actions/month=1970-01-01/actions.parquet")]
    );
}

/// Python with the module `duckdb`: of `.ci/run`, or of the system. `None` where there is none.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[expect(
    clippy::disallowed_methods,
    reason = "only a test asks whether it runs in CI"
)]
fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_archiver")).ancestors().nth(2);
    let own = target.unwrap().join("engines/bin/python3");
    for python in [own, "python3".into()] {
        let has_duckdb = Command::new(&python).args(["-c", "import duckdb"]).output();
        if has_duckdb.is_ok_and(|it| it.status.success()) {
            return Some(python);
        }
    }
    let missing = "no Python on this machine has the module duckdb: see `engines` in .ci/run";
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "CI must not skip: {missing}");
    eprintln!("skipped: {missing}");
    None
}

#[test]
fn duckdb_reads_what_is_in_the_archive() {
    let Some(python) = python() else { return };
    let sandbox = synced(50, 12_000);
    change(
        &sandbox,
        "UPDATE actions SET started_at = NULL WHERE id % 101 = 0",
    );
    export(&sandbox, &[]).exits(0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/same.py");
    let db = sandbox.db();
    let mut command = sandbox.command_of(python.to_str().unwrap(), &[script, "duckdb", "lake"]);
    command.arg(db);
    let run = Running::start(command).end().exits(0);
    assert!(
        run.stdout.contains("duckdb: rows: 10000 rows are equal"),
        "{run}"
    );
}
