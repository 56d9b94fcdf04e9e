//! A sync without new actions must not write a byte of the actions and their indexes: this shows which pages of the
//! file it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rusqlite::Connection;

use crate::Outcome;
use crate::archives::{self, Syncs};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};

pub(crate) const GROUP: Group = Group {
    rows: &["quiet"],
    measure,
};

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_account(bench.sized(500_000));
    let kept = archives::kept(bench, corpus)?;
    let archive = bench.scratch("quiet.db");
    fs::copy(&kept, &archive)?;
    let syncs = Syncs::of(bench, corpus)?;
    // The second sync names the droplets that the first sync did not name.
    syncs.again(&archive)?;
    let before = fs::read(&archive)?;
    let usage = syncs.again(&archive)?;
    let after = fs::read(&archive)?;
    let connection = archives::open(&archive)?;
    let page_size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let changed = changed_pages(&before, &after, page_size as usize);
    let owners = owners(&connection, &changed)?;
    let of_actions = owners
        .iter()
        .filter(|(name, _)| name.starts_with("actions"))
        .map(|(_, pages)| pages);
    let question = Question {
        name: "quiet",
        what: format!("sync with nothing new, {} actions archived", corpus.actions),
        against: "",
        goal: Goal::AtMost(0.0, " pages of actions and their indexes changed"),
    };
    Ok(vec![question.measured(
        of_actions.sum::<usize>() as f64,
        format!(
            "{} pages in all, of {}; {:.0} KiB written, journals included",
            changed.len(),
            owners.into_keys().collect::<Vec<_>>().join(", "),
            usage.written_bytes / 1024.0
        ),
    )])
}

/// The number of these pages for each table and index.
fn owners(archive: &Connection, pages: &BTreeSet<usize>) -> Outcome<BTreeMap<String, usize>> {
    let mut owners = BTreeMap::<String, usize>::new();
    let mut statement = archive.prepare("SELECT name, pageno FROM dbstat")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if pages.contains(&(row.get::<_, u32>(1)? as usize)) {
            *owners.entry(row.get(0)?).or_default() += 1;
        }
    }
    Ok(owners)
}

/// The numbers, from 1, of the changed pages.
fn changed_pages(before: &[u8], after: &[u8], page_size: usize) -> BTreeSet<usize> {
    let pages = before.len().max(after.len()).div_ceil(page_size.max(1));
    let page = |file: &[u8], number: usize| {
        let start = (number * page_size).min(file.len());
        file[start..(start + page_size).min(file.len())].to_vec()
    };
    (0..pages)
        .filter(|number| page(before, *number) != page(after, *number))
        .map(|number| number + 1)
        .collect()
}
