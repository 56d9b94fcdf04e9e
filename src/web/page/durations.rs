//! The durations of backups and snapshots by month: half of them, and 95 percent of them, took no longer.

use maud::{Markup, html};

use super::chart::Chart;
use super::{Window, as_table, key};
use crate::core::model::BACKUPS;
use crate::core::time::duration_text;
use crate::output::grouped;
use crate::web::kept::{Kept, Row};

const TITLE: &str = "Duration of backups and snapshots by month";
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
    let chart = Chart::new(window, greatest.unsigned_abs(), text);
    let lines = BACKUPS.iter().enumerate();
    let lines = lines.flat_map(|line| MEASURES.map(|measure| (line, measure)));
    html! {
        ul .legend {
            @for ((index, kind), (_, measure, line)) in lines.clone() {
                li { (key(&html! { path .line.{ "line-" (index) }.(line) d="M0 12h20" {} })) (kind) ", " (measure) }
            }
        }
        (chart.drawn(TITLE, &html! {
            @for ((index, kind), (column, measure, line)) in lines {
                @let points = points(&rows, kind, column, &chart);
                path .line.{ "line-" (index) }.(line) d=(path(&points, &chart)) {}
                @for (month, x, seconds) in &points {
                    circle .{ "dot-" (index) } cx=(x) cy=(chart.y(*seconds)) r="2.5" {
                        title { (month) ": " (kind) ", " (measure) " " (text(*seconds)) }
                    }
                }
            }
        }))
        (table(&rows))
    }
}

fn text(seconds: u64) -> String {
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
        Some((month, chart.middle(month)?, seconds))
    };
    rows.filter_map(point).collect()
}

fn path(points: &[(&str, f64, u64)], chart: &Chart) -> String {
    let points = points.iter().map(|(_, x, seconds)| (x, chart.y(*seconds)));
    let points: Vec<_> = points.map(|(x, y)| format!("{x} {y}")).collect();
    match points.as_slice() {
        [] => String::new(),
        points => format!("M{}", points.join("L")),
    }
}

fn table(rows: &[Row<'_>]) -> Markup {
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
    as_table(TITLE, &headings, cells)
}
