//! The growth of the figures with the number of actions, and with the number of droplets that are read one by one.
//!
//! The figure per action (or page) counts. When its curve falls or stays flat, the work is proportional to the account;
//! when it rises, it is not. There is no peer to compare with, so the judgement uses the processor time, and of several
//! runs the least: other work on the machine affects these least.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::archives::{self, Syncs, question};
use crate::bench::{self, Bench};
use crate::chart::{self, Column, Panel, short};
use crate::corpus::Corpus;
use crate::figure::{markdown, number};
use crate::measure::{Usage, printed, usage};

const ACTIONS: [usize; 4] = [5_000, 50_000, 500_000, 5_000_000];
const DROPLETS: [usize; 5] = [1, 10, 100, 1_000, 5_000];
/// The number of actions when the number of droplets varies.
const ACTIONS_OF_DROPLETS: usize = 100_000;
/// A query for one type in one week.
const QUERY: [&str; 10] = [
    "query",
    "--type",
    "reboot",
    "--since",
    "2023-03-06",
    "--until",
    "2023-03-12",
    "-o",
    "csv",
    "--no-header",
];
/// A curve bends upwards when the figure per action exceeds this multiple of the previous size's figure. A smaller rise
/// may be noise.
const BENDS: f64 = 1.2;
const MIB: f64 = (1 << 20) as f64;

/// The measurements at one size.
struct Point {
    corpus: Corpus,
    /// The requests of a first sync.
    requests: f64,
    sync: Usage,
    archive_bytes: f64,
    query: Usage,
    query_rows: f64,
    stats: Usage,
}

/// A figure, as the chart shows it and as the curve is judged.
struct Figure {
    title: &'static str,
    shown: fn(&Point) -> f64,
    /// The value that must not rise.
    judged: fn(&Point) -> f64,
}

const FIGURES: [Figure; 5] = [
    Figure {
        title: "First sync, ms of processor time per page",
        shown: |point| point.sync.cpu_seconds * 1e3 / point.pages(),
        judged: |point| point.sync.cpu_seconds / point.pages(),
    },
    Figure {
        title: "Peak memory of a first sync, MiB",
        shown: |point| point.sync.peak_bytes / MIB,
        judged: |point| point.sync.peak_bytes,
    },
    Figure {
        title: "Written by a first sync, KiB per page",
        shown: |point| point.sync.written_bytes / 1024.0 / point.pages(),
        judged: |point| point.sync.written_bytes / point.pages(),
    },
    Figure {
        title: "Query for one type in one week, ms",
        shown: |point| point.query.seconds * 1e3,
        judged: |point| point.query.cpu_seconds / point.query_rows.max(1.0),
    },
    Figure {
        title: "Stats by week and type, ns of processor time per action",
        shown: |point| point.stats.cpu_seconds * 1e9 / point.actions(),
        judged: |point| point.stats.cpu_seconds / point.actions(),
    },
];

impl Point {
    fn actions(&self) -> f64 {
        self.corpus.actions as f64
    }

    /// Pages of 200 actions, or answers when droplets have less than a page each.
    fn pages(&self) -> f64 {
        (self.actions() / 200.0).max(self.requests)
    }

    fn measured(bench: &Bench, corpus: Corpus) -> Outcome<Self> {
        let (actions, droplets) = (corpus.actions, corpus.droplets);
        eprintln!("measuring {actions} actions, {droplets} droplets");
        let archive = bench.scratch("growth.db");
        let syncs = Syncs::of(bench, corpus)?;
        let rounds = if actions > 1_000_000 { 1 } else { 3 };
        let sync = least_disturbed(rounds, || syncs.first(&archive))?;
        let mut query = question(&archive, &QUERY);
        let stats = question(&archive, &["stats", "--by", "week,type", "-o", "csv"]);
        Ok(Self {
            corpus,
            requests: requests(&archive)?,
            sync,
            archive_bytes: archives::size(&archive)?,
            query_rows: printed(&mut query)?.lines().count() as f64,
            query: least_disturbed(21, || usage(&query))?,
            stats: least_disturbed(4, || usage(&stats))?,
        })
    }

    fn cells(&self) -> [String; 12] {
        let (sync, actions) = (&self.sync, self.actions());
        [
            short(actions),
            short(self.corpus.droplets as f64),
            if self.corpus.by_droplet {
                "droplets"
            } else {
                "account"
            }
            .to_owned(),
            number(self.requests),
            number(sync.seconds),
            number(sync.cpu_seconds * 1e6 / actions),
            number(sync.cpu_seconds * 1e3 / self.requests),
            number(sync.peak_bytes / MIB),
            format!(
                "{} / {}",
                number(sync.written_bytes / MIB),
                number(self.archive_bytes / MIB)
            ),
            format!(
                "{} / {}",
                number(self.query.seconds * 1e3),
                number(self.query_rows)
            ),
            number(self.stats.seconds * 1e3),
            number(self.stats.cpu_seconds * 1e9 / actions),
        ]
    }
}

/// The number of requests of the last sync.
fn requests(archive: &Path) -> Outcome<f64> {
    let sql = "SELECT requests FROM sync_runs ORDER BY id DESC LIMIT 1";
    let requests: u32 = archives::open(archive)?.query_row(sql, [], |row| row.get(0))?;
    Ok(f64::from(requests))
}

/// The smallest resources of several runs.
fn least_disturbed(rounds: usize, run: impl Fn() -> Outcome<Usage>) -> Outcome<Usage> {
    let mut least = run()?;
    for _ in 1..rounds {
        let usage = run()?;
        least.seconds = least.seconds.min(usage.seconds);
        least.cpu_seconds = least.cpu_seconds.min(usage.cpu_seconds);
    }
    Ok(least)
}

/// Measures all sizes, prints the table and writes the chart.
pub(crate) fn run(bench: &Bench) -> Outcome<()> {
    let by_actions = ACTIONS.map(|actions| Corpus::of_account(bench.sized(actions)));
    let by_droplets =
        DROPLETS.map(|droplets| Corpus::of_droplets(bench.sized(ACTIONS_OF_DROPLETS), droplets));
    let measured = |corpora: &[Corpus]| -> Outcome<Vec<Point>> {
        corpora
            .iter()
            .map(|corpus| Point::measured(bench, *corpus))
            .collect()
    };
    let (by_actions, by_droplets) = (measured(&by_actions)?, measured(&by_droplets)?);
    println!("{}\n", bench.machine());
    println!("{}", table(by_actions.iter().chain(&by_droplets)));
    for (what, points) in [("actions", &by_actions), ("droplets", &by_droplets)] {
        println!("With more {what}: {}.", verdict(points));
    }
    let path = chart_file(bench);
    std::fs::write(
        &path,
        chart::svg(&columns(bench, &by_actions, &by_droplets)),
    )?;
    eprintln!("the chart is {}", path.display());
    Ok(())
}

/// The chart of a tenth of the corpus is not for publication.
fn chart_file(bench: &Bench) -> PathBuf {
    if bench.sized(10) < 10 {
        bench::kept().join("growth.svg")
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/growth.svg")
    }
}

fn table<'a>(points: impl Iterator<Item = &'a Point>) -> String {
    let titles = [
        "actions",
        "droplets",
        "scope",
        "requests",
        "sync s",
        "CPU µs per action",
        "CPU ms per request",
        "peak MiB",
        "written / archive MiB",
        "query ms / rows",
        "stats ms",
        "CPU ns per action",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    lines.extend(points.map(Point::cells));
    markdown(&lines)
}

/// Names the curves that bend upwards at their end.
fn verdict(points: &[Point]) -> String {
    let [.., before, last] = points else {
        return "one size is no curve".to_owned();
    };
    let bent: Vec<String> = FIGURES
        .iter()
        .map(|figure| (figure, (figure.judged)(last) / (figure.judged)(before)))
        .filter(|(_, times)| *times > BENDS)
        .map(|(figure, times)| {
            format!(
                "`{}` bends upwards, {times:.2}× at the last step",
                figure.title
            )
        })
        .collect();
    if bent.is_empty() {
        "no curve bends upwards".to_owned()
    } else {
        bent.join(", ")
    }
}

fn columns(bench: &Bench, by_actions: &[Point], by_droplets: &[Point]) -> [Column; 2] {
    let panels = |points: &[Point], size: fn(&Point) -> f64| {
        let panel = |figure: &Figure| Panel {
            title: figure.title.to_owned(),
            points: points
                .iter()
                .map(|point| (size(point), (figure.shown)(point)))
                .collect(),
        };
        FIGURES.iter().map(panel).collect()
    };
    let many = short(bench.sized(ACTIONS_OF_DROPLETS) as f64);
    [
        Column {
            title: "The whole account, 500 droplets".to_owned(),
            axis: "actions".to_owned(),
            panels: panels(by_actions, Point::actions),
        },
        Column {
            title: format!("{many} actions, droplet by droplet"),
            axis: "droplets".to_owned(),
            panels: panels(by_droplets, |point| point.corpus.droplets as f64),
        },
    ]
}
