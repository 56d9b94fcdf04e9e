//! The frame of a chart by month: where each month is, and the scale beside it.

use maud::{Markup, html};

use super::{Window, scrolled};
use crate::core::time::CalendarUnit;

/// The height of the drawing without the names of the months.
const HEIGHT: f64 = 180.0;
const BELOW: f64 = 20.0;
const LEFT: f64 = 56.0;
const WIDTH: f64 = 720.0;

/// The months of the window from left to right, and the numbers from 0 at the bottom to the greatest.
pub(super) struct Chart {
    months: Vec<String>,
    greatest: u64,
    text: fn(u64) -> String,
}

impl Chart {
    /// `text` words a number of the scale.
    pub(super) fn new(window: &Window, greatest: u64, text: fn(u64) -> String) -> Self {
        let months = CalendarUnit::Month.between(window.since, window.until, &window.zone);
        Self {
            months: months.into_iter().map(|(name, ..)| name).collect(),
            // An even number has a half.
            greatest: greatest.next_multiple_of(2).max(2),
            text,
        }
    }

    fn step(&self) -> f64 {
        let months = u32::try_from(self.months.len().max(1)).unwrap_or(u32::MAX);
        (WIDTH - LEFT) / f64::from(months)
    }

    /// The left end of the bar of a month.
    pub(super) fn x(&self, name: &str) -> Option<f64> {
        let index = self.months.iter().position(|month| month == name)?;
        let index = u32::try_from(index).ok()?;
        Some(tenths(LEFT + self.step() * (f64::from(index) + 0.1)))
    }

    pub(super) fn middle(&self, name: &str) -> Option<f64> {
        Some(tenths(self.x(name)? + self.step() * 0.4))
    }

    pub(super) fn bar_width(&self) -> f64 {
        tenths(self.step() * 0.8).clamp(0.5, 60.0)
    }

    pub(super) fn y(&self, number: u64) -> f64 {
        let float = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        tenths(HEIGHT - HEIGHT * float(number) / float(self.greatest))
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
    pub(super) fn drawn(&self, title: &str, marks: &Markup) -> Markup {
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
