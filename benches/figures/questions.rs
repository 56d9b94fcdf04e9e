//! Questions to archives of 500 thousand and 5 million actions, against the sqlite3 shell and SQLite's own GROUP BY.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::archives::{self, question};
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row};
use crate::measure::{
    Usage, both_times, command, in_turns, median, printed, ratio, times, times_in_turns, usage,
};

pub(crate) const GROUP: Group = Group {
    rows: &["week", "newest-week", "stats", "dump", "dump-memory"],
    measure,
};

const COLUMNS: &str =
    "id,status,type,started_at,completed_at,resource_id,resource_type,region_slug";
/// A week in the middle of the history, and the last week; the end is exclusive, as for `--until` with a time.
const WEEKS: [(&str, &str, &str); 2] = [
    ("week", "2023-03-06T00:00:00Z", "2023-03-13T00:00:00Z"),
    (
        "newest-week",
        "2026-06-24T00:00:00Z",
        "2026-07-01T00:00:00Z",
    ),
];
/// The number of counted rounds for a measurement that takes milliseconds.
const RUNS: usize = 101;

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let few = Corpus::of_account(bench.sized(500_000));
    let many = Corpus::of_account(bench.sized(5_000_000));
    let mut rows = Vec::new();
    for (name, since, until) in WEEKS {
        for corpus in [few, many] {
            if bench.wants(name) {
                rows.push(week(bench, corpus, name, (since, until))?);
            }
        }
    }
    if bench.wants("stats") {
        rows.push(stats(bench, many)?);
    }
    if bench.wants("dump") || bench.wants("dump-memory") {
        rows.extend(dump(bench, few, many)?);
    }
    Ok(rows)
}

fn shell(bench: &Bench, archive: &Path, format: &str, sql: &str) -> Result<Command, &'static str> {
    let peer = bench.peers.sqlite3.as_ref().map_err(|reason| *reason)?;
    let mut command = command(&peer.program);
    command.args(["-readonly", format]).arg(archive).arg(sql);
    Ok(command)
}

fn week(
    bench: &Bench,
    corpus: Corpus,
    name: &'static str,
    (since, until): (&str, &str),
) -> Outcome<Row> {
    // With few actions, the start of the process takes most of the time.
    let is_short = name == "week" && corpus.actions <= 500_000;
    let asked = Question {
        name,
        what: format!("`query --type reboot` of one week among {}", corpus.actions),
        against: "sqlite3 shell, same SQL, -csv",
        goal: Goal::AtMost(if is_short { 1.2 } else { 0.9 }, "×"),
    };
    let archive = archives::kept(bench, corpus)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM actions WHERE type = 'reboot' \
         AND started_at >= '{since}' AND started_at < '{until}' ORDER BY started_at, id"
    );
    let mut theirs = match shell(bench, &archive, "-csv", &sql) {
        Ok(command) => command,
        Err(reason) => return Ok(asked.skipped(reason)),
    };
    let mut ours = question(&archive, &["query", "--type", "reboot", "-o", "csv"]);
    ours.args(["--since", since, "--until", until])
        .args(["--columns", COLUMNS, "--no-header"]);
    let rows = same_answer(&mut ours, &mut theirs)?;
    let mut commands = [ours, theirs];
    let [our_times, their_times] = times_in_turns(RUNS, &mut commands)?;
    Ok(asked.measured(
        ratio(&our_times, &their_times),
        format!("{}, {rows} rows", both_times(&our_times, &their_times)),
    ))
}

/// The number of rows that both print; an error when their output differs.
fn same_answer(ours: &mut Command, theirs: &mut Command) -> Outcome<usize> {
    let (ours, theirs) = (printed(ours)?, printed(theirs)?);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (lines(&ours), lines(&theirs));
    if ours != theirs {
        return Err(format!(
            "not the same answer: {} and {} rows",
            ours.len(),
            theirs.len()
        )
        .into());
    }
    Ok(ours.len())
}

fn stats(bench: &Bench, corpus: Corpus) -> Outcome<Row> {
    let archive = archives::kept(bench, corpus)?;
    let ours = question(&archive, &["stats", "--by", "week,type", "-o", "csv"]);
    let sql = "SELECT strftime('%G-W%V', started_at), type, count(*) FROM actions GROUP BY 1, 2";
    let theirs = question(&archive, &["sql", sql, "-o", "csv"]);
    let results = in_turns(bench.rounds(), &[&|| usage(&ours), &|| usage(&theirs)])?;
    let (ours, theirs) = (times(&results[0]), times(&results[1]));
    let asked = Question {
        name: "stats",
        what: format!("`stats --by week,type` of {} actions", corpus.actions),
        against: "GROUP BY of the same SQLite, by `archiver sql`",
        goal: Goal::AtMost(0.5, "×"),
    };
    Ok(asked.measured(ratio(&ours, &theirs), both_times(&ours, &theirs)))
}

fn dump(bench: &Bench, few: Corpus, many: Corpus) -> Outcome<Vec<Row>> {
    let archive = archives::kept(bench, many)?;
    let all = ["query", "-o", "jsonl", "--columns", COLUMNS];
    let ours = question(&archive, &all);
    let small = question(&archives::kept(bench, few)?, &all);
    let sql = format!("SELECT {COLUMNS} FROM actions ORDER BY started_at, id");
    let theirs = shell(bench, &archive, "-json", &sql);
    let results = in_turns(
        bench.rounds(),
        &[
            &|| Ok(Some(usage(&ours)?)),
            &|| Ok(Some(usage(&small)?)),
            &|| theirs.as_ref().ok().map(usage).transpose(),
        ],
    )?;
    let usages = |step: usize| -> Vec<Usage> { results[step].iter().copied().flatten().collect() };
    let speed = dump_speed(many, theirs.map(|_| usages(2)), &usages(0));
    Ok(vec![speed, dump_memory(many, &usages(0), &usages(1))])
}

fn dump_speed(many: Corpus, theirs: Result<Vec<Usage>, &'static str>, ours: &[Usage]) -> Row {
    let asked = Question {
        name: "dump",
        what: format!("`query -o jsonl` of all {} actions", many.actions),
        against: "sqlite3 shell, same columns, -json",
        goal: Goal::AtMost(0.6, "×"),
    };
    match theirs {
        Err(reason) => asked.skipped(reason),
        Ok(theirs) => {
            let (ours, theirs) = (times(ours), times(&theirs));
            asked.measured(ratio(&ours, &theirs), both_times(&ours, &theirs))
        }
    }
}

fn dump_memory(many: Corpus, large: &[Usage], small: &[Usage]) -> Row {
    let asked = Question {
        name: "dump-memory",
        what: format!("peak memory of `query -o jsonl` of all {}", many.actions),
        against: "that of a tenth of the actions",
        goal: Goal::AtMost(1.15, "×"),
    };
    let mebibytes =
        |usages: &[Usage]| median(usages.iter().map(|usage| usage.peak_bytes)) / f64::from(1 << 20);
    let (large, small) = (mebibytes(large), mebibytes(small));
    asked.measured(large / small, format!("{large:.1} / {small:.1} MiB"))
}
