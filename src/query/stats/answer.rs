//! Writes groups as rows, in their order.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension};

use super::groups::Tally;
use super::groups::{Group, Part};
use super::{Dimension, MOST_DIMENSIONS, Measure, Question};
use crate::core::model::DropletId;
use crate::output::{Heading, Look, RowWriter, Value};
use crate::query::Error;

/// Sorts the groups, keeps the requested ones, and writes them.
pub(super) fn write(
    connection: &Connection,
    mut groups: Vec<Group>,
    question: &Question,
    writer: &mut dyn RowWriter,
) -> Result<(), Error> {
    groups.retain(|group| !question.only_errored || group.tally.errored > 0);
    groups.sort_unstable_by(|one, other| one.parts.cmp(&other.parts));
    if let Some(top) = question.top {
        groups.sort_by_key(|group| Reverse(group.tally.count));
        groups.truncate(top);
    }
    let greatest = groups.iter().map(|group| group.tally.count).max();
    let headings = headings(question, number(greatest.unwrap_or(0)));
    writer.header(&headings).map_err(Error::Write)?;
    for group in &groups {
        let mut cells = Vec::with_capacity(headings.len());
        for (dimension, part) in question.by.iter().zip(&group.parts) {
            cells.extend(shown(connection, *dimension, part)?);
        }
        let mut values: Vec<Value<'_>> = cells.iter().map(Cell::value).collect();
        values.extend(measured(&group.tally, question.measure));
        writer.row(&values).map_err(Error::Write)?;
    }
    Ok(())
}

fn headings(question: &Question, greatest: i64) -> Vec<Heading<'static>> {
    let by = question.by.iter().take(MOST_DIMENSIONS);
    let mut headings: Vec<_> = by.flat_map(|dimension| dimension.headings()).collect();
    headings.push(Heading {
        look: Look::Bar { greatest },
        ..Heading::named("count")
    });
    let measured: &[&str] = match question.measure {
        Measure::Errors => &["errored", "errored_percent"],
        Measure::Durations => &["n", "p50_seconds", "p95_seconds", "max_seconds"],
    };
    headings.extend(measured.iter().map(|name| Heading::named(name)));
    headings
}

enum Cell {
    Null,
    Number(i64),
    Text(String),
}

impl Cell {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

fn shown(connection: &Connection, dimension: Dimension, part: &Part) -> Result<Vec<Cell>, Error> {
    Ok(match (dimension, part) {
        (Dimension::Droplet, Part::Number(id)) => {
            let name = name(connection, *id)?.map_or(Cell::Null, Cell::Text);
            vec![Cell::Number(*id), name]
        }
        (Dimension::Droplet, _) => vec![Cell::Null, Cell::Null],
        (Dimension::Started(unit), Part::Number(number)) => {
            let number = i32::try_from(*number).ok();
            vec![number.map_or(Cell::Null, |number| Cell::Text(unit.text(number)))]
        }
        (_, Part::Name(name)) => vec![Cell::Text(name.clone())],
        (_, Part::Unknown | Part::Number(_)) => vec![Cell::Null],
    })
}

/// The latest name of a droplet.
fn name(connection: &Connection, id: DropletId) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM droplets WHERE id = ?1")?;
    let name = statement.query_row([id], |row| row.get(0)).optional()?;
    Ok(name.flatten())
}

fn measured(tally: &Tally, measure: Measure) -> Vec<Value<'static>> {
    let count = Value::Integer(number(tally.count));
    let durations = &tally.durations;
    let percentile = |percent| {
        durations
            .percentile(percent)
            .map_or(Value::Null, Value::Integer)
    };
    match measure {
        Measure::Errors => vec![
            count,
            Value::Integer(number(tally.errored)),
            Value::Real(tally.errored_percent()),
        ],
        Measure::Durations => vec![
            count,
            Value::Integer(number(durations.count)),
            percentile(50),
            percentile(95),
            percentile(100),
        ],
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
