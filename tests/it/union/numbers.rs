//! Counts, percentiles and SQL over several accounts.

use std::collections::BTreeMap;

use super::{NAMES, Row, archive, one_by_one, rows, three};

fn number(row: &Row, column: &str) -> i64 {
    row[column].as_i64().unwrap()
}

#[test]
fn groups_are_those_of_all_actions() {
    let sandbox = three();
    for by in [
        "type",
        "month",
        "region,type",
        "account",
        "month,account",
        "droplet",
    ] {
        let columns: &[&str] = match by {
            "region,type" => &["region_slug", "type"],
            "month,account" => &["month", "account"],
            "droplet" => &["account", "droplet_id", "droplet_name"],
            _ => &[by],
        };
        let key = |row: &Row| {
            columns
                .iter()
                .map(|it| row[*it].to_string())
                .collect::<Vec<_>>()
        };
        let own_by: Vec<_> = by.split(',').filter(|it| *it != "account").collect();
        let own_by = if own_by.is_empty() {
            "status".to_owned()
        } else {
            own_by.join(",")
        };
        let mut expected: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        for row in one_by_one(&sandbox, &["stats", "--by", &own_by, "--min-count", "1"]) {
            let sums = expected.entry(key(&row)).or_default();
            sums.0 += number(&row, "count");
            sums.1 += number(&row, "errored");
        }
        let together = rows(&sandbox, &["stats", "--by", by, "--min-count", "1"]);
        let counts = together
            .iter()
            .map(|row| (key(row), (number(row, "count"), number(row, "errored"))));
        assert_eq!(counts.collect::<BTreeMap<_, _>>(), expected, "{by}");
        assert_eq!(together.len(), expected.len(), "{by}");
    }
    let largest = rows(&sandbox, &["stats", "--by", "type", "--top", "2"]);
    let mut all: Vec<_> = rows(&sandbox, &["stats", "--by", "type"]);
    all.sort_by_key(|row| -number(row, "count"));
    assert_eq!(largest, all[..2]);
}

#[test]
fn percentiles_are_those_of_all_durations() {
    let sandbox = three();
    let actions = one_by_one(
        &sandbox,
        &["query", "--type", "backup", "--columns", "duration_seconds"],
    );
    let mut seconds: Vec<_> = actions
        .iter()
        .filter_map(|row| row["duration_seconds"].as_i64())
        .collect();
    seconds.sort_unstable();
    let nearest = |percent: usize| seconds[(seconds.len() * percent).div_ceil(100) - 1];
    let answer = &rows(&sandbox, &["stats", "--durations", "--type", "backup"])[0];
    assert_eq!(number(answer, "n"), i64::try_from(seconds.len()).unwrap());
    for (column, percent) in [
        ("p50_seconds", 50),
        ("p95_seconds", 95),
        ("max_seconds", 100),
    ] {
        assert_eq!(number(answer, column), nearest(percent), "{column}");
    }
}

#[test]
fn a_count_is_a_sum_up_to_its_limit() {
    let sandbox = three();
    let count = |arguments: &[&str]| -> u64 {
        let run = sandbox
            .run(&[&["query", "--count"], arguments].concat())
            .exits(0);
        run.stdout.trim().parse().unwrap()
    };
    let sum: u64 = NAMES.iter().map(|name| count(&["--account", name])).sum();
    assert_eq!((count(&[]), sum), (900, 900));
    assert_eq!(count(&["--limit", "500"]), 500);
}

#[test]
fn the_account_is_a_dimension_only_of_accounts() {
    let sandbox = three();
    let database = archive(&sandbox, "east");
    let run = sandbox.run(&[
        "stats",
        "--by",
        "account",
        "--db",
        database.to_str().unwrap(),
    ]);
    assert!(run.exits(2).stderr.contains("--account"));
    let one = rows(&sandbox, &["stats", "--by", "account", "--account", "east"]);
    assert_eq!((one.len(), one[0]["account"].as_str()), (1, Some("east")));
    // Names of droplets are those of their accounts, beside the three dimensions that one account may have.
    let most = rows(&sandbox, &["stats", "--by", "droplet,type,month"]);
    assert!(most.iter().all(|row| row["account"].is_string()));
}

#[test]
fn sql_sees_all_accounts_and_each_one_and_changes_none() {
    let sandbox = three();
    let sql = |text: &str| rows(&sandbox, &["sql", text]);
    let counts = sql("SELECT account, count(*) AS actions FROM actions GROUP BY account");
    let expected = NAMES.iter().zip([150, 300, 450]);
    let found = counts
        .iter()
        .map(|row| (row["account"].as_str().unwrap(), number(row, "actions")));
    assert!(found.eq(expected.map(|(name, count)| (*name, count))));
    let joined = sql("SELECT count(*) AS n FROM actions JOIN droplets
             ON droplets.id = actions.resource_id AND droplets.account = actions.account");
    let parts = sql(
        "SELECT (SELECT count(*) FROM east.actions JOIN east.droplets ON droplets.id = resource_id)
              + (SELECT count(*) FROM north.actions JOIN north.droplets ON droplets.id = resource_id)
              + (SELECT count(*) FROM west.actions JOIN west.droplets ON droplets.id = resource_id) AS n",
    );
    assert!(number(&parts[0], "n") > 0);
    assert_eq!(joined, parts);
    for refused in [
        "DELETE FROM east.actions",
        "DELETE FROM actions",
        "ATTACH '/tmp/other.db' AS other",
        "CREATE TEMP VIEW more AS SELECT 1",
        "PRAGMA east.journal_mode = wal",
    ] {
        let run = sandbox.run(&["sql", refused]).exits(2);
        run.says("is refused: the archive is only read here");
    }
    let run = sandbox.run(&["sql", "SELECT * FROM acitons"]).exits(2);
    assert!(run.stderr.contains("actions"), "{}", run.stderr);
}
