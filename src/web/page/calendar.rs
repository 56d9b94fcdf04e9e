//! The calendar: one square for each day, a row of weeks for each year, the newest year first.
//!
//! The radio buttons choose between actions, failures and backups without any script: each square has a class for each
//! of the three, and the style colours the chosen one.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Window, as_table, plural};
use crate::core::time::CalendarUnit;
use crate::output::grouped;
use crate::web::kept::Kept;

/// The numbers of one day.
#[derive(Clone, Copy, Default)]
struct Day {
    actions: u64,
    failures: u64,
    backups: u64,
}

impl Day {
    fn numbers(self) -> [u64; 3] {
        [self.actions, self.failures, self.backups]
    }

    fn add(&mut self, other: Self) {
        self.actions += other.actions;
        self.failures += other.failures;
        self.backups += other.backups;
    }
}

/// The side of a square with its gap, and the room for the names of weekdays and months.
const STEP: usize = 13;
const LEFT: usize = 40;
const TOP: usize = 18;
/// The value of each radio button, and its label.
const CHOICES: [(&str, &str); 3] = [
    ("actions", "All actions"),
    ("failures", "Failures"),
    ("backups", "Backups and snapshots"),
];
/// The types that count as backups.
const BACKUPS: [&str; 2] = ["backup", "snapshot"];

/// Draws the answer of `stats --by day,type`.
pub(super) fn calendar(by_day: &Kept, window: &Window) -> Markup {
    let mut days = BTreeMap::<String, Day>::new();
    for row in by_day.rows() {
        let Some(day) = row.text("day") else { continue };
        let count = row.integer("count").unwrap_or(0).unsigned_abs();
        let is_backup = row.text("type").is_some_and(|kind| BACKUPS.contains(&kind));
        days.entry(day.to_owned()).or_default().add(Day {
            actions: count,
            failures: row.integer("errored").unwrap_or(0).unsigned_abs(),
            backups: if is_backup { count } else { 0 },
        });
    }
    let busy = [0, 1, 2].map(|index| busy(days.values().map(|day| day.numbers()[index])));
    html! {
        @for (value, label) in CHOICES {
            input type="radio" name="calendar" value=(value) id={ "calendar-" (value) } checked[value == "actions"];
            label for={ "calendar-" (value) } { (label) }
        }
        div .scroll tabindex="0" role="group" aria-label="Calendar" { (drawing(&days, busy, window)) }
        p .legend { "The stronger the colour, the more. Grey: none." }
        p #calendar-detail .detail aria-live="polite" {}
        (by_month(&days))
    }
}

fn drawing(days: &BTreeMap<String, Day>, busy: [u64; 3], window: &Window) -> Markup {
    let mut years = BTreeMap::<String, Vec<Square>>::new();
    for square in squares(window) {
        years
            .entry(square.date[..4].to_owned())
            .or_default()
            .push(square);
    }
    let height = TOP + 8 * STEP;
    html! {
        svg .calendar viewBox=(format!("0 0 {} {}", LEFT + 54 * STEP, height * years.len().max(1)))
            role="img" aria-label="Actions of each day" {
            @for (index, (year, squares)) in years.iter().rev().enumerate() {
                g transform=(format!("translate(0 {})", index * height)) {
                    text x="0" y="12" .year { (year) }
                    @for (row, name) in [(0, "Mo"), (2, "We"), (4, "Fr")] {
                        text x="0" y=(TOP + row * STEP + 10) { (name) }
                    }
                    @for square in squares.iter().filter(|it| it.date.ends_with("-01")) {
                        text x=(LEFT + square.week * STEP) y="12" { (month_name(&square.date)) }
                    }
                    @for square in squares {
                        @let day = days.get(&square.date).copied().unwrap_or_default();
                        rect data-day=(square.date) class=(classes(day, busy))
                            x=(LEFT + square.week * STEP) y=(TOP + square.weekday * STEP)
                            width=(STEP - 2) height=(STEP - 2) rx="2" {
                            title { (in_words(&square.date, day)) }
                        }
                    }
                }
            }
        }
    }
}

/// A day of the window and its place in the row of its year.
struct Square {
    date: String,
    /// The column, from 0.
    week: usize,
    /// Monday is 0.
    weekday: usize,
}

fn squares(window: &Window) -> Vec<Square> {
    let days = CalendarUnit::Day.between(window.since, window.until, &window.zone);
    let mut squares: Vec<Square> = Vec::with_capacity(days.len());
    for (date, start, _) in days {
        let weekday = CalendarUnit::Weekday.at(start, &window.zone) - 1;
        let weekday = usize::try_from(weekday).unwrap_or(0);
        let week = match squares.last() {
            Some(last) if last.date[..4] == date[..4] => last.week + usize::from(weekday == 0),
            Some(_) => 0,
            None => day_of_year(&date) / 7,
        };
        squares.push(Square {
            date,
            week,
            weekday,
        });
    }
    squares
}

/// The number of days since the first of January, to the nearest few: it places the first square alone.
fn day_of_year(date: &str) -> usize {
    let number = |range| {
        date.get(range)
            .and_then(|text: &str| text.parse::<usize>().ok())
            .unwrap_or(1)
    };
    (number(5..7) - 1) * 304 / 10 + number(8..10) - 1
}

fn month_name(date: &str) -> &'static str {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = date.get(5..7).and_then(|month| month.parse::<usize>().ok());
    month
        .and_then(|month| NAMES.get(month.wrapping_sub(1)))
        .copied()
        .unwrap_or("")
}

/// The number that one in twenty of the days with any exceeds. It has the darkest square, so that one odd day does not
/// make all others pale.
fn busy(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut numbers: Vec<u64> = numbers.filter(|number| *number > 0).collect();
    numbers.sort_unstable();
    let place = numbers.len().saturating_sub(1) * 19 / 20;
    numbers.get(place).copied().unwrap_or(1)
}

/// `a3 f0 b1`: how dark the square is for each choice, from 0 to 4.
fn classes(day: Day, busy: [u64; 3]) -> String {
    let [a, f, b] = [0, 1, 2].map(|index| (day.numbers()[index] * 4).div_ceil(busy[index]).min(4));
    format!("a{a} f{f} b{b}")
}

fn in_words(date: &str, day: Day) -> String {
    let mut text = format!("{date}: {}", plural(day.actions, "action"));
    if day.failures > 0 {
        text += &format!(", {} failed", grouped(day.failures));
    }
    if day.backups > 0 {
        text += &format!(", {}", plural(day.backups, "backup"));
    }
    text
}

fn by_month(days: &BTreeMap<String, Day>) -> Markup {
    let mut months = BTreeMap::<&str, Day>::new();
    for (date, day) in days {
        months.entry(&date[..7]).or_default().add(*day);
    }
    let rows = months.iter().rev().map(|(month, day)| {
        let mut cells = vec![(*month).to_owned()];
        cells.extend(day.numbers().map(grouped));
        cells
    });
    as_table(
        "Actions by month",
        &["Month", "Actions", "Failures", "Backups and snapshots"],
        rows,
    )
}
