//! Charts by month: failed actions stacked by type, and the durations of backups and snapshots, of which half, and 95
//! percent, took no longer. [`Chart`] is the frame of both.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Window, as_table, key, scrolled};
use crate::core::model::BACKUPS;
use crate::core::time::{CalendarUnit, duration_text};
use crate::output::grouped;
use crate::web::kept::{Kept, Row};

const FAILURES: &str = "Failed actions by month and type";
/// The number of types with a colour of their own. All others share one.
const MOST_TYPES: usize = 5;
const OTHERS: &str = "other types";

/// The number of failures of each type.
type Failures<'a> = BTreeMap<&'a str, u64>;

/// Draws the answer of `stats --by day,type`.
pub(super) fn failures(by_day: &Kept, window: &Window) -> Markup {
    let (mut all, mut months) = (Failures::new(), BTreeMap::<&str, Failures<'_>>::new());
    for row in by_day.rows() {
        let errored = row.count("errored");
        let (Some(day), true) = (row.text("day"), errored > 0) else {
            continue;
        };
        let kind = row.text("type").unwrap_or("unknown");
        let month = months.entry(day.get(..7).unwrap_or(day)).or_default();
        for failures in [month, &mut all] {
            *failures.entry(kind).or_default() += errored;
        }
    }
    if all.is_empty() {
        return html! { p { "No action failed in this window." } };
    }
    let mut legend: Vec<&str> = all.keys().copied().collect();
    legend.sort_by_key(|kind| Reverse(all[kind]));
    if legend.len() > MOST_TYPES {
        legend.truncate(MOST_TYPES);
        legend.push(OTHERS);
    }
    html! {
        ul .legend {
            @for (index, kind) in legend.iter().enumerate() {
                li { (key(&html! { rect .{ "series-" (index) } y="4" width="16" height="16" {} })) bdi { (kind) } }
            }
        }
        (stacked_bars(&months, &legend, window))
        (failures_table(&months, &all))
    }
}

fn stacked_bars(months: &BTreeMap<&str, Failures<'_>>, legend: &[&str], window: &Window) -> Markup {
    let greatest = months.values().map(|month| month.values().sum()).max();
    let chart = Chart::new(window, greatest.unwrap_or(0), grouped);
    let width = tenths(chart.step() * 0.8).clamp(0.5, 60.0);
    let bars = html! {
        @for (name, month) in months {
            @if let Some(x) = chart.x(name) {
                @for (index, from, to) in layers(month, legend) {
                    rect .{ "series-" (index) } x=(x) width=(width)
                        y=(chart.y(to)) height=(chart.y(from) - chart.y(to)) {
                        title { (name) ": " (grouped(to - from)) " failed, " (legend[index]) }
                    }
                }
            }
        }
    };
    chart.drawn(FAILURES, &bars)
}

/// The place in the legend, the lower and the upper end of each layer of a bar.
fn layers(month: &Failures<'_>, legend: &[&str]) -> Vec<(usize, u64, u64)> {
    let mut from = 0;
    let mut numbers = vec![0; legend.len()];
    for (kind, errored) in month {
        let index = legend.iter().position(|it| it == kind);
        numbers[index.unwrap_or(MOST_TYPES)] += errored;
    }
    let layers = numbers.iter().enumerate().map(|(index, number)| {
        from += number;
        (index, from - number, from)
    });
    layers.filter(|(_, from, to)| from < to).collect()
}

fn failures_table(months: &BTreeMap<&str, Failures<'_>>, all: &Failures<'_>) -> Markup {
    let mut headings = vec!["Month"];
    headings.extend(all.keys());
    let rows = months.iter().rev().map(|(month, failures)| {
        let numbers = all.keys().map(|kind| failures.get(kind));
        let numbers = numbers.map(|it| it.map_or_else(String::new, |it| grouped(*it)));
        let month = [(*month).to_owned()].into_iter();
        month.chain(numbers).collect()
    });
    as_table(FAILURES, &headings, rows)
}

const DURATIONS: &str = "Duration of backups and snapshots by month";
/// The measures of each type, with their lines.
const MEASURES: [(&str, &str, &str); 2] = [
    ("p50_seconds", "median", "solid"),
    ("p95_seconds", "95 percent", "dashed"),
];

/// Draws the answer of `stats --durations --by month,type`.
pub(super) fn durations(by_month: &Kept, window: &Window) -> Markup {
    // A filter may ask for other types.
    let is_shown = |row: &Row<'_>| row.text("type").is_some_and(|it| BACKUPS.contains(&it));
    let rows: Vec<_> = by_month.rows().filter(is_shown).collect();
    let greatest = rows.iter().filter_map(|row| row.integer("p95_seconds"));
    let Some(greatest) = greatest.max() else {
        return html! { p { "No backup or snapshot with a known duration in this window." } };
    };
    let chart = Chart::new(window, greatest.unsigned_abs(), in_words);
    let lines = BACKUPS.iter().enumerate();
    let lines = lines.flat_map(|line| MEASURES.map(|measure| (line, measure)));
    html! {
        ul .legend {
            @for ((index, kind), (_, measure, line)) in lines.clone() {
                li { (key(&html! { path .line.{ "line-" (index) }.(line) d="M0 12h20" {} })) (kind) ", " (measure) }
            }
        }
        (chart.drawn(DURATIONS, &html! {
            @for ((index, kind), (column, measure, line)) in lines {
                @let points = points(&rows, kind, column, &chart);
                path .line.{ "line-" (index) }.(line) d=(path(&points, &chart)) {}
                @for (month, x, seconds) in &points {
                    circle .{ "dot-" (index) } cx=(x) cy=(chart.y(*seconds)) r="2.5" {
                        title { (month) ": " (kind) ", " (measure) " " (in_words(*seconds)) }
                    }
                }
            }
        }))
        (durations_table(&rows))
    }
}

fn in_words(seconds: u64) -> String {
    duration_text(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The month, the x and the seconds of each point.
fn points<'a>(
    rows: &[Row<'a>],
    kind: &str,
    column: &str,
    chart: &Chart,
) -> Vec<(&'a str, f64, u64)> {
    let rows = rows.iter().filter(|row| row.text("type") == Some(kind));
    let point = |row: &Row<'a>| {
        let month = row.text("month")?;
        let seconds = row.integer(column)?.unsigned_abs();
        let middle = chart.x(month)? + chart.step() * 0.4;
        Some((month, tenths(middle), seconds))
    };
    rows.filter_map(point).collect()
}

fn path(points: &[(&str, f64, u64)], chart: &Chart) -> String {
    let point = |(_, x, seconds): &(&str, f64, u64)| format!("{x} {}", chart.y(*seconds));
    let points: Vec<_> = points.iter().map(point).collect();
    match points.is_empty() {
        true => String::new(),
        false => format!("M{}", points.join("L")),
    }
}

fn durations_table(rows: &[Row<'_>]) -> Markup {
    let counted = rows.iter().rev();
    let counted = counted.filter(|row| row.integer("n").is_some_and(|number| number > 0));
    let cells = counted.map(|row| {
        let seconds = |column| row.integer(column).map_or_else(String::new, duration_text);
        vec![
            row.text("month").unwrap_or("unknown").to_owned(),
            row.text("type").unwrap_or("unknown").to_owned(),
            grouped(row.count("n")),
            seconds("p50_seconds"),
            seconds("p95_seconds"),
            seconds("max_seconds"),
        ]
    });
    let headings = ["Month", "Type", "Number", "Median", "95 percent", "Longest"];
    as_table(DURATIONS, &headings, cells)
}

/// The height of the drawing without the names of the months.
const HEIGHT: f64 = 180.0;
const BELOW: f64 = 20.0;
const LEFT: f64 = 56.0;
const WIDTH: f64 = 720.0;

/// The months of the window from left to right, and the numbers from 0 at the bottom to the greatest.
struct Chart {
    months: Vec<String>,
    greatest: u64,
    text: fn(u64) -> String,
}

impl Chart {
    /// `text` words a number of the scale.
    fn new(window: &Window, greatest: u64, text: fn(u64) -> String) -> Self {
        let months = CalendarUnit::Month.between(window.since, window.until, &window.zone);
        Self {
            months: months.into_iter().map(|(name, ..)| name).collect(),
            // An even number has a half.
            greatest: greatest.next_multiple_of(2).max(2),
            text,
        }
    }

    fn step(&self) -> f64 {
        (WIDTH - LEFT) / self.months.len().max(1) as f64
    }

    /// The left end of the bar of a month.
    fn x(&self, name: &str) -> Option<f64> {
        let index = self.months.iter().position(|month| month == name)?;
        Some(tenths(LEFT + self.step() * (index as f64 + 0.1)))
    }

    fn y(&self, number: u64) -> f64 {
        tenths(HEIGHT - HEIGHT * number as f64 / self.greatest as f64)
    }

    /// The names below the axis: months, or years where they would overlap.
    fn labels(&self) -> impl Iterator<Item = (&str, f64)> {
        let every = match self.months.len() {
            0..=12 => 1,
            13..=24 => 2,
            _ => 12,
        };
        let named = self.months.iter().enumerate();
        named.filter_map(move |(index, name)| {
            let text = match every {
                12 => name.strip_suffix("-01")?,
                every => Some(name.as_str()).filter(|_| index % every == 0)?,
            };
            Some((text, self.x(name)?))
        })
    }

    /// The chart around its marks: three lines with their numbers, and the names of the months.
    fn drawn(&self, title: &str, marks: &Markup) -> Markup {
        let view_box = format!("0 -10 {WIDTH} {}", HEIGHT + BELOW + 10.0);
        let drawing = html! {
            svg .chart viewBox=(view_box) role="img" aria-label=(title) {
                @for number in [0, self.greatest / 2, self.greatest] {
                    line .grid x1=(LEFT) x2=(WIDTH) y1=(self.y(number)) y2=(self.y(number)) {}
                    text .scale x=(LEFT - 6.0) y=(self.y(number) + 4.0) { ((self.text)(number)) }
                }
                @for (name, x) in self.labels() {
                    text x=(x) y=(HEIGHT + 16.0) { (name) }
                }
                (marks)
                line .axis x1=(LEFT) x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
            }
        };
        scrolled(title, &drawing)
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
