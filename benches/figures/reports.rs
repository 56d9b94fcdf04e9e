//! Every report over 2 million actions, against a count of the same actions in the sqlite3 shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use archiver::query::report::Library;
use rusqlite::Connection;

use crate::Outcome;
use crate::archives::{self, question};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::measure::{Usage, both_times, command, in_turns, median, ratio, times, usage};

pub(crate) const GROUP: Group = Group {
    rows: &["reports"],
    measure,
};

/// The least work that reads something of every action.
const COUNT: &str = "SELECT count(*), sum(length(type)) FROM actions";
/// The sizes of the smaller and of the larger archive.
const FEW: usize = 20_000;
const MANY: usize = 2_000_000;

/// Moves the history so that it ends now: reports ask about the last 90 days.
const UNTIL_NOW: &str = "
CREATE TEMP TABLE shift AS
SELECT (strftime('%s', 'now') - strftime('%s', max(started_at))) || ' seconds' AS by FROM actions;
UPDATE actions
   SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', started_at, (SELECT by FROM shift)),
       completed_at = strftime('%Y-%m-%dT%H:%M:%SZ', completed_at, (SELECT by FROM shift));
UPDATE droplets SET created_at = strftime('%Y-%m-%dT%H:%M:%SZ', created_at, (SELECT by FROM shift));
UPDATE listings SET complete_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now');
VACUUM";

fn until_now(bench: &Bench, corpus: Corpus) -> Outcome<PathBuf> {
    let path = bench.scratch(&format!("now-{}.db", corpus.name()));
    fs::copy(archives::kept(bench, corpus)?, &path)?;
    Connection::open(&path)?.execute_batch(UNTIL_NOW)?;
    Ok(path)
}

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let few = until_now(bench, Corpus::of_account(bench.sized(FEW)))?;
    let many = Corpus::of_account(bench.sized(MANY));
    let library = Library::load(None);
    let names = library.reports.iter().map(|it| it.name.as_str());
    let archive = until_now(bench, many)?;
    names
        .chain(["--all"])
        .map(|name| report(bench, name, &few, (&archive, many)))
        .collect()
}

fn report(
    bench: &Bench,
    name: &str,
    few: &Path,
    (archive, corpus): (&Path, Corpus),
) -> Outcome<Row> {
    let asked = Question {
        name: "reports",
        what: format!("`report {name}` of {} actions", corpus.actions),
        against: "sqlite3 shell, one count of all actions",
        goal: Goal::AtMost(5.0, "×"),
    };
    let shell = match bench.peers.sqlite3.as_ref() {
        Ok(peer) => &peer.program,
        Err(reason) => return Ok(asked.skipped(reason)),
    };
    let count = |archive: &Path| -> Command {
        let mut command = command(shell);
        command.arg("-readonly").arg(archive).arg(COUNT);
        command
    };
    let ask = |archive: &Path| question(archive, &["report", name, "-o", "csv"]);
    let commands = [ask(archive), count(archive), ask(few)];
    let [ours, theirs, small] = &commands;
    let results = in_turns(
        bench.rounds(),
        &[&|| usage(ours), &|| usage(theirs), &|| usage(small)],
    )?;
    let [ours, theirs] = [times(&results[0]), times(&results[1])];
    let growth = cpu(&results[0]) / cpu(&results[2]);
    Ok(asked.measured(
        ratio(&ours, &theirs),
        format!(
            "{}; {growth:.0}× the processor time of a hundredth of the actions",
            both_times(&ours, &theirs)
        ),
    ))
}

fn cpu(usages: &[Usage]) -> f64 {
    median(usages.iter().map(|usage| usage.cpu_seconds))
}
