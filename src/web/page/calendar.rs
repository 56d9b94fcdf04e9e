//! The calendar: one square for each day, a row of weeks for each year, the newest year first.
//!
//! The radio buttons choose between actions, failures and backups without any script: each square has a class for each
//! of the three, and the style colours the chosen one.

use std::collections::BTreeMap;

use jiff::civil::Date;
use maud::{Markup, html};

use super::{Window, as_table, scrolled};
use crate::core::model::BACKUPS;
use crate::core::time::CalendarUnit;
use crate::output::{counted, grouped};
use crate::web::kept::Kept;

/// The numbers of one day, in the order of [`CHOICES`].
type Day = [u64; 3];

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

/// Draws the answer of `stats --by day,type`.
pub(super) fn calendar(by_day: &Kept, window: &Window) -> Markup {
    let (mut days, mut months) = (BTreeMap::<&str, Day>::new(), BTreeMap::<&str, Day>::new());
    for row in by_day.rows() {
        let Some(day) = row.text("day") else { continue };
        let count = row.count("count");
        let is_backup = row.text("type").is_some_and(|kind| BACKUPS.contains(&kind));
        let backups = if is_backup { count } else { 0 };
        let numbers = [count, row.count("errored"), backups];
        let month = months.entry(day.get(..7).unwrap_or(day)).or_default();
        for sums in [month, days.entry(day).or_default()] {
            for (sum, number) in sums.iter_mut().zip(numbers) {
                *sum += number;
            }
        }
    }
    let rows = months.iter().rev().map(|(month, numbers)| {
        let numbers = numbers.map(grouped);
        [vec![(*month).to_owned()], numbers.to_vec()].concat()
    });
    let headings = ["Month", "Actions", "Failures", "Backups and snapshots"];
    html! {
        @for (value, label) in CHOICES {
            input type="radio" name="calendar" value=(value) id={ "calendar-" (value) } checked[value == "actions"];
            label for={ "calendar-" (value) } { (label) }
        }
        (scrolled("Calendar", &drawing(&days, window)))
        p .legend { "The stronger the colour, the more. Grey: none." }
        p #calendar-detail .detail aria-live="polite" {}
        (as_table("Actions by month", &headings, rows))
    }
}

fn drawing(days: &BTreeMap<&str, Day>, window: &Window) -> Markup {
    let busy = [0, 1, 2].map(|index| busy(days.values().map(|day| day[index])));
    let mut years = BTreeMap::<i16, Vec<Date>>::new();
    for (date, ..) in CalendarUnit::Day.between(window.since, window.until, &window.zone) {
        if let Ok(date) = date.parse::<Date>() {
            years.entry(date.year()).or_default().push(date);
        }
    }
    let height = TOP + 8 * STEP;
    html! {
        svg .calendar viewBox=(format!("0 0 {} {}", LEFT + 54 * STEP, height * years.len().max(1)))
            role="img" aria-label="Actions of each day" {
            @for (index, (year, dates)) in years.iter().rev().enumerate() {
                g transform=(format!("translate(0 {})", index * height)) {
                    text x="0" y="12" .year { (year) }
                    @for (row, name) in [(0, "Mo"), (2, "We"), (4, "Fr")] {
                        text x="0" y=(TOP + row * STEP + 10) { (name) }
                    }
                    @for date in dates.iter().filter(|date| date.day() == 1) {
                        text x=(LEFT + week(*date) * STEP) y="12" { (date.strftime("%b")) }
                    }
                    @for date in dates { (square(*date, days, busy)) }
                }
            }
        }
    }
}

fn square(date: Date, days: &BTreeMap<&str, Day>, busy: Day) -> Markup {
    let name = date.to_string();
    let day = days.get(name.as_str()).copied().unwrap_or_default();
    let y = TOP + weekday(date) * STEP;
    html! {
        rect data-day=(name) class=(classes(day, busy)) x=(LEFT + week(date) * STEP) y=(y)
            width=(STEP - 2) height=(STEP - 2) rx="2" { title { (in_words(&name, day)) } }
    }
}

/// Monday is 0.
fn weekday(date: Date) -> usize {
    usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0)
}

/// The column of a day in the row of its year, from 0. A column begins on Monday.
fn week(date: Date) -> usize {
    let days = usize::try_from(date.day_of_year() - 1).unwrap_or(0);
    (days + weekday(date.first_of_year())) / 7
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
fn classes(day: Day, busy: Day) -> String {
    let [a, f, b] = [0, 1, 2].map(|index| (day[index] * 4).div_ceil(busy[index]).min(4));
    format!("a{a} f{f} b{b}")
}

fn in_words(date: &str, [actions, failures, backups]: Day) -> String {
    let mut text = format!("{date}: {}", counted(actions, "action"));
    if failures > 0 {
        text += &format!(", {} failed", grouped(failures));
    }
    if backups > 0 {
        text += &format!(", {}", counted(backups, "backup"));
    }
    text
}
