//! Failed actions by month, stacked by type.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::chart::{Axes, HEIGHT, LEFT, Months};
use super::{Window, as_table};
use crate::output::grouped;
use crate::web::kept::Kept;

/// The number of types with a colour of their own. All others share one.
const MOST_TYPES: usize = 5;
const OTHERS: &str = "other types";

/// The failures of a month, by the place of their type in the legend, and its number of ended actions.
type Month = BTreeMap<usize, u64>;

/// Draws the answer of `stats --by day,type`.
pub(super) fn failures(by_day: &Kept, window: &Window) -> Markup {
    let mut of_type = BTreeMap::<&str, u64>::new();
    let mut of_month = BTreeMap::<&str, BTreeMap<&str, u64>>::new();
    for row in by_day.rows() {
        let errored = row.integer("errored").unwrap_or(0).unsigned_abs();
        let (Some(day), true) = (row.text("day"), errored > 0) else {
            continue;
        };
        let kind = row.text("type").unwrap_or("unknown");
        *of_type.entry(kind).or_default() += errored;
        let month = day.get(..7).unwrap_or(day);
        *of_month.entry(month).or_default().entry(kind).or_default() += errored;
    }
    if of_type.is_empty() {
        return html! { p { "No action failed in this window." } };
    }
    let mut types: Vec<(&str, u64)> = of_type.into_iter().collect();
    types.sort_by_key(|(_, errored)| std::cmp::Reverse(*errored));
    let mut legend: Vec<&str> = types
        .iter()
        .take(MOST_TYPES)
        .map(|(kind, _)| *kind)
        .collect();
    if types.len() > MOST_TYPES {
        legend.push(OTHERS);
    }
    let place = |kind: &str| {
        legend
            .iter()
            .position(|it| *it == kind)
            .unwrap_or(MOST_TYPES)
    };
    let mut stacks = BTreeMap::<&str, Month>::new();
    for (month, kinds) in &of_month {
        for (kind, errored) in kinds {
            *stacks
                .entry(month)
                .or_default()
                .entry(place(kind))
                .or_default() += errored;
        }
    }
    html! {
        ul .legend {
            @for (index, kind) in legend.iter().enumerate() {
                li { svg viewBox="0 0 20 24" aria-hidden="true" { rect .{ "series-" (index) } y="4" width="16" height="16" {} } " " bdi { (kind) } }
            }
        }
        (drawing(&stacks, &legend, window))
        (table(&of_month))
    }
}

fn drawing(stacks: &BTreeMap<&str, Month>, legend: &[&str], window: &Window) -> Markup {
    let months = Months::of(window);
    let greatest = stacks
        .values()
        .map(|month| month.values().sum())
        .max()
        .unwrap_or(0);
    let axes = Axes::new(greatest, grouped);
    html! {
        div .scroll tabindex="0" role="group" aria-label="Failed actions by month" {
        svg .chart viewBox=(months.view_box()) role="img" aria-label="Failed actions by month and type" {
            (axes.drawn(&months))
            @for (name, stack) in stacks {
                @if let Some(x) = months.x(name) {
                    @for (index, from, to) in layers(stack) {
                        rect .{ "series-" (index) } x=(x) width=(months.bar_width())
                            y=(axes.y(to)) height=(axes.y(from) - axes.y(to)) {
                            title { (name) ": " (grouped(to - from)) " failed, " (legend.get(index).copied().unwrap_or(OTHERS)) }
                        }
                    }
                }
            }
            line .axis x1=(LEFT) x2=(months.width()) y1=(HEIGHT) y2=(HEIGHT) {}
        }
        }
    }
}

/// The place in the legend, the lower and the upper end of each layer of a bar.
fn layers(stack: &Month) -> Vec<(usize, u64, u64)> {
    let mut from = 0;
    let layer = |(index, errored): (&usize, &u64)| {
        let to = from + errored;
        let layer = (*index, from, to);
        from = to;
        layer
    };
    stack.iter().map(layer).collect()
}

fn table(of_month: &BTreeMap<&str, BTreeMap<&str, u64>>) -> Markup {
    let kinds: BTreeSet<&str> = of_month
        .values()
        .flat_map(BTreeMap::keys)
        .copied()
        .collect();
    let mut headings = vec!["Month"];
    headings.extend(&kinds);
    let rows = of_month.iter().rev().map(|(month, errored)| {
        let mut cells = vec![(*month).to_owned()];
        let number = |kind: &&str| {
            errored
                .get(kind)
                .map_or_else(String::new, |it| grouped(*it))
        };
        cells.extend(kinds.iter().map(number));
        cells
    });
    as_table("Failed actions by month and type", &headings, rows)
}
