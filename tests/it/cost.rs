//! The cost of a sync for the machine, as far as it can be counted: bytes written, rows written, memory.
//!
//! The debug binary has the same counts as the released one. `cargo bench` measures times.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use rusqlite::Connection;

use crate::account::settled_cloud;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Cost, until};
use crate::sandbox::Sandbox;

/// 110 requests: below the limit per minute, which the binary always keeps.
const MANY: usize = 20_000;

/// The cost of a first sync, if the system reports it, and the size of the archive.
fn first_sync(cloud: &Cloud, sandbox: &Sandbox, flags: &[&str]) -> (Option<Cost>, u64) {
    let (run, cost) = sandbox.start_sync(cloud, flags).end_with_cost();
    run.exits(0);
    (cost, fs::metadata(sandbox.db()).unwrap().len())
}

fn told(cost: Option<Cost>) -> Option<Cost> {
    if cost.is_none() {
        #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!("skipped: this system has no /proc/PID/io");
        }
    }
    cost
}

/// The ids of all droplets, in the form of a flag's value.
fn all_droplets(cloud: &Cloud) -> String {
    let ids: Vec<_> = cloud
        .droplets()
        .iter()
        .map(|it| it.id.to_string())
        .collect();
    ids.join(",")
}

/// An archive to which a sync adds nothing.
fn up_to_date(cloud: &Cloud, flags: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.sync(cloud, flags).exits(0);
    }
    sandbox
}

#[test]
fn a_first_sync_of_the_account_writes_four_times_the_archive_at_most() {
    let cloud = settled_cloud(20, MANY);
    let (cost, size) = first_sync(&cloud, &Sandbox::new(), &["--all"]);
    let Some(cost) = told(cost) else { return };
    assert!(cost.written_bytes <= 4 * size, "{cost:?} for {size}");
}

/// The number of pages per commit depends on the speed of answers: on a busy machine, it is smaller.
#[test]
fn a_first_sync_of_droplets_writes_twenty_times_the_archive_at_most() {
    let cloud = settled_cloud(40, 25_000);
    let ids = all_droplets(&cloud);
    let sandbox = Sandbox::new();
    let (cost, size) = first_sync(&cloud, &sandbox, &["--droplet", &ids]);
    let archive = sandbox.archive();
    for droplet in cloud.droplets() {
        archive.holds(cloud.actions_of(droplet.id));
    }
    assert_eq!(archive.last_run().inserted, archive.actions().len() as i64);
    let Some(cost) = told(cost) else { return };
    assert!(cost.written_bytes <= 20 * size, "{cost:?} for {size}");
}

#[test]
fn a_first_sync_four_times_as_long_takes_no_more_memory() {
    let [short, long] = [MANY / 4, MANY].map(|actions| {
        let cloud = settled_cloud(20, actions);
        first_sync(&cloud, &Sandbox::new(), &["--all"]).0
    });
    let (Some(short), Some(long)) = (told(short), told(long)) else {
        return;
    };
    assert!(
        long.most_memory_bytes * 100 <= short.most_memory_bytes * 115,
        "{short:?} {long:?}"
    );
}

/// The content of each page of the file.
fn pages(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let bytes = fs::read(sandbox.db()).unwrap();
    bytes.chunks(4096).map(<[u8]>::to_vec).collect()
}

/// The table or index that owns each page.
fn owners(sandbox: &Sandbox) -> BTreeMap<usize, String> {
    let archive = Connection::open(sandbox.db()).unwrap();
    let mut statement = archive.prepare("SELECT pageno, name FROM dbstat").unwrap();
    let owners = statement.query_map([], |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?)));
    owners.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_sync_with_nothing_new_writes_no_byte_of_the_actions_and_their_indexes() {
    let cloud = settled_cloud(20, 3_000);
    for flags in [&["--all"][..], &["--droplet", &all_droplets(&cloud)]] {
        let sandbox = up_to_date(&cloud, flags);
        let before = pages(&sandbox);
        sandbox.sync(&cloud, flags).exits(0);
        let (after, owners) = (pages(&sandbox), owners(&sandbox));
        assert_eq!(before.len(), after.len());
        let changed = (0..after.len()).filter(|page| before[*page] != after[*page]);
        let changed: BTreeSet<_> = changed.map(|page| owners[&(page + 1)].as_str()).collect();
        let expected = ["listings", "sqlite_schema", "sync_runs"];
        assert!(
            changed.iter().all(|it| expected.contains(it)),
            "{changed:?}"
        );
    }
}

/// Makes the archive count every later write of a row, by table. A sync refuses an archive with triggers, so the test
/// adds them after the sync has begun.
fn count_written_rows(sandbox: &Sandbox) {
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.busy_timeout(Duration::from_secs(60)).unwrap();
    let mut statement = archive
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .unwrap();
    let tables = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    let mut sql = "BEGIN IMMEDIATE; CREATE TABLE written (what TEXT);".to_owned();
    for table in tables.map(Result::unwrap) {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            sql += &format!(
                "CREATE TRIGGER {table}_{change} AFTER {change} ON {table}
                 BEGIN INSERT INTO written VALUES ('{change} {table}'); END;"
            );
        }
    }
    archive.execute_batch(&(sql + "COMMIT")).unwrap();
}

fn syncs(sandbox: &Sandbox) -> i64 {
    let archive = Connection::open(sandbox.db()).unwrap();
    let sql = "SELECT count(*) FROM sync_runs";
    archive.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_sync_with_nothing_new_writes_four_rows_at_most() {
    let cloud = settled_cloud(20, 3_000);
    for flags in [&["--all"][..], &["--droplet", &all_droplets(&cloud)]] {
        let sandbox = up_to_date(&cloud, flags);
        let before = syncs(&sandbox);
        // The triggers exist before the first answer.
        cloud.break_with(FaultRule::new(Fault::Hold));
        let sync = sandbox.start_sync(&cloud, flags);
        until("the sync has begun", || syncs(&sandbox) > before);
        count_written_rows(&sandbox);
        cloud.clear_faults();
        cloud.release();
        sync.end().exits(0);
        let written = sandbox.archive().texts("SELECT what FROM written");
        // The row of the sync run existed before the triggers.
        assert!((1..=3).contains(&written.len()), "{written:?}");
    }
}
