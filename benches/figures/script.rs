//! The first sync of 50,000 actions against a typical script with requests and sqlite-utils.

use std::path::Path;

use crate::Outcome;
use crate::archives::{self, Syncs};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::measure::{both_times, command, in_turns, ratio, times, usage};
use crate::recording::TOKEN;

pub(crate) const GROUP: Group = Group {
    rows: &["script"],
    measure,
};

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_account(bench.sized(50_000));
    let question = Question {
        name: "script",
        what: format!(
            "first sync of {} actions, how many times faster",
            corpus.actions
        ),
        against: "Python: requests, and sqlite-utils' upsert_all",
        goal: Goal::AtLeast(6.5, "×"),
    };
    let python = match &bench.peers.python {
        Ok(python) => python,
        Err(reason) => return Ok(vec![question.skipped(reason)]),
    };
    let syncs = Syncs::of(bench, corpus)?;
    let (archive, database) = (bench.scratch("script-a.db"), bench.scratch("script-b.db"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/requests_sqlite_utils.py");
    let results = in_turns(
        bench.rounds(),
        &[&|| syncs.first(&archive), &|| {
            archives::forget(&database)?;
            let mut command = command(&python.program);
            command.arg(&script).args([syncs.url(), TOKEN]);
            usage(command.arg(&database))
        }],
    )?;
    let [ours, theirs] = [times(&results[0]), times(&results[1])];
    Ok(vec![question.measured(
        ratio(&theirs, &ours),
        both_times(&theirs, &ours),
    )])
}
