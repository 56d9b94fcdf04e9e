//! The cost of the work, each figure against a lower bound or a peer that is measured in the same run.
//!
//! ```text
//! cargo bench --profile dist                       # the table
//! cargo bench --profile dist -- memory written     # some of its rows
//! cargo bench --profile dist -- --quick            # a tenth of the corpus
//! cargo bench --profile dist -- growth             # how the figures grow, and the chart
//! ```
//!
//! A busy machine makes all times longer, but hardly changes the ratio of commands that run in turns. So nearly all
//! goals are ratios. `benches/README.md` describes each measurement.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the person who runs it"
)]

mod archives;
mod bench;
mod chart;
#[path = "../../examples/simulator/cloud/mod.rs"]
mod cloud;
mod corpus;
mod decoding;
mod export;
mod figure;
mod first_sync;
mod growth;
mod measure;
mod pacing;
mod peers;
mod questions;
mod quiet;
mod recording;
mod reports;
mod script;
mod serve;
mod size;
mod startup;

use std::error::Error;
use std::process::ExitCode;

use bench::{Bench, Group};
use clap::Parser as _;
use figure::Row;

/// Any error; all of them end in a message.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

const GROUPS: &[Group] = &[
    first_sync::GROUP,
    script::GROUP,
    quiet::GROUP,
    decoding::GROUP,
    pacing::GROUP,
    questions::GROUP,
    reports::GROUP,
    export::GROUP,
    startup::GROUP,
    size::GROUP,
];

/// Prints what `archiver` costs, against what it could cost.
#[derive(Debug, clap::Parser)]
#[command(name = "figures", bin_name = "cargo bench --")]
struct Flags {
    /// Only rows whose name contains one of these; `growth` for the growth of the figures instead
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// With a tenth of the corpus: shows that all of it works, but most goals are meant for the whole
    #[arg(long)]
    quick: bool,
    /// Names the rows
    #[arg(long)]
    list: bool,
    /// As Cargo gives it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Outcome<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some(measure::WORD) => return measure::run_here(words),
        Some(serve::WORD) => return serve::run_here(words),
        _ => {}
    }
    let flags = Flags::parse();
    if flags.list {
        for name in GROUPS.iter().flat_map(|group| group.rows) {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let bench = Bench::new(flags.quick, flags.rows)?;
    if bench.is_about_growth() {
        growth::run(&bench)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Row> = GROUPS
        .iter()
        .flat_map(|group| group.measured(&bench))
        .collect();
    println!("{}\n", bench.machine());
    print!("{}", figure::table(&rows));
    let failed = rows.iter().any(Row::has_failed);
    Ok(ExitCode::from(u8::from(failed)))
}
