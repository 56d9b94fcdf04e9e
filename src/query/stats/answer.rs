//! Writes groups as rows, in their order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;

use rusqlite::types::Value as Cell;

use super::groups::Part;
use super::tally::Tally;
use super::{Counts, Dimension, Measure, Names, PLACES, Question};
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

type Groups = BTreeMap<Vec<Part>, Tally>;

/// A group, in the window and in the one before.
struct Compared {
    parts: Vec<Part>,
    now: Tally,
    before: Tally,
}

/// Sorts the groups, keeps the requested ones, and writes them.
pub(super) fn write(
    counts: Counts,
    question: &Question,
    writer: &mut dyn RowWriter,
) -> io::Result<()> {
    let Counts {
        counted,
        before,
        names,
    } = counts;
    let is_compared = before.is_some();
    let (before, total_before) = before.map_or_else(Default::default, |it| (it.groups, it.total));
    let groups = kept(joined(counted.groups, before), question);
    let greatest = groups.iter().map(|group| group.now.count).max();
    let headings = headings(question, is_compared, number(greatest.unwrap_or(0)));
    writer.header(&headings)?;
    for group in &groups {
        let cells = cells(&group.parts, question, &names);
        let before = is_compared.then_some(&group.before);
        writer.row(&values(&cells, &group.now, before, question.measure))?;
    }
    if question.total && !groups.is_empty() {
        let cells = total(question);
        let before = is_compared.then_some(&total_before);
        let values = values(&cells, &counted.total, before, question.measure);
        writer.total(&values)?;
    }
    Ok(())
}

/// The values of a row: what the group is, and its numbers.
fn values<'a>(
    cells: &'a [Cell],
    now: &Tally,
    before: Option<&Tally>,
    measure: Measure,
) -> Vec<Value<'a>> {
    let cells = cells.iter().map(shown);
    cells.chain(measured(now, before, measure)).collect()
}

/// All groups, in the order of their parts.
fn joined(groups: Groups, before: Groups) -> Vec<Compared> {
    let mut joined: BTreeMap<Vec<Part>, [Tally; 2]> = BTreeMap::new();
    for (window, groups) in [groups, before].into_iter().enumerate() {
        for (parts, tally) in groups {
            joined.entry(parts).or_default()[window] = tally;
        }
    }
    let compared = |(parts, [now, before]): (_, [Tally; 2])| Compared { parts, now, before };
    joined.into_iter().map(compared).collect()
}

fn kept(mut groups: Vec<Compared>, question: &Question) -> Vec<Compared> {
    groups.retain(|group| {
        let has_failed = group.now.errored > 0 || group.before.errored > 0;
        group.now.count.max(group.before.count) >= question.min_count
            && (has_failed || !question.only_errored)
    });
    if let Some(top) = question.top {
        groups.sort_by_key(|group| match question.only_errored {
            true => Reverse(group.now.errored),
            false => Reverse(group.now.count),
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

fn headings(question: &Question, is_compared: bool, greatest: i64) -> Vec<Heading<'static>> {
    let by = question.by.iter().take(PLACES);
    let mut headings: Vec<_> = by.flat_map(|dimension| dimension.headings()).collect();
    headings.push(Heading {
        look: Look::Bar { greatest },
        ..Heading::named(COUNT[0])
    });
    let of_window = if is_compared { COUNT.len() } else { 1 };
    headings.extend(COUNT[1..of_window].iter().map(|name| Heading::named(name)));
    let measured: &[Columns] = match question.measure {
        Measure::Errors => &ERRORS,
        Measure::Durations => &DURATIONS,
    };
    let names = measured.iter().flat_map(|columns| &columns[..of_window]);
    headings.extend(names.map(|name| Heading::named(name)));
    headings
}

fn shown(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Integer(number) => Value::Integer(*number),
        Cell::Text(text) => Value::Text(text),
        _ => Value::Null,
    }
}

/// What the group is.
fn cells(parts: &[Part], question: &Question, names: &Names) -> Vec<Cell> {
    let mut by = question.by.iter().zip(parts);
    let account = by.find_map(|it| match it {
        (Dimension::Account, Part::Name(name)) => Some(name.clone()),
        _ => None,
    });
    let mut cells = Vec::new();
    for (dimension, part) in question.by.iter().zip(parts) {
        match (dimension, part) {
            (Dimension::Droplet, Part::Number(id)) => {
                let name = names.get(&(account.clone(), *id)).cloned();
                cells.extend([Cell::Integer(*id), name.into()]);
            }
            (Dimension::Droplet, _) => cells.extend([Cell::Null, Cell::Null]),
            (Dimension::Started(unit), Part::Number(number)) => {
                let number = i32::try_from(*number).ok();
                cells.push(number.map(|number| unit.text(number)).into());
            }
            (_, Part::Name(name)) => cells.push(Cell::Text(name.clone())),
            (_, Part::Unknown | Part::Number(_)) => cells.push(Cell::Null),
        }
    }
    cells
}

/// The cells of the dimensions in the row of the total.
fn total(question: &Question) -> Vec<Cell> {
    let by = question.by.iter().take(PLACES);
    let mut cells: Vec<Cell> = by
        .flat_map(|dimension| dimension.headings())
        .map(|_| Cell::Null)
        .collect();
    // The first column of a droplet is its id.
    let place = usize::from(question.by.first() == Some(&Dimension::Droplet));
    if let Some(cell) = cells.get_mut(place) {
        *cell = Cell::Text(TOTAL.to_owned());
    }
    cells
}

/// The numbers of a group. With a window before, each is followed by that of this window and by the difference.
fn measured(now: &Tally, before: Option<&Tally>, measure: Measure) -> Vec<Value<'static>> {
    let numbers = numbers(now, measure);
    let Some(before) = before.map(|tally| self::numbers(tally, measure)) else {
        return numbers.into_iter().map(Number::value).collect();
    };
    let pairs = numbers.into_iter().zip(before);
    pairs
        .flat_map(|(now, before)| [now, before, now.since(before)].map(Number::value))
        .collect()
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
