//! What the first sync of 500 droplets by id writes, where the order of what arrives is worst for an index.

use crate::Outcome;
use crate::archives::{self, Syncs};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::first_sync::written_over_size;

pub(crate) const GROUP: Group = Group {
    rows: &["written-by-droplets"],
    measure,
};

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_droplets(bench.sized(500_000), 500);
    let question = Question {
        name: "written-by-droplets",
        what: format!(
            "bytes written of a first sync of {} actions of {} droplets by id",
            corpus.actions, corpus.droplets
        ),
        against: "size of the archive",
        goal: Goal::Nothing("×"),
    };
    let archive = bench.scratch("droplets.db");
    let usage = Syncs::of(bench, corpus)?.first(&archive)?;
    let size = archives::size(&archive)?;
    Ok(vec![written_over_size(question, usage.written_bytes, size)])
}
