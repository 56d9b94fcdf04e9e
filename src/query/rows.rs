//! Hands the rows of any statement on one by one, without a copy of their cells.

use std::io;

use rusqlite::Rows;
use rusqlite::types::{Type, ValueRef};

use super::Error;
use crate::output::Value;

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
