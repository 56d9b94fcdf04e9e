//! How the figures grow: with the number of actions, and with the number of droplets that are read one by one.
//!
//! What counts is the figure per action (or page): a curve of it that falls or stays flat is work in proportion to the
//! account, and one that rises is not. There is no peer here to compare with, so of several runs the fastest counts: it
//! is the one that was disturbed least.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::archives::{self, Syncs, question};
use crate::bench::{self, Bench};
use crate::chart::{self, Column, Panel, short};
use crate::corpus::Corpus;
use crate::figure::{markdown, number};
use crate::measure::{Usage, printed, seconds, usage};

const ACTIONS: [usize; 4] = [5_000, 50_000, 500_000, 5_000_000];
const DROPLETS: [usize; 5] = [1, 10, 100, 1_000, 5_000];
/// Among so many actions the number of droplets varies.
const ACTIONS_OF_DROPLETS: usize = 100_000;
/// What is more than this many times as much per action as at the size before bends upwards; less may be noise.
const BENDS: f64 = 1.2;
const MIB: f64 = (1 << 20) as f64;

/// What was measured at one size.
struct Point {
    corpus: Corpus,
    /// What a first sync asked.
    requests: f64,
    sync: Usage,
    archive_bytes: f64,
    query_seconds: f64,
    query_rows: f64,
    stats_seconds: f64,
}

/// A figure, as the chart shows it and as the curve is judged.
struct Figure {
    title: &'static str,
    shown: fn(&Point) -> f64,
    /// What must not rise.
    judged: fn(&Point) -> f64,
}

const FIGURES: [Figure; 5] = [
    Figure {
        title: "First sync, µs per action",
        shown: |point| point.sync.seconds * 1e6 / point.actions(),
        judged: |point| point.sync.seconds / point.actions().max(200.0 * point.requests),
    },
    Figure {
        title: "Peak memory of a first sync, MiB",
        shown: |point| point.sync.peak_bytes / MIB,
        judged: |point| point.sync.peak_bytes,
    },
    Figure {
        title: "Written by a first sync, bytes per action",
        shown: |point| point.sync.written_bytes / point.actions(),
        judged: |point| point.sync.written_bytes / point.actions().max(200.0 * point.requests),
    },
    Figure {
        title: "Query for one type in one week, ms",
        shown: |point| point.query_seconds * 1e3,
        judged: |point| point.query_seconds / point.query_rows.max(1.0),
    },
    Figure {
        title: "Stats by week and type, ns per action",
        shown: |point| point.stats_seconds * 1e9 / point.actions(),
        judged: |point| point.stats_seconds / point.actions(),
    },
];

impl Point {
    fn actions(&self) -> f64 {
        self.corpus.actions as f64
    }

    fn measured(bench: &Bench, corpus: Corpus) -> Outcome<Self> {
        eprintln!(
            "measuring {} actions, {} droplets",
            corpus.actions, corpus.droplets
        );
        let archive = bench.scratch("growth.db");
        let syncs = Syncs::of(bench, corpus)?;
        let rounds = if corpus.actions > 1_000_000 { 1 } else { 3 };
        let sync = fastest(
            (0..rounds)
                .map(|_| syncs.first(&archive))
                .collect::<Outcome<_>>()?,
        )?;
        let week = [
            "--since",
            "2023-03-06",
            "--until",
            "2023-03-12",
            "-o",
            "csv",
            "--no-header",
        ];
        let mut query = question(
            &archive,
            &[&["query", "--type", "reboot"], &week[..]].concat(),
        );
        let query_rows = printed(&mut query)?.lines().count() as f64;
        let query_times = (0..21)
            .map(|_| seconds(&mut query))
            .collect::<Outcome<Vec<_>>>()?;
        let stats = question(&archive, &["stats", "--by", "week,type", "-o", "csv"]);
        usage(&stats)?;
        let stats_times = (0..3)
            .map(|_| Ok(usage(&stats)?.seconds))
            .collect::<Outcome<Vec<_>>>()?;
        Ok(Self {
            corpus,
            requests: requests(&archive)?,
            sync,
            archive_bytes: archives::size(&archive)?,
            query_seconds: least(query_times),
            query_rows,
            stats_seconds: least(stats_times),
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
            number(sync.seconds * 1e6 / actions),
            number(sync.seconds * 1e3 / self.requests),
            number(sync.peak_bytes / MIB),
            format!(
                "{} / {}",
                number(sync.written_bytes / MIB),
                number(self.archive_bytes / MIB)
            ),
            format!(
                "{} / {}",
                number(self.query_seconds * 1e3),
                number(self.query_rows)
            ),
            number(self.stats_seconds * 1e3),
            number(self.stats_seconds * 1e9 / actions),
        ]
    }
}

/// How many requests the last sync sent.
fn requests(archive: &Path) -> Outcome<f64> {
    let sql = "SELECT requests FROM sync_runs ORDER BY id DESC LIMIT 1";
    let requests: u32 = archives::open(archive)?.query_row(sql, [], |row| row.get(0))?;
    Ok(f64::from(requests))
}

/// The fastest of several syncs.
fn fastest(mut usages: Vec<Usage>) -> Outcome<Usage> {
    usages.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    usages.first().copied().ok_or_else(|| "no sync".into())
}

fn least(times: Vec<f64>) -> f64 {
    times.into_iter().fold(f64::INFINITY, f64::min)
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

/// A tenth of the corpus is no figure to show around.
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
        "µs per action",
        "ms per request",
        "peak MiB",
        "written / archive MiB",
        "query ms / rows",
        "stats ms",
        "ns per action",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    lines.extend(points.map(Point::cells));
    markdown(&lines)
}

/// Which curves bend upwards at their end.
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
