//! Rows of the table: a goal, a measurement, and whether the measurement meets the goal.

use std::fmt::Write as _;

/// The goal of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
    /// The figure is shown without a goal.
    Nothing(&'static str),
}

/// The result of a measurement.
#[derive(Clone, Debug)]
enum Result {
    /// The value that the goal is about, and an explanation.
    Measured(f64, String),
    Skipped(String),
    Failed(String),
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    what: String,
    against: String,
    goal: Option<Goal>,
    result: Result,
}

/// A row without a result yet.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) against: &'static str,
    pub(crate) goal: Goal,
}

impl Question {
    pub(crate) fn measured(self, value: f64, detail: String) -> Row {
        self.with(Result::Measured(value, detail))
    }

    pub(crate) fn skipped(self, reason: &str) -> Row {
        self.with(Result::Skipped(reason.to_owned()))
    }

    fn with(self, result: Result) -> Row {
        Row {
            name: self.name,
            what: self.what,
            against: self.against.to_owned(),
            goal: Some(self.goal),
            result,
        }
    }
}

impl Row {
    /// A row whose measurement failed, although all its requirements exist.
    pub(crate) fn failed(name: &'static str, reason: &str) -> Self {
        Self {
            name,
            what: String::new(),
            against: String::new(),
            goal: None,
            result: Result::Failed(reason.to_owned()),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.result, Result::Failed(_))
    }

    fn cells(&self) -> [String; 6] {
        let (figure, verdict) = match &self.result {
            Result::Measured(value, detail) => {
                let unit = self.goal.map_or("", Goal::unit);
                let verdict = self.goal.map_or("", |goal| goal.verdict(*value));
                (
                    format!("{}{unit}{}", number(*value), in_brackets(detail)),
                    verdict.to_owned(),
                )
            }
            Result::Skipped(reason) => (String::new(), format!("skipped: {reason}")),
            Result::Failed(reason) => (String::new(), format!("failed: {reason}")),
        };
        let goal = self.goal.map(Goal::words).unwrap_or_default();
        let texts = [
            self.name,
            &self.what,
            &self.against,
            &goal,
            &figure,
            &verdict,
        ];
        texts.map(|text| text.replace('\n', " ").replace('|', "\\|"))
    }
}

impl Goal {
    fn unit(self) -> &'static str {
        let (Self::AtMost(_, unit) | Self::AtLeast(_, unit) | Self::Nothing(unit)) = self;
        unit
    }

    fn words(self) -> String {
        match self {
            Self::AtMost(limit, unit) => format!("≤ {}{unit}", plain(limit)),
            Self::AtLeast(limit, unit) => format!("≥ {}{unit}", plain(limit)),
            Self::Nothing(_) => String::new(),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        let is_met = match self {
            Self::AtMost(limit, _) => value <= limit,
            Self::AtLeast(limit, _) => value >= limit,
            Self::Nothing(_) => return "",
        };
        if is_met { "met" } else { "**missed**" }
    }
}

fn in_brackets(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

/// A number with three significant digits.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        small if small == 0.0 || small >= 100.0 => 0,
        small if small >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn plain(value: f64) -> String {
    format!("{value}")
}

/// The table, in Markdown that is readable on a terminal too.
pub(crate) fn table(rows: &[Row]) -> String {
    let titles = ["row", "what", "floor or peer", "goal", "figure", "verdict"];
    let mut lines = vec![titles.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    markdown(&lines)
}

/// Rows of cells, the first of them titles, as a Markdown table.
pub(crate) fn markdown<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| {
            let lengths = lines.iter().map(|cells| cells[column].chars().count());
            lengths.max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for (number, cells) in lines.iter().enumerate() {
        for (cell, width) in cells.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(text, "| {} ", "-".repeat((*width).max(3)));
            }
            text.push_str("|\n");
        }
    }
    text
}
