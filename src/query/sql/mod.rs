//! Ad hoc SQL: any question that SQL can ask, and no change of the archive.
//!
//! Four measures protect the archive, and each of them would be enough: the file is opened for reading, the connection
//! is `query_only`, an authorizer allows only reading, and only one statement runs. A refusal is explained in words.
//!
//! Nothing is written elsewhere either. No other file is attached, and sorting happens in memory, which is limited.
//!
//! `authorizer` sets the rights and limits of a statement, and `error` explains a failure, with its place and suggestions.

mod authorizer;
mod error;

pub use authorizer::{LONGEST_SQL_BYTES, MOST_MEMORY_BYTES};
pub use error::{Error, Place};

use std::fmt::Write;
use std::str::FromStr;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, Row, Statement};

use crate::output::{Heading, Look, RowWriter, Value};
use crate::query::rows;
use error::explained;

/// The number of steps of SQLite's virtual machine between two checks for a stop: well below a millisecond.
const STEPS: i32 = 1_000;

/// A value for a parameter: `name=value` for `:name` in the statement.
///
/// An integer or a decimal fraction is bound as a number when the number is written the same way. Everything else is
/// bound as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    value: rusqlite::types::Value,
}

impl FromStr for Parameter {
    /// The message for a text of another form.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or_default();
        let name = name.trim_start_matches([':', '@', '$']).to_owned();
        if name.is_empty() {
            return Err(format!("`{text}` is not a parameter: write NAME=VALUE"));
        }
        let value = typed(value);
        Ok(Self { name, value })
    }
}

/// A number, or the text if it is not written as a number. `007` and `inf` are texts: as numbers they would change.
fn typed(text: &str) -> rusqlite::types::Value {
    let digits = text.trim_start_matches('-');
    let is_decimal = digits.starts_with(|first: char| first.is_ascii_digit())
        && (!digits.starts_with('0')
            || !digits[1..].starts_with(|next: char| next.is_ascii_digit()));
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(integer), _) if is_decimal => integer.into(),
        (_, Ok(real)) if is_decimal && real.is_finite() => real.into(),
        _ => text.to_owned().into(),
    }
}

/// Runs one statement that reads, and returns the number of rows. The columns get the names that SQL gives them.
///
/// `stop` is called at intervals; when it returns true, the statement ends. The connection is read-only afterwards.
///
/// # Errors
/// When the SQL has no statement or more than one, does more than read, is invalid, or does not run to its end.
pub fn run(
    connection: &mut Connection,
    sql: &str,
    parameters: &[Parameter],
    stop: Option<Box<dyn FnMut() -> bool + Send>>,
    writer: &mut dyn RowWriter,
) -> Result<u64, Error> {
    if sql.len() > LONGEST_SQL_BYTES {
        return Err(Error::TooLong);
    }
    if sql.contains('\0') {
        return Err(Error::Nul);
    }
    check_schema(connection)?;
    connection.progress_handler(STEPS, stop)?;
    let refusal = authorizer::install(connection)?;
    let failed = |error| explained(connection, sql, &refusal, error);
    let mut statement = only_statement(connection, sql, failed)?;
    bind(&mut statement, parameters)?;
    show(&mut statement, writer, |error| match failed(error) {
        // The statement is valid: one of its values is not.
        Error::Rejected { message, .. } => Error::Failed { message },
        error => error,
    })
}

/// The only statement. The authorizer refuses all that write but VACUUM, of which it is not asked. Unlike pragmas that
/// could write, VACUUM has no columns.
fn only_statement<'a>(
    connection: &'a Connection,
    sql: &str,
    failed: impl Fn(rusqlite::Error) -> Error,
) -> Result<Statement<'a>, Error> {
    let mut statements = Batch::new(connection, sql);
    let first = statements.next().map_err(failed)?;
    let first = first.ok_or(Error::Empty)?;
    if !matches!(statements.next(), Ok(None)) {
        return Err(Error::Second);
    }
    if !first.readonly() && first.column_count() == 0 {
        let what = "VACUUM".to_owned();
        return Err(Error::Refused { what });
    }
    Ok(first)
}

/// Checks that all names of tables and columns are text. In a damaged file they may not be.
fn check_schema(connection: &Connection) -> rusqlite::Result<()> {
    const SCHEMA: &str = "SELECT name FROM sqlite_schema UNION ALL SELECT sql FROM sqlite_schema";
    let _: Vec<Option<String>> = rows::first_column(connection, SCHEMA, [])?;
    Ok(())
}

fn bind(statement: &mut Statement<'_>, parameters: &[Parameter]) -> Result<(), Error> {
    let names: Vec<String> = (1..=statement.parameter_count())
        .map(|index| statement.parameter_name(index).unwrap_or("?").to_owned())
        .collect();
    let is_called = |written: &str, name: &str| written.strip_prefix([':', '@', '$']) == Some(name);
    for Parameter { name, .. } in parameters {
        if !names.iter().any(|written| is_called(written, name)) {
            return Err(Error::UnknownParameter {
                name: name.clone(),
                known: names,
            });
        }
    }
    for (position, name) in names.into_iter().enumerate() {
        // The last value wins, as with other flags.
        let mut given = parameters.iter().rev();
        match given.find(|parameter| is_called(&name, &parameter.name)) {
            Some(given) => statement.raw_bind_parameter(position + 1, &given.value)?,
            None => return Err(Error::Unbound { name }),
        }
    }
    Ok(())
}

fn show(
    statement: &mut Statement<'_>,
    writer: &mut dyn RowWriter,
    failed: impl Fn(rusqlite::Error) -> Error,
) -> Result<u64, Error> {
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let headings: Vec<_> = names.iter().map(|name| heading(name)).collect();
    writer.header(&headings).map_err(Error::Write)?;
    let mut count = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(&failed)? {
        let literals: Vec<_> = (0..names.len())
            .map(|column| Ok(literal(row.get_ref(column)?)))
            .collect::<rusqlite::Result<_>>()?;
        let values = literals.iter().enumerate();
        let values = values.map(|(column, literal)| value(row, column, literal.as_deref()));
        let values = values.collect::<rusqlite::Result<Vec<_>>>()?;
        writer.row(&values).map_err(Error::Write)?;
        count += 1;
    }
    Ok(count)
}

/// The value of a cell. No format has a number for infinity, and JSON would write null, so infinity is written as in SQL.
fn value<'a>(
    row: &'a Row<'_>,
    column: usize,
    literal: Option<&'a str>,
) -> rusqlite::Result<Value<'a>> {
    if let Some(literal) = literal {
        return Ok(Value::Text(literal));
    }
    Ok(match rows::value(row, column)? {
        Value::Real(f64::INFINITY) => Value::Text("9e999"),
        Value::Real(f64::NEG_INFINITY) => Value::Text("-9e999"),
        value => value,
    })
}

/// The SQL literal of the bytes of a BLOB, or of a TEXT that is not UTF-8: `x'00ff'`.
fn literal(cell: ValueRef<'_>) -> Option<String> {
    let bytes = match cell {
        ValueRef::Text(bytes) if std::str::from_utf8(bytes).is_ok() => return None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => return None,
    };
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    text.push_str("x'");
    for byte in bytes {
        // A write to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    Some(text)
}

/// The SQL name of the column is its title. Values are shown unchanged, except that times use the requested time zone.
fn heading(name: &str) -> Heading<'_> {
    let look = match Heading::named(name).look {
        look @ (Look::Time | Look::Status) => look,
        _ => Look::Plain,
    };
    Heading {
        look,
        ..Heading::plain(name)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
