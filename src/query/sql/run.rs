//! Runs one statement, and passes on its rows one by one.

use std::str::FromStr;

use rusqlite::{Connection, ErrorCode, Statement};

use super::authorizer::{self, LONGEST_SQL_BYTES, Refusal};
use super::error::{Error, Meant, Place};
use super::statement::Cells;
use super::statement::{self, Statements};
use crate::core::similar::nearest;
use crate::output::{Heading, Look, RowWriter};

/// The number of steps of SQLite's virtual machine between two checks for a stop: well below a millisecond.
const STEPS: i32 = 1_000;

/// Statements that do not read. The authorizer would refuse most of them too; this list gives an earlier and clearer
/// refusal.
const WRITING: [&str; 17] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DETACH",
    "DROP",
    "END",
    "INSERT",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "UPDATE",
];
const VACUUM: &str = "VACUUM";

/// A value for a parameter: `name=value` for `:name` in the statement.
///
/// An integer or a decimal fraction is bound as a number when the number is written the same way. Everything else is
/// bound as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    name: String,
    value: rusqlite::types::Value,
}

/// A text that is not `name=value`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a parameter: write NAME=VALUE")]
pub struct UnknownParameter {
    input: String,
}

impl FromStr for Parameter {
    type Err = UnknownParameter;

    fn from_str(text: &str) -> Result<Self, UnknownParameter> {
        let unknown = || UnknownParameter {
            input: text.to_owned(),
        };
        let (name, value) = text.split_once('=').ok_or_else(unknown)?;
        let name = name.trim_start_matches([':', '@', '$']);
        if name.is_empty() {
            return Err(unknown());
        }
        Ok(Self {
            name: name.to_owned(),
            value: typed(value),
        })
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
    let statement = only_statement(sql)?;
    check_schema(connection).map_err(Error::Read)?;
    authorizer::set(connection).map_err(Error::Read)?;
    connection
        .progress_handler(STEPS, stop)
        .map_err(Error::Read)?;
    let refusal = authorizer::install(connection).map_err(Error::Read)?;
    let prepared = connection.prepare(statement.first);
    let mut prepared = prepared.map_err(|error| {
        explained(&refusal, error, &|message, offset| {
            rejected(
                connection,
                sql,
                message,
                offset.map(|it| it + statement.start),
            )
        })
    })?;
    bind(&mut prepared, parameters)?;
    show(&mut prepared, &refusal, writer)
}

/// The only statement, unless its first word shows that it does not read.
fn only_statement(sql: &str) -> Result<Statements<'_>, Error> {
    if sql.len() > LONGEST_SQL_BYTES {
        return Err(Error::TooLong);
    }
    if sql.contains('\0') {
        return Err(Error::Nul);
    }
    let statements = statement::cut(sql);
    if statements.first.is_empty() {
        return Err(Error::Empty);
    }
    let word = statement::first_word(statements.first);
    if word == VACUUM || WRITING.contains(&word.as_str()) {
        return Err(Error::Refused { what: word });
    }
    if statements.rest.is_empty() {
        return Ok(statements);
    }
    let word = match statement::first_word(statements.rest) {
        word if word.is_empty() => statements.rest.chars().take(20).collect(),
        word => word,
    };
    Err(Error::Second { word })
}

/// Checks that all names of tables and columns are text. In a damaged file they may not be.
fn check_schema(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        row.get::<_, String>(0)?;
        row.get::<_, Option<String>>(1)?;
    }
    Ok(())
}

fn bind(statement: &mut Statement<'_>, parameters: &[Parameter]) -> Result<(), Error> {
    let names: Vec<Option<String>> = (1..=statement.parameter_count())
        .map(|index| statement.parameter_name(index).map(str::to_owned))
        .collect();
    let is_called = |written: &str, name: &str| written.strip_prefix([':', '@', '$']) == Some(name);
    for parameter in parameters {
        let mut known = names.iter().flatten();
        if !known.any(|written| is_called(written, &parameter.name)) {
            return Err(Error::UnknownParameter {
                name: parameter.name.clone(),
                known: names.iter().flatten().cloned().collect(),
            });
        }
    }
    for (position, written) in names.iter().enumerate() {
        let written = written.as_deref().unwrap_or("?");
        // The last value wins, as with other flags.
        let given = parameters.iter().rev();
        let value = given
            .filter(|parameter| is_called(written, &parameter.name))
            .map(|parameter| &parameter.value)
            .next();
        let value = value.ok_or_else(|| Error::Unbound {
            name: written.to_owned(),
        })?;
        statement
            .raw_bind_parameter(position + 1, value)
            .map_err(Error::Read)?;
    }
    Ok(())
}

fn show(
    statement: &mut Statement<'_>,
    refusal: &Refusal,
    writer: &mut dyn RowWriter,
) -> Result<u64, Error> {
    let failed = |error| explained(refusal, error, &|message, _| Error::Failed { message });
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let headings: Vec<_> = names.iter().map(|name| heading(name)).collect();
    writer.header(&headings).map_err(Error::Write)?;
    let mut cells = Cells::default();
    let mut count = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        let values = cells.values(row, names.len()).map_err(Error::Read)?;
        writer.row(&values).map_err(Error::Write)?;
        count += 1;
    }
    Ok(count)
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

/// Converts an error of SQLite. `otherwise` converts an error about the statement itself, from the message and the
/// offset in bytes.
fn explained(
    refusal: &Refusal,
    error: rusqlite::Error,
    otherwise: &dyn Fn(String, Option<usize>) -> Error,
) -> Error {
    if let Some(what) = refusal.take() {
        return Error::Refused { what };
    }
    match (error.sqlite_error_code(), error) {
        (_, rusqlite::Error::SqlInputError { msg, offset, .. }) => {
            otherwise(msg, usize::try_from(offset).ok())
        }
        (Some(ErrorCode::OperationInterrupted), _) => Error::Stopped,
        (Some(ErrorCode::OutOfMemory), _) => Error::TooMuchMemory,
        (
            Some(ErrorCode::Unknown | ErrorCode::TooBig | ErrorCode::TypeMismatch),
            rusqlite::Error::SqliteFailure(_, Some(message)),
        ) => otherwise(message, None),
        (_, error) => Error::Read(error),
    }
}

fn rejected(connection: &Connection, sql: &str, message: String, offset: Option<usize>) -> Error {
    // A suggestion is optional: without one the message is enough.
    let meant = match elsewhere(connection, &message).unwrap_or_default() {
        none if none.is_empty() => Meant::OneOf(match of_account(connection, &message) {
            Ok(found) if !found.is_empty() => found,
            _ => near(connection, &message).unwrap_or_default(),
        }),
        elsewhere => Meant::ColumnOf(elsewhere),
    };
    Error::Rejected {
        place: offset.and_then(|offset| Place::at(sql, offset)),
        message,
        meant,
    }
}

const NO_TABLE: &str = "no such table: ";
const NO_COLUMN: &str = "no such column: ";

/// The name in a message such as `no such column: actions.tpye`.
fn unknown_name<'a>(message: &'a str, what: &str) -> Option<&'a str> {
    let name = message.strip_prefix(what)?;
    let name = name.split(" - ").next().unwrap_or(name);
    Some(name.rsplit('.').next().unwrap_or(name).trim_matches('"'))
}

/// The tables and views that have the column that SQLite does not find in those of the statement.
fn elsewhere(connection: &Connection, message: &str) -> rusqlite::Result<Vec<String>> {
    const HAVING: &str = "
        SELECT object.name
          FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema) AS object,
               pragma_table_info(object.name) AS info
         WHERE object.type IN ('table', 'view') AND info.name = ?1 COLLATE NOCASE
         ORDER BY object.type, object.name
         LIMIT 3";
    let Some(name) = unknown_name(message, NO_COLUMN) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare(HAVING)?;
    statement.query_map([name], |row| row.get(0))?.collect()
}

/// The tables and views of this name in the archives of several accounts, each with its account.
fn of_account(connection: &Connection, message: &str) -> rusqlite::Result<Vec<String>> {
    const SAME_NAME: &str = r#"
        SELECT iif(schema GLOB '[0-9-]*' OR schema GLOB '*-*', '"' || schema || '"', schema) || '.' || name
          FROM pragma_table_list
         WHERE schema NOT IN ('main', 'temp') AND name = ?1 COLLATE NOCASE
         ORDER BY schema"#;
    let Some(name) = unknown_name(message, NO_TABLE) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare(SAME_NAME)?;
    let known = statement.query_map([name], |row| row.get(0))?;
    let known: Vec<String> = known.collect::<Result<_, _>>()?;
    let written = message.trim_start_matches(NO_TABLE);
    Ok(match nearest(written, known.iter().map(String::as_str)) {
        none if none.is_empty() => known.into_iter().take(3).collect(),
        near => near,
    })
}

/// Suggestions for a name that SQLite does not know.
fn near(connection: &Connection, message: &str) -> rusqlite::Result<Vec<String>> {
    const TABLES: &str = "
        SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
         UNION ALL
        SELECT name FROM sqlite_temp_schema";
    const COLUMNS: &str = "
        SELECT DISTINCT info.name
          FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema) AS object,
               pragma_table_info(object.name) AS info
         WHERE object.type IN ('table', 'view')";
    const FUNCTIONS: &str = "SELECT DISTINCT name FROM pragma_function_list";
    for (what, names) in [
        (NO_TABLE, TABLES),
        (NO_COLUMN, COLUMNS),
        ("no such function: ", FUNCTIONS),
    ] {
        let Some(name) = unknown_name(message, what) else {
            continue;
        };
        let known: Vec<String> = connection
            .prepare(names)?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        return Ok(nearest(name, known.iter().map(String::as_str)));
    }
    Ok(Vec::new())
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
