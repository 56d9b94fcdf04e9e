//! The first sync of 500,000 actions: against SQLite's own import of the same rows, against curl, which only downloads
//! them, and its use of processor, memory and disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::archives::{self, Syncs};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row, number};
use crate::measure::{Usage, both_times, command, in_turns, median, ratio, times, usage};
use crate::recording::TOKEN;

pub(crate) const GROUP: Group = Group {
    rows: &[
        "import",
        "download",
        "cpu",
        "written",
        "memory",
        "memory-growth",
        "bytes-per-action",
        "json-per-byte",
    ],
    measure,
};

const MIB: f64 = (1 << 20) as f64;

/// The resources of each contender in each round; empty for a contender that does not take part.
struct Rounds {
    large: Vec<Usage>,
    small: Vec<Usage>,
    import: Vec<Usage>,
    download: Vec<Usage>,
}

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_account(bench.sized(500_000));
    let small_corpus = Corpus::of_account(bench.sized(50_000) / 10);
    let archive = bench.scratch("first.db");
    let rounds = run(bench, corpus, small_corpus, &archive)?;
    let size = archives::size(&archive)?;
    let json = corpus.recording()?.bytes_of_account()? as f64;
    let mut rows = vec![
        against_import(bench, corpus, &rounds),
        against_download(bench, corpus, &rounds),
    ];
    rows.extend(resources(corpus, small_corpus, &rounds, size));
    let compact = vacuumed(bench, &archive)?;
    rows.extend(sizes(corpus, size, compact, json));
    Ok(rows)
}

/// Runs all contenders in turns. A contender takes part only if a selected row needs it.
fn run(bench: &Bench, corpus: Corpus, small_corpus: Corpus, archive: &Path) -> Outcome<Rounds> {
    let syncs = Syncs::of(bench, corpus)?;
    let small_syncs = Syncs::of(bench, small_corpus)?;
    let small_archive = bench.scratch("small.db");
    let import = bench.wants("import") && bench.peers.sqlite3.is_ok();
    let download = bench.wants("download") && bench.peers.curl.is_ok();
    let input = if import {
        Some(ImportInput::made(bench, corpus)?)
    } else {
        None
    };
    let imported = bench.scratch("imported.db");
    let mut results = in_turns(
        bench.rounds(),
        &[
            &|| Ok(Some(syncs.first(archive)?)),
            &|| Ok(Some(small_syncs.first(&small_archive)?)),
            &|| match &input {
                Some(input) => Ok(Some(input.imported(bench, &imported)?)),
                None => Ok(None),
            },
            &|| match download {
                true => Ok(Some(downloaded(bench, syncs.url(), corpus)?)),
                false => Ok(None),
            },
        ],
    )?
    .into_iter()
    .map(|usages| usages.into_iter().flatten().collect::<Vec<Usage>>());
    let mut next = || results.next().unwrap_or_default();
    Ok(Rounds {
        large: next(),
        small: next(),
        import: next(),
        download: next(),
    })
}

/// The same rows as CSV, in the order of the API, and the tables for their import.
struct ImportInput {
    schema: PathBuf,
    rows: PathBuf,
}

impl ImportInput {
    fn made(bench: &Bench, corpus: Corpus) -> Outcome<Self> {
        let archive = archives::kept(bench, corpus)?;
        // SQLite imports an empty CSV field as an empty text, which a STRICT table refuses as a number.
        let schema = crate::measure::printed(&mut archives::question(&archive, &["schema"]))?
            .replace(") STRICT;", ");");
        let input = Self {
            schema: bench.scratch("schema.sql"),
            rows: bench.scratch("actions.csv"),
        };
        fs::write(&input.schema, schema)?;
        let connection = archives::open(&archive)?;
        let mut rows = connection.prepare("SELECT * FROM actions ORDER BY id DESC")?;
        let columns = rows.column_count();
        let mut csv = csv::Writer::from_path(&input.rows)?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Vec::with_capacity(columns);
            for column in 0..columns {
                cells.push(text_of(row.get_ref(column)?));
            }
            csv.write_record(&cells)?;
        }
        csv.flush()?;
        Ok(input)
    }

    fn imported(&self, bench: &Bench, database: &Path) -> Outcome<Usage> {
        archives::forget(database)?;
        let peer = bench.peers.sqlite3.as_ref().map_err(|reason| *reason)?;
        let mut command = command(&peer.program);
        command
            .arg(database)
            .arg(format!(".read {}", self.schema.display()))
            .arg(format!(".import --csv {} actions", self.rows.display()));
        usage(&command)
    }
}

fn text_of(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
        rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

fn downloaded(bench: &Bench, url: &str, corpus: Corpus) -> Outcome<Usage> {
    let peer = bench.peers.curl.as_ref().map_err(|reason| *reason)?;
    let mut command = command(&peer.program);
    command
        .args(["--silent", "--show-error", "--fail", "--compressed"])
        .args(["--parallel", "--parallel-max", "4", "--output", "/dev/null"])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .arg(format!(
            "{url}/v2/actions?page=[1-{}]&per_page=200",
            corpus.pages()
        ));
    usage(&command)
}

fn against_import(bench: &Bench, corpus: Corpus, rounds: &Rounds) -> Row {
    let question = Question {
        name: "import",
        what: format!("first sync of {} actions", corpus.actions),
        against: "`sqlite3 .import` of the same rows, same order, same indexes",
        goal: Goal::AtMost(0.75, "×"),
    };
    compared(
        question,
        &bench.peers.sqlite3,
        &rounds.large,
        &rounds.import,
    )
}

fn against_download(bench: &Bench, corpus: Corpus, rounds: &Rounds) -> Row {
    let question = Question {
        name: "download",
        what: format!("first sync of {} actions", corpus.actions),
        against: "`curl --parallel-max 4 --compressed` of the same pages",
        goal: Goal::AtMost(3.0, "×"),
    };
    compared(question, &bench.peers.curl, &rounds.large, &rounds.download)
}

/// The times of both, unless the peer is missing.
fn compared(
    question: Question,
    peer: &crate::peers::Found,
    ours: &[Usage],
    theirs: &[Usage],
) -> Row {
    match peer {
        Err(reason) => question.skipped(reason),
        Ok(_) => {
            let (ours, theirs) = (times(ours), times(theirs));
            question.measured(ratio(&ours, &theirs), both_times(&ours, &theirs))
        }
    }
}

fn resources(corpus: Corpus, small_corpus: Corpus, rounds: &Rounds, size: f64) -> [Row; 4] {
    let middle = |usages: &[Usage], value: fn(&Usage) -> f64| median(usages.iter().map(value));
    let question = |name, what, against, goal| Question {
        name,
        what: format!("{what} of a first sync of {}", corpus.actions),
        against,
        goal,
    };
    let cpu = middle(&rounds.large, |usage| usage.cpu_seconds);
    let cpu_row = question(
        "cpu",
        "processor time per page",
        "",
        Goal::AtMost(1.5, " ms"),
    );
    let written = middle(&rounds.large, |usage| usage.written_bytes);
    let goal = Goal::AtMost(4.0, "×");
    let written_row = question("written", "bytes written", "size of the archive", goal);
    let peak = middle(&rounds.large, |usage| usage.peak_bytes / MIB);
    let memory_row = question("memory", "peak memory", "", Goal::AtMost(32.0, " MiB"));
    let small_peak = middle(&rounds.small, |usage| usage.peak_bytes / MIB);
    let goal = Goal::AtMost(1.15, "×");
    let against = "that of a hundredth of the actions";
    let growth_row = question("memory-growth", "peak memory", against, goal);
    let (per_page, few) = (cpu * 1e3 / corpus.pages() as f64, small_corpus.actions);
    let growth = format!("{peak:.1} / {small_peak:.1} MiB, {few} actions");
    [
        cpu_row.measured(per_page, format!("{cpu:.2} s in all")),
        written_over_size(written_row, written, size),
        memory_row.measured(peak, String::new()),
        growth_row.measured(peak / small_peak, growth),
    ]
}

/// The bytes written, as a multiple of the archive's size; only Linux counts them.
fn written_over_size(question: Question, written: f64, size: f64) -> Row {
    if cfg!(target_os = "linux") {
        let detail = format!("{} / {} MiB", number(written / MIB), number(size / MIB));
        question.measured(written / size, detail)
    } else {
        question.skipped("only Linux tells how many bytes a process wrote")
    }
}

/// The size after `VACUUM`.
fn vacuumed(bench: &Bench, archive: &Path) -> Outcome<f64> {
    let copy = bench.scratch("vacuumed.db");
    archives::forget(&copy)?;
    archives::open(archive)?.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    archives::size(&copy)
}

fn sizes(corpus: Corpus, size: f64, compact: f64, json: f64) -> [Row; 2] {
    let actions = corpus.actions as f64;
    let question = |name, against, goal| Question {
        name,
        what: "the archive, indexes included".to_owned(),
        against,
        goal,
    };
    [
        question(
            "bytes-per-action",
            "its size after `VACUUM`",
            Goal::AtMost(1.08, "×"),
        )
        .measured(
            size / compact,
            format!(
                "{:.0} / {:.0} B per action",
                size / actions,
                compact / actions
            ),
        ),
        question(
            "json-per-byte",
            "the API's JSON, how many times larger",
            Goal::Nothing("×"),
        )
        .measured(
            json / size,
            format!("{:.0} B of JSON per action", json / actions),
        ),
    ]
}
