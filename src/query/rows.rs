//! Hands the rows of any statement on one by one, without a copy of their cells.

use std::io;

use rusqlite::Rows;
use rusqlite::types::{Type, ValueRef};

use super::Error;
use crate::output::Value;

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

/// Hands the first `columns` cells of every row to `visit`, and says how many rows there were.
///
/// # Errors
/// When the archive cannot be read, a cell is no text that a terminal or JSON can hold, or `visit` fails.
pub(crate) fn visit_rows(
    rows: &mut Rows<'_>,
    columns: usize,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    let mut visited = 0;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns);
        for position in 0..columns {
            values.push(value(row.get_ref(position)?, position)?);
        }
        visit(&values).map_err(RowsError::Write)?;
        visited += 1;
    }
    Ok(visited)
}

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
