//! The frame of a chart by month: where each month is, and the scale beside it.

use maud::{Markup, html};

use super::Window;
use crate::core::time::CalendarUnit;

/// The height of the drawing without the names of the months.
pub(super) const HEIGHT: f64 = 180.0;
const BELOW: f64 = 20.0;
pub(super) const LEFT: f64 = 56.0;
const WIDTH: f64 = 720.0;

/// The months of the window, oldest first.
pub(super) struct Months {
    names: Vec<String>,
}

impl Months {
    pub(super) fn of(window: &Window) -> Self {
        let months = CalendarUnit::Month.between(window.since, window.until, &window.zone);
        Self {
            names: months.into_iter().map(|(name, ..)| name).collect(),
        }
    }

    pub(super) fn view_box(&self) -> String {
        format!("0 -10 {WIDTH} {}", HEIGHT + BELOW + 10.0)
    }

    pub(super) fn width(&self) -> f64 {
        WIDTH
    }

    fn step(&self) -> f64 {
        let months = u32::try_from(self.names.len().max(1)).unwrap_or(u32::MAX);
        (WIDTH - LEFT) / f64::from(months)
    }

    /// The left end of the bar of a month.
    pub(super) fn x(&self, name: &str) -> Option<f64> {
        let index = self.names.iter().position(|month| month == name)?;
        let index = u32::try_from(index).ok()?;
        Some(tenths(LEFT + self.step() * (f64::from(index) + 0.1)))
    }

    pub(super) fn middle(&self, name: &str) -> Option<f64> {
        Some(tenths(self.x(name)? + self.step() * 0.4))
    }

    pub(super) fn bar_width(&self) -> f64 {
        tenths(self.step() * 0.8).clamp(0.5, 60.0)
    }

    /// The names below the axis: months, or years where they would overlap.
    fn labels(&self) -> impl Iterator<Item = (&str, f64)> {
        let every = match self.names.len() {
            0..=12 => 1,
            13..=24 => 2,
            _ => 12,
        };
        let is_shown = move |(index, name): &(usize, &String)| match every {
            12 => name.ends_with("-01"),
            every => index % every == 0,
        };
        let named = self.names.iter().enumerate().filter(is_shown);
        named.filter_map(move |(_, name)| {
            let text = if every == 12 { name.get(..4)? } else { name };
            Some((text, self.x(name)?))
        })
    }
}

/// The scale of the numbers.
pub(super) struct Axes {
    greatest: u64,
    text: fn(u64) -> String,
}

impl Axes {
    /// `text` words a number of the scale.
    pub(super) fn new(greatest: u64, text: fn(u64) -> String) -> Self {
        Self {
            // An even number has a half.
            greatest: greatest.next_multiple_of(2).max(2),
            text,
        }
    }

    /// The y of a number: 0 is at the bottom.
    pub(super) fn y(&self, number: u64) -> f64 {
        let float = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        tenths(HEIGHT - HEIGHT * float(number) / float(self.greatest))
    }

    /// Three lines with their numbers, and the names of the months.
    pub(super) fn drawn(&self, months: &Months) -> Markup {
        let mut numbers = vec![0, self.greatest / 2, self.greatest];
        numbers.dedup();
        html! {
            @for number in numbers {
                line .grid x1=(LEFT) x2=(WIDTH) y1=(self.y(number)) y2=(self.y(number)) {}
                text .scale x=(LEFT - 6.0) y=(self.y(number) + 4.0) { ((self.text)(number)) }
            }
            @for (name, x) in months.labels() {
                text x=(x) y=(HEIGHT + 16.0) { (name) }
            }
        }
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
