//! Writes groups as rows, in their order.

use std::cmp::Reverse;
use std::io;

use super::groups::{Part, Tally};
use super::{Counts, Dimension, Measure, Names, Question};
use crate::output::{Heading, Look, RowWriter, Value};

/// The word for all groups, in the column of the first dimension.
const TOTAL: &str = "total";

/// The columns of a measured number: in the window, in the one before, and the difference.
type Columns = [&'static str; 3];

const COUNT: Columns = ["count", "count_before", "count_change"];
const ERRORS: [Columns; 2] = [
    ["errored", "errored_before", "errored_change"],
    [
        "errored_percent",
        "errored_percent_before",
        "errored_percent_change",
    ],
];
const DURATIONS: [Columns; 5] = [
    ["n", "n_before", "n_change"],
    ["mean_seconds", "mean_before_seconds", "mean_change_seconds"],
    ["p50_seconds", "p50_before_seconds", "p50_change_seconds"],
    ["p95_seconds", "p95_before_seconds", "p95_change_seconds"],
    ["max_seconds", "max_before_seconds", "max_change_seconds"],
];

/// A group, in the window and in the one before.
type Group = (Vec<Part>, [Tally; 2]);

/// Sorts the groups, keeps the requested ones, and writes them.
pub(super) fn write(
    counts: Counts,
    question: &Question,
    writer: &mut dyn RowWriter,
) -> io::Result<()> {
    let mut groups = kept(counts.groups.into_iter().collect(), question);
    let greatest = groups.iter().map(|(_, [now, _])| now.count).max();
    let headings = headings(question, number(greatest.unwrap_or(0)));
    writer.header(&headings)?;
    for (parts, tallies) in &mut groups {
        name_periods(parts, question);
        let mut row = cells(parts, question, &counts.names);
        row.extend(measured(tallies, question));
        writer.row(&row)?;
    }
    if question.total && !groups.is_empty() {
        let mut row = total(question);
        row.extend(measured(&counts.totals, question));
        writer.total(&row)?;
    }
    Ok(())
}

fn kept(mut groups: Vec<Group>, question: &Question) -> Vec<Group> {
    groups.retain(|(_, [now, before])| {
        let has_failed = now.errored > 0 || before.errored > 0;
        now.count.max(before.count) >= question.min_count && (has_failed || !question.only_errored)
    });
    if let Some(top) = question.top {
        groups.sort_by_key(|(_, [now, _])| match question.only_errored {
            true => Reverse(now.errored),
            false => Reverse(now.count),
        });
        groups.truncate(top);
    }
    groups
}

/// The names of all columns that an answer may have, without those of a comparison.
#[must_use]
pub fn column_names() -> Vec<&'static str> {
    let by = Dimension::ALL.into_iter().flat_map(Dimension::headings);
    let measures = [COUNT].into_iter().chain(ERRORS).chain(DURATIONS);
    let measures = measures.map(|names| names[0]);
    by.map(|heading| heading.name).chain(measures).collect()
}

fn headings(question: &Question, greatest: i64) -> Vec<Heading<'static>> {
    let mut headings: Vec<_> = (question.by.iter())
        .flat_map(|dimension| dimension.headings())
        .collect();
    headings.push(Heading {
        look: Look::Bar { greatest },
        ..Heading::named(COUNT[0])
    });
    let of_window = question.before.map_or(1, |_| COUNT.len());
    headings.extend(COUNT[1..of_window].iter().map(|name| Heading::named(name)));
    let measured: &[Columns] = match question.measure {
        Measure::Errors => &ERRORS,
        Measure::Durations => &DURATIONS,
    };
    let names = measured.iter().flat_map(|columns| &columns[..of_window]);
    headings.extend(names.map(|name| Heading::named(name)));
    headings
}

/// Writes the periods of a group as texts.
fn name_periods(parts: &mut [Part], question: &Question) {
    for (dimension, part) in question.by.iter().zip(parts) {
        if let (Dimension::Started(unit), Part::Number(number)) = (dimension, &*part) {
            let number = i32::try_from(*number).ok();
            *part = number.map_or(Part::Unknown, |number| Part::Name(unit.text(number)));
        }
    }
}

/// What the group is.
fn cells<'a>(parts: &'a [Part], question: &Question, names: &'a Names) -> Vec<Value<'a>> {
    let mut by = question.by.iter().zip(parts);
    let account = by.find_map(|it| match it {
        (Dimension::Account, Part::Name(name)) => Some(name.clone()),
        _ => None,
    });
    let mut cells = Vec::new();
    for (dimension, part) in question.by.iter().zip(parts) {
        let (cell, name) = match part {
            Part::Unknown => (Value::Null, None),
            Part::Name(name) => (Value::Text(name), None),
            Part::Number(id) => (Value::Integer(*id), names.get(&(account.clone(), *id))),
        };
        cells.push(cell);
        if *dimension == Dimension::Droplet {
            cells.push(name.map_or(Value::Null, |name| Value::Text(name)));
        }
    }
    cells
}

/// The cells of the dimensions in the row of the total.
fn total(question: &Question) -> Vec<Value<'static>> {
    let by = question
        .by
        .iter()
        .flat_map(|dimension| dimension.headings());
    let mut cells: Vec<_> = by.map(|_| Value::Null).collect();
    // The first column of a droplet is its id.
    let place = usize::from(question.by.first() == Some(&Dimension::Droplet));
    if let Some(cell) = cells.get_mut(place) {
        *cell = Value::Text(TOTAL);
    }
    cells
}

/// The numbers of a group. With a window before, each is followed by that of this window and by the difference.
fn measured([now, before]: &[Tally; 2], question: &Question) -> Vec<Value<'static>> {
    let [now, before] = [now, before].map(|tally| numbers(tally, question.measure));
    let of_window = question.before.map_or(1, |_| COUNT.len());
    let pairs = now.into_iter().zip(before);
    let columns = pairs.flat_map(|(now, before)| {
        let columns = [now, before, now.since(before)];
        columns.into_iter().take(of_window)
    });
    columns.map(Number::value).collect()
}

fn numbers(tally: &Tally, measure: Measure) -> Vec<Number> {
    let durations = &tally.durations;
    let percentile = |percent| {
        let seconds = durations.percentile(percent);
        seconds.map_or(Number::Unknown, Number::Whole)
    };
    let count = Number::Whole(number(tally.count));
    match measure {
        Measure::Errors => vec![
            count,
            Number::Whole(number(tally.errored)),
            Number::ratio(100 * i128::from(tally.errored), tally.count),
        ],
        Measure::Durations => vec![
            count,
            Number::Whole(number(durations.count)),
            Number::ratio(durations.sum(), durations.count),
            percentile(50),
            percentile(95),
            percentile(100),
        ],
    }
}

/// A number of a group. It is rounded only where it is shown, so that a difference is that of the exact numbers.
#[derive(Clone, Copy)]
enum Number {
    Unknown,
    Whole(i64),
    Ratio { dividend: i128, divisor: i128 },
}

impl Number {
    /// Nothing is known of a share among no actions.
    fn ratio(dividend: i128, divisor: u64) -> Self {
        match i128::from(divisor) {
            0 => Self::Unknown,
            divisor => Self::Ratio { dividend, divisor },
        }
    }

    fn since(self, before: Self) -> Self {
        match (self, before) {
            (Self::Whole(now), Self::Whole(before)) => Self::Whole(now - before),
            (
                Self::Ratio { dividend, divisor },
                Self::Ratio {
                    dividend: dividend_before,
                    divisor: divisor_before,
                },
            ) => Self::Ratio {
                dividend: dividend * divisor_before - dividend_before * divisor,
                divisor: divisor * divisor_before,
            },
            _ => Self::Unknown,
        }
    }

    /// The shown value. A ratio has one decimal, and a half is rounded away from zero.
    fn value(self) -> Value<'static> {
        match self {
            Self::Unknown => Value::Null,
            Self::Whole(number) => Value::Integer(number),
            Self::Ratio { dividend, divisor } => {
                let tenths = (20 * dividend + dividend.signum() * divisor) / (2 * divisor);
                Value::Real(tenths as f64 / 10.0)
            }
        }
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
