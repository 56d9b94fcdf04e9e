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
    let greatest = i64::try_from(greatest.unwrap_or(0)).unwrap_or(i64::MAX);
    let headings = headings(question, greatest);
    writer.header(&headings)?;
    for (parts, tallies) in &mut groups {
        name_periods(parts, question);
        let mut row = cells(parts, question, &counts.names);
        row.extend(measured(tallies, question));
        writer.row(&row)?;
    }
    if question.total && !groups.is_empty() {
        let nowhere = vec![Part::Unknown; question.by.len()];
        let mut row = cells(&nowhere, question, &counts.names);
        // The first column of a droplet is its id.
        let place = usize::from(question.by.first() == Some(&Dimension::Droplet));
        if let Some(cell) = row.get_mut(place) {
            *cell = Value::Text(TOTAL);
        }
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
    groups.sort_by(|(one, _), (other, _)| one.cmp(other));
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
            *part = Part::Name(unit.text(*number));
        }
    }
}

/// The cells that name the group.
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

/// The numbers of a group. With a window before, each is followed by that of this window and by the difference.
fn measured([now, before]: &[Tally; 2], question: &Question) -> Vec<Value<'static>> {
    let [now, before] = [now, before].map(|tally| numbers(tally, question.measure));
    let of_window = question.before.map_or(1, |_| COUNT.len());
    let pairs = now.into_iter().zip(before);
    let columns = pairs.flat_map(|(now, before)| {
        let change = now.zip(before).map(|(now, before)| now.since(before));
        [now, before, change].into_iter().take(of_window)
    });
    columns
        .map(|number| number.map_or(Value::Null, Number::value))
        .collect()
}

/// The numbers; `None` for an unknown one, such as a share among no actions.
fn numbers(tally: &Tally, measure: Measure) -> Vec<Option<Number>> {
    let durations = &tally.durations;
    let number = |dividend: i128, divisor: u64, is_whole| {
        let divisor = i128::from(divisor);
        (divisor > 0).then_some(Number {
            dividend,
            divisor,
            is_whole,
        })
    };
    let whole = |it: u64| number(it.into(), 1, true);
    let percentile = |percent| number(durations.percentile(percent)?.into(), 1, true);
    let count = whole(tally.count);
    match measure {
        Measure::Errors => vec![
            count,
            whole(tally.errored),
            number(100 * i128::from(tally.errored), tally.count, false),
        ],
        Measure::Durations => vec![
            count,
            whole(durations.count),
            number(durations.sum(), durations.count, false),
            percentile(50),
            percentile(95),
            percentile(100),
        ],
    }
}

/// A number of a group. It is rounded only where it is shown, so that a difference is that of the exact numbers.
#[derive(Clone, Copy)]
struct Number {
    dividend: i128,
    divisor: i128,
    is_whole: bool,
}

impl Number {
    fn since(self, before: Self) -> Self {
        Self {
            dividend: self.dividend * before.divisor - before.dividend * self.divisor,
            divisor: self.divisor * before.divisor,
            ..self
        }
    }

    /// The shown value. A ratio has one decimal, and a half is rounded away from zero.
    fn value(self) -> Value<'static> {
        let (dividend, divisor) = (self.dividend, self.divisor);
        if self.is_whole {
            return Value::Integer(i64::try_from(dividend).unwrap_or(i64::MAX));
        }
        let tenths = (20 * dividend + dividend.signum() * divisor) / (2 * divisor);
        Value::Real(tenths as f64 / 10.0)
    }
}
