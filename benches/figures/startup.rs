//! The time of the shortest commands, against a program that does nothing, start of the process included.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::archives::{self, archiver, question};
use crate::bench::{self, Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::measure::{both_times, command, ratio, times_in_turns};

pub(crate) const GROUP: Group = Group {
    rows: &["version", "no-rows"],
    measure,
};

const HELLO: &str = "fn main() { println!(\"Hello, world!\"); }\n";
const RUNS: usize = 401;

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let asked = |name, what: &str| Question {
        name,
        what: what.to_owned(),
        against: "hello world in Rust, rustc -O",
        goal: Goal::Nothing("×"),
    };
    let version = asked("version", "`archiver --version`");
    let no_rows = asked("no-rows", "`archiver query` that finds nothing");
    let Some(hello) = hello_world()? else {
        let reason = "no rustc in the path";
        return Ok(vec![version.skipped(reason), no_rows.skipped(reason)]);
    };
    let archive = archives::kept(bench, Corpus::of_account(bench.sized(500_000)))?;
    let flags = [
        "query",
        "--quiet",
        "--type",
        "reboot",
        "--since",
        "2026-06-30T23:59:59Z",
    ];
    let mut commands = [
        archiver(&["--version"]),
        question(&archive, &flags),
        command(hello),
    ];
    let times = times_in_turns(RUNS, &mut commands)?;
    let row = |question: Question, ours: &[f64]| {
        question.measured(ratio(ours, &times[2]), both_times(ours, &times[2]))
    };
    Ok(vec![row(version, &times[0]), row(no_rows, &times[1])])
}

/// The program that does nothing, compiled once; `None` without a compiler.
fn hello_world() -> Outcome<Option<PathBuf>> {
    let program = bench::kept().join("hello-world");
    if program.exists() {
        return Ok(Some(program));
    }
    let source = bench::kept().join("hello-world.rs");
    std::fs::write(&source, HELLO)?;
    let compiled = Command::new("rustc")
        .arg("-O")
        .arg("-o")
        .args([&program, &source])
        .status();
    match compiled {
        Ok(status) if status.success() => Ok(Some(program)),
        Ok(status) => Err(format!("rustc: {status}").into()),
        Err(_) => Ok(None),
    }
}
