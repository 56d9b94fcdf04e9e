//! Hands the rows of any statement on one by one, without a copy of their cells.

use super::question::Question;
use super::{Error, Filter, statement};
use crate::core::time::Timestamp;
use crate::output::Value;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Row, Rows, params_from_iter};
use std::io;

/// So many cells of a row are kept on the stack; more of them in memory of their own, anew for each row.
const MOST_ON_STACK: usize = 16;

/// Why the rows ended early.
pub(crate) enum RowsError {
    /// They could not be read.
    Read(rusqlite::Error),
    /// They could not be taken.
    Write(io::Error),
}

impl From<rusqlite::Error> for RowsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(error)
    }
}

impl From<RowsError> for Error {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Read(error) => Self::Read(error),
            RowsError::Write(error) => Self::Write(error),
        }
    }
}

/// What stands in place of some cells.
pub(super) trait Look {
    /// Looks up what it shows for a row of these cells.
    ///
    /// # Errors
    /// When the archive cannot be read.
    fn look_up(&mut self, read: &[Value<'_>]) -> rusqlite::Result<()>;

    /// Puts what it looked up in place of the cells.
    fn replace<'a>(&'a self, cells: &mut [Value<'a>]);
}

/// Every cell is shown as it is read.
struct AsRead;

impl Look for AsRead {
    fn look_up(&mut self, _: &[Value<'_>]) -> rusqlite::Result<()> {
        Ok(())
    }

    fn replace<'a>(&'a self, _: &mut [Value<'a>]) {}
}

/// Hands the first `columns` cells of every row to `visit`, and says how many rows there were.
///
/// # Errors
/// When the archive cannot be read, a cell is no text that a terminal or JSON can hold, or `visit` fails.
pub(crate) fn visit_rows(
    rows: &mut Rows<'_>,
    columns: usize,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    visit_shown(rows, columns, &mut AsRead, visit)
}

/// As [`visit_rows`], with cells that stand for others.
pub(super) fn visit_shown(
    rows: &mut Rows<'_>,
    columns: usize,
    look: &mut impl Look,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    let mut visited = 0;
    while let Some(row) = rows.next()? {
        let mut few = [Value::Null; MOST_ON_STACK];
        let mut many = Vec::new();
        let cells = match few.get_mut(..columns) {
            Some(cells) => cells,
            None => {
                many.resize(columns, Value::Null);
                &mut many[..]
            }
        };
        for (position, cell) in cells.iter_mut().enumerate() {
            *cell = value(row.get_ref(position)?, position)?;
        }
        look.look_up(cells)?;
        look.replace(cells);
        visit(cells).map_err(RowsError::Write)?;
        visited += 1;
    }
    Ok(visited)
}

#[inline]
fn value(cell: ValueRef<'_>, position: usize) -> rusqlite::Result<Value<'_>> {
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Real(real) => Ok(Value::Real(real)),
        ValueRef::Text(_) | ValueRef::Blob(_) => cell.as_str().map(Value::Text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(position, Type::Text, Box::new(error))
        }),
    }
}

/// Hands every action that matches to `visit`, each once and in no order; the filter's order and limit do not matter.
///
/// A row holds the values of `expressions`, which are SQL in terms of the table `actions`.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, the archive cannot be read, or `visit` fails.
pub(crate) fn scan(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    expressions: &[&'static str],
    visit: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), Error> {
    let question = Question::resolve(connection, filter, now)?;
    let query = statement::scan(&question, expressions);
    let mut statement = connection.prepare(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.parameters))?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::TypeSelector;
    use super::super::fixture::{choice, found, generated, now};
    use super::*;

    #[test]
    fn what_is_scanned_is_what_matches() {
        let connection = generated(3_000);
        let filter = Filter {
            types: choice::<TypeSelector>(&["type_a", "type_b"]),
            droplets: choice(&["1", "2", "3"]),
            ..Filter::default()
        };
        for filter in [Filter::default(), filter] {
            let mut ids: Vec<i64> = Vec::new();
            let limited = Filter {
                limit: Some(1),
                ..filter.clone()
            };
            scan(&connection, &limited, now(), &["actions.id"], &mut |row| {
                ids.push(row.get(0)?);
                Ok(())
            })
            .unwrap();
            let mut expected = found(&connection, &filter);
            ids.sort_unstable();
            expected.sort_unstable();
            assert!(!ids.is_empty());
            assert_eq!(ids, expected);
        }
    }
}
