//! Failed actions by month, stacked by type.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::Chart;
use super::{Window, as_table, key};
use crate::output::grouped;
use crate::web::kept::Kept;

const TITLE: &str = "Failed actions by month and type";
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
        (drawing(&months, &legend, window))
        (table(&months, &all))
    }
}

fn drawing(months: &BTreeMap<&str, Failures<'_>>, legend: &[&str], window: &Window) -> Markup {
    let greatest = months.values().map(|month| month.values().sum()).max();
    let chart = Chart::new(window, greatest.unwrap_or(0), grouped);
    let bars = html! {
        @for (name, month) in months {
            @if let Some(x) = chart.x(name) {
                @for (index, from, to) in layers(month, legend) {
                    rect .{ "series-" (index) } x=(x) width=(chart.bar_width())
                        y=(chart.y(to)) height=(chart.y(from) - chart.y(to)) {
                        title { (name) ": " (grouped(to - from)) " failed, " (legend[index]) }
                    }
                }
            }
        }
    };
    chart.drawn(TITLE, &bars)
}

/// The place in the legend, the lower and the upper end of each layer of a bar.
fn layers(month: &Failures<'_>, legend: &[&str]) -> Vec<(usize, u64, u64)> {
    let mut from = 0;
    let others = month.iter().filter(|(kind, _)| !legend.contains(kind));
    let others: u64 = others.map(|(_, errored)| errored).sum();
    let layer = |(index, kind): (usize, &&str)| {
        let number = match index {
            MOST_TYPES => others,
            _ => month.get(kind).copied().unwrap_or(0),
        };
        let layer = (index, from, from + number);
        from += number;
        layer
    };
    let layers = legend.iter().enumerate().map(layer);
    layers.filter(|(_, from, to)| from < to).collect()
}

fn table(months: &BTreeMap<&str, Failures<'_>>, all: &Failures<'_>) -> Markup {
    let mut headings = vec!["Month"];
    headings.extend(all.keys());
    let rows = months.iter().rev().map(|(month, failures)| {
        let number = |kind| {
            failures
                .get(kind)
                .copied()
                .map_or_else(String::new, grouped)
        };
        let mut cells = vec![(*month).to_owned()];
        cells.extend(all.keys().map(number));
        cells
    });
    as_table(TITLE, &headings, rows)
}
