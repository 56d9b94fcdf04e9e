//! The durations of backups and snapshots by month: half of them, and 95 percent of them, took no longer.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::chart::{Axes, HEIGHT, LEFT, Months};
use super::{Window, as_table};
use crate::core::time::duration_text;
use crate::output::grouped;
use crate::web::kept::{Kept, Row};

/// The types, and the measures of each with its line.
const TYPES: [&str; 2] = ["backup", "snapshot"];
const MEASURES: [(&str, &str, &str); 2] = [
    ("p50_seconds", "median", "solid"),
    ("p95_seconds", "95 percent", "dashed"),
];

/// Draws the answer of `stats --durations --by month,type`.
pub(super) fn durations(by_month: &Kept, window: &Window) -> Markup {
    let greatest = by_month
        .rows()
        .filter(is_shown)
        .filter_map(|row| row.integer("p95_seconds"))
        .max();
    let Some(greatest) = greatest else {
        return html! { p { "No backup or snapshot with a known duration in this window." } };
    };
    let months = Months::of(window);
    let axes = Axes::new(greatest.unsigned_abs(), text);
    html! {
        ul .legend {
            @for (index, kind) in TYPES.iter().enumerate() {
                @for (_, measure, line) in MEASURES {
                    li {
                        svg viewBox="0 0 20 24" aria-hidden="true" { path .line.{ "line-" (index) }.(line) d="M0 12h20" {} }
                        " " (kind) ", " (measure)
                    }
                }
            }
        }
        div .scroll tabindex="0" role="group" aria-label="Duration of backups and snapshots" {
        svg .chart viewBox=(months.view_box()) role="img" aria-label="Duration of backups and snapshots by month" {
            (axes.drawn(&months))
            line .axis x1=(LEFT) x2=(months.width()) y1=(HEIGHT) y2=(HEIGHT) {}
            @for (index, kind) in TYPES.iter().enumerate() {
                @for (column, measure, line) in MEASURES {
                    @let points = points(by_month, kind, column, &months);
                    path .line.{ "line-" (index) }.(line) d=(path(&points, &axes)) {}
                    @for (month, x, seconds) in &points {
                        circle .{ "dot-" (index) } cx=(x) cy=(axes.y(*seconds)) r="2.5" {
                            title { (month) ": " (kind) ", " (measure) " " (text(*seconds)) }
                        }
                    }
                }
            }
        }
        }
        (table(by_month))
    }
}

/// False for a row of another type, which a filter may ask for.
fn is_shown(row: &Row<'_>) -> bool {
    row.text("type").is_some_and(|kind| TYPES.contains(&kind))
}

fn text(seconds: u64) -> String {
    duration_text(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The month, the x and the seconds of each point.
fn points<'a>(
    by_month: &'a Kept,
    kind: &str,
    column: &str,
    months: &Months,
) -> Vec<(&'a str, f64, u64)> {
    let rows = by_month.rows().filter(|row| row.text("type") == Some(kind));
    let point = |row: Row<'a>| {
        let month = row.text("month")?;
        let seconds = row.integer(column)?.unsigned_abs();
        Some((month, months.middle(month)?, seconds))
    };
    rows.filter_map(point).collect()
}

fn path(points: &[(&str, f64, u64)], axes: &Axes) -> String {
    let mut path = String::new();
    for (_, x, seconds) in points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{x} {}", axes.y(*seconds));
    }
    path
}

fn table(by_month: &Kept) -> Markup {
    let mut rows: Vec<_> = by_month
        .rows()
        .filter(|row| is_shown(row) && row.integer("n").is_some_and(|number| number > 0))
        .map(|row| {
            let seconds = |column| row.integer(column).map_or_else(String::new, duration_text);
            vec![
                row.text("month").unwrap_or("unknown").to_owned(),
                row.text("type").unwrap_or("unknown").to_owned(),
                grouped(row.integer("n").unwrap_or(0).unsigned_abs()),
                seconds("p50_seconds"),
                seconds("p95_seconds"),
                seconds("max_seconds"),
            ]
        })
        .collect();
    rows.reverse();
    as_table(
        "Duration of backups and snapshots by month",
        &["Month", "Type", "Number", "Median", "95 percent", "Longest"],
        rows.into_iter(),
    )
}
