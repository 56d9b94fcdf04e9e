//! Runs a report, and passes on its rows one by one.

use rusqlite::{Connection, Statement};

use super::definition::NOW;
use super::{Bound, Error, Origin, Parameter, Problem, Report};
use crate::output::{Heading, Look, RowWriter, Value};
use crate::query::{RowsError, visit_rows};

/// Passes the columns and then each row to `writer`, and returns the number of rows. No row is kept. The caller
/// finishes the writer.
///
/// A column with a name that ends in `_seconds` is a duration, one that ends in `_at` is a time.
///
/// # Errors
/// When the SQL is not a single question, fails, or has other parameters than the header; and when the rows cannot be
/// written.
pub fn run(
    connection: &Connection,
    report: &Report,
    bound: &Bound,
    writer: &mut dyn RowWriter,
) -> Result<u64, Error> {
    let mut statement = prepare(connection, report)?;
    check_parameters(&statement, report)?;
    let failed = |source| failed(report, source);
    for (name, value) in &bound.values {
        let position = statement.parameter_index(&format!(":{name}"));
        // Not every report uses the current time.
        if let Some(position) = position.map_err(failed)? {
            let bound = statement.raw_bind_parameter(position, value);
            bound.map_err(failed)?;
        }
    }
    let columns = statement.column_count();
    {
        let names = statement.column_names();
        let headings: Vec<_> = names.map(|name| heading(name, report)).collect();
        writer.header(&headings).map_err(Error::Write)?;
    }
    let visit = &mut |values: &[Value<'_>]| writer.row(values);
    visit_rows(&mut statement.raw_query(), columns, visit).map_err(|error| match error {
        RowsError::Read(source) => failed(source),
        RowsError::Write(error) => Error::Write(error),
    })
}

/// The names of the columns; none when the SQL does not fit the archive.
#[must_use]
pub fn column_names(connection: &Connection, report: &Report) -> Vec<String> {
    let Ok(statement) = prepare(connection, report) else {
        return Vec::new();
    };
    statement.column_names().map(str::to_owned).collect()
}

/// The heading of a column. Only the numbers of built-in reports are known to count something: a user's own may be
/// years.
fn heading<'a>(name: &'a str, report: &Report) -> Heading<'a> {
    let heading = Heading::named(name);
    let look = match heading.look {
        Look::Number if report.origin != Origin::Embedded => Look::Plain,
        look => look,
    };
    let kept = report.narrow.iter().position(|kept| kept == name);
    let rank = match kept.map(u8::try_from) {
        Some(Ok(place)) => place,
        _ if report.narrow.is_empty() => heading.rank,
        _ => heading.rank.saturating_add(100),
    };
    Heading {
        look,
        rank,
        ..heading
    }
}

fn prepare<'a>(connection: &'a Connection, report: &Report) -> Result<Statement<'a>, Error> {
    use rusqlite::Error::{Empty, MultipleStatement, SqlInputError};
    const FORM: &str = "a report is one statement that only reads, SELECT or WITH … SELECT";
    match connection.prepare(&report.sql) {
        // SQLite treats ATTACH as read-only, but it has no columns.
        Ok(statement) if statement.readonly() && statement.column_count() > 0 => Ok(statement),
        Ok(_) | Err(MultipleStatement | Empty) => Err(invalid(report, None, FORM.to_owned())),
        Err(SqlInputError { msg, offset, .. }) => {
            Err(invalid(report, line_at(&report.sql, offset), msg))
        }
        Err(source) => Err(failed(report, source)),
    }
}

fn failed(report: &Report, source: rusqlite::Error) -> Error {
    let report = report.name.clone();
    Error::Failed { report, source }
}

fn invalid(report: &Report, line: Option<usize>, message: String) -> Error {
    let path = report.origin.path(&report.name);
    Error::Sql(Problem {
        path,
        line,
        message,
    })
}

/// The line, from 1, of a byte in the text. SQLite gives -1 for an unknown position.
fn line_at(text: &str, offset: i32) -> Option<usize> {
    let before = text.get(..usize::try_from(offset).ok()?)?;
    Some(before.matches('\n').count() + 1)
}

/// Checks that every declared parameter is used, and every used one is declared. Otherwise a choice would have no
/// effect.
fn check_parameters(statement: &Statement<'_>, report: &Report) -> Result<(), Error> {
    let used: Vec<_> = (1..=statement.parameter_count())
        .map(|position| statement.parameter_name(position).unwrap_or("?"))
        .collect();
    let is_declared = |name: &str| name == NOW || report.parameter(name).is_some();
    let is_known = |name: &&&str| name.strip_prefix(':').is_some_and(is_declared);
    if let Some(name) = used.iter().find(|name| !is_known(name)) {
        let message = format!(
            "the SQL uses {name}, which the header does not declare: add a line \
             `-- parameter NAME (KIND) = DEFAULT: DESCRIPTION`"
        );
        return Err(invalid(report, None, message));
    }
    let is_used = |name: &str| used.iter().any(|used| used.strip_prefix(':') == Some(name));
    match report.parameters.iter().find(|it| !is_used(&it.name)) {
        None => Ok(()),
        Some(Parameter { name, .. }) => {
            let message =
                format!("the header declares the parameter `{name}`, but the SQL does not use it");
            Err(invalid(report, None, message))
        }
    }
}
