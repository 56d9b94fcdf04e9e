//! An export as Parquet files, against reading the same rows.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::ValueRef;

use crate::Outcome;
use crate::archives::{self, question};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::measure::{both_times, in_turns, ratio, usage};

pub(crate) const GROUP: Group = Group {
    rows: &["export"],
    measure,
};

/// The rows of an export, in the same order.
const ROWS: &str = "
SELECT actions.id, status, type, started_at, completed_at, resource_id, resource_type, actions.region_slug, name,
       first_seen_run, changed_run, first_seen_import, actions.extra
  FROM actions
  LEFT JOIN droplets ON droplets.id = resource_id AND resource_type = 'droplet'
 ORDER BY started_at, actions.id";

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_account(bench.sized(500_000));
    let archive = archives::kept(bench, corpus)?;
    let folder = bench.scratch("lake");
    let name = folder.to_str().ok_or("the target folder is not UTF-8")?;
    let command = question(&archive, &["export", name]);
    let export = || {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        Ok(usage(&command)?.seconds)
    };
    let results = in_turns(bench.rounds(), &[&export, &|| read(&archive)])?;
    let asked = Question {
        name: "export",
        what: format!("first `export` of {} actions", corpus.actions),
        against: "reading the same rows in the same order with rusqlite",
        goal: Goal::Nothing("×"),
    };
    let [ours, theirs] = [&results[0], &results[1]];
    Ok(vec![
        asked.measured(ratio(ours, theirs), both_times(ours, theirs)),
    ])
}

/// The time for reading all cells of the rows, in seconds.
fn read(archive: &Path) -> Outcome<f64> {
    let began = Instant::now();
    let connection = archives::open(archive)?;
    let mut statement = connection.prepare(ROWS)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            bytes += match row.get_ref(column)? {
                ValueRef::Text(text) => text.len(),
                _ => size_of::<i64>(),
            };
        }
    }
    black_box(bytes);
    Ok(began.elapsed().as_secs_f64())
}
