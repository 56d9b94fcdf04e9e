//! The errors of ad hoc SQL: the refusal or mistake, its place, and suggestions.

use std::io;

use rusqlite::{Connection, ErrorCode};

use super::authorizer::{LONGEST_SQL_BYTES, LONGEST_VALUE_BYTES, MOST_MEMORY_BYTES, Refusal};
use crate::core::similar::nearest;
use crate::core::threads::lock;
use crate::query::rows::{first_column, near};

/// SQLite's message for a value that exceeds its limit.
const TOO_BIG: &str = "string or blob too big";

/// SQL that did not run, or did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQL has only spaces and comments.
    #[error("there is no SQL statement")]
    Empty,
    /// The SQL is too long to be written by a person.
    #[error("the SQL is longer than {LONGEST_SQL_BYTES} bytes")]
    TooLong,
    /// SQLite would stop reading at the NUL character.
    #[error("the SQL contains a NUL character")]
    Nul,
    /// The SQL has more than one statement.
    #[error("a second statement is refused: only one statement runs at a time")]
    Second,
    /// The statement does more than read.
    #[error("{what} is refused: the archive is only read here")]
    Refused {
        /// `DELETE from actions`, `PRAGMA journal_mode = wal` …
        what: String,
    },
    /// The SQL is invalid, or does not fit this schema.
    #[error("{message}")]
    Rejected {
        /// The message of SQLite.
        message: String,
        /// The place, if SQLite reports one.
        place: Option<Place>,
        /// The suggestion for a name that SQLite does not know.
        hint: Option<String>,
    },
    /// A parameter without a value.
    #[error("the parameter {name} has no value")]
    Unbound {
        /// The parameter as it is written in the statement.
        name: String,
    },
    /// A value without a parameter.
    #[error("the SQL has no parameter `{name}`")]
    UnknownParameter {
        /// The name without the colon.
        name: String,
        /// The parameters of the statement.
        known: Vec<String>,
    },
    /// The caller stopped the statement.
    #[error("the SQL was stopped before its end")]
    Stopped,
    /// The statement reached the memory limit.
    #[error("the SQL needs more than {} MiB of memory", MOST_MEMORY_BYTES >> 20)]
    TooMuchMemory,
    /// The statement failed while it ran, because of a value.
    #[error("{message}")]
    Failed {
        /// The message of SQLite.
        message: String,
    },
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// A place in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line number, from 1.
    pub line_number: usize,
    /// The line before the place.
    pub before: String,
    /// The line from the place on.
    pub after: String,
}

impl Place {
    /// The place at the byte `offset` of `sql`. SQLite gives -1 for an unknown place.
    pub(in crate::query) fn at(sql: &str, offset: i32) -> Option<Self> {
        let offset = usize::try_from(offset).ok()?;
        let (before, after) = (sql.get(..offset)?, sql.get(offset..)?);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some(Self {
            line_number: before.matches('\n').count() + 1,
            before: line.to_owned(),
            after: after.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

impl Error {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty => {
                "for example: archiver sql 'SELECT type, count(*) FROM actions GROUP BY type'"
            }
            Self::Second => "run them one by one",
            Self::Refused { .. } => {
                "only `archiver sync` writes to the archive; copy it, and use sqlite3 on the copy"
            }
            Self::Rejected { hint, .. } => return hint.clone(),
            Self::Unbound { name } if name.starts_with(':') => {
                return Some(format!("give it one: --param {}=VALUE", &name[1..]));
            }
            Self::Unbound { .. } => "write it as :name, and add a value: --param name=VALUE",
            Self::UnknownParameter { known, .. } if !known.is_empty() => {
                return Some(format!("the SQL has the parameters {}", known.join(", ")));
            }
            Self::UnknownParameter { .. } => "write :name in the SQL at the place of its value",
            Self::TooMuchMemory => {
                "sort or group fewer rows or columns: use a WHERE, an index (`archiver schema`) or an inner LIMIT"
            }
            Self::Failed { message } if message == TOO_BIG => {
                return Some(format!(
                    "no text, BLOB or row may be larger than {} MiB",
                    LONGEST_VALUE_BYTES >> 20
                ));
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Converts an error of SQLite.
pub(super) fn explained(
    connection: &Connection,
    sql: &str,
    refusal: &Refusal,
    error: rusqlite::Error,
) -> Error {
    if let Some(what) = lock(refusal).take() {
        return Error::Refused { what };
    }
    match (error.sqlite_error_code(), error) {
        (_, rusqlite::Error::SqlInputError { msg, offset, .. }) => {
            rejected(connection, msg, Place::at(sql, offset))
        }
        (Some(ErrorCode::OperationInterrupted), _) => Error::Stopped,
        (Some(ErrorCode::OutOfMemory), _) => Error::TooMuchMemory,
        (
            Some(ErrorCode::Unknown | ErrorCode::TooBig | ErrorCode::TypeMismatch),
            rusqlite::Error::SqliteFailure(_, Some(message)),
        ) => rejected(connection, message, None),
        (_, error) => Error::Read(error),
    }
}

fn rejected(connection: &Connection, message: String, place: Option<Place>) -> Error {
    // SQLite refuses to write to its own tables and to views before it asks the authorizer.
    for (end, what) in [
        ("may not be modified", "a change of the schema"),
        ("because it is a view", "a change of the archive"),
    ] {
        if message.ends_with(end) {
            let what = what.to_owned();
            return Error::Refused { what };
        }
    }
    Error::Rejected {
        place,
        hint: meant(connection, &message),
        message,
    }
}

const SCHEMA: &str = "`archiver schema` shows all tables and columns";

/// A suggestion for a name that SQLite does not know, as in `no such column: actions.tpye`. A suggestion
/// is optional: without one the message is enough.
fn meant(connection: &Connection, message: &str) -> Option<String> {
    let (what, written) = message.strip_prefix("no such ")?.split_once(": ")?;
    let written = written.split(" - ").next().unwrap_or(written);
    let name = written.rsplit('.').next().unwrap_or(written);
    let name = name.trim_matches('"');
    let near = match what {
        "table" => near_table(connection, written, name),
        "column" => {
            let elsewhere: Vec<String> =
                first_column(connection, HAVING, [name]).unwrap_or_default();
            if !elsewhere.is_empty() {
                let relations = elsewhere.join(", ");
                return Some(format!("it is a column of {relations}; {SCHEMA}"));
            }
            near(connection, COLUMNS, name)
        }
        "function" => near(connection, FUNCTIONS, name),
        _ => Ok(Vec::new()),
    };
    Some(match near.unwrap_or_default().join(", ").as_str() {
        "" => SCHEMA.to_owned(),
        near => format!("did you mean {near}? {SCHEMA}"),
    })
}

/// The tables and views of this name in the archives of several accounts, each with its account; else those with a
/// similar name.
fn near_table(connection: &Connection, written: &str, name: &str) -> rusqlite::Result<Vec<String>> {
    let known: Vec<String> = first_column(connection, SAME_NAME, [name])?;
    if known.is_empty() {
        return near(connection, TABLES, name);
    }
    Ok(match nearest(written, known.iter().map(String::as_str)) {
        none if none.is_empty() => known.into_iter().take(3).collect(),
        near => near,
    })
}

const SAME_NAME: &str = r#"
    SELECT iif(schema GLOB '[0-9-]*' OR schema GLOB '*-*', '"' || schema || '"', schema) || '.' || name
      FROM pragma_table_list
     WHERE schema NOT IN ('main', 'temp') AND name = ?1 COLLATE NOCASE
     ORDER BY schema"#;

const TABLES: &str = "
    SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
     UNION ALL
    SELECT name FROM sqlite_temp_schema";

/// The tables and views that have the column that SQLite does not find in those of the statement.
const HAVING: &str = "
    SELECT object.name
      FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema) AS object,
           pragma_table_info(object.name) AS info
     WHERE object.type IN ('table', 'view') AND info.name = ?1 COLLATE NOCASE
     ORDER BY object.type, object.name
     LIMIT 3";

const COLUMNS: &str = "
    SELECT DISTINCT info.name
      FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema) AS object,
           pragma_table_info(object.name) AS info
     WHERE object.type IN ('table', 'view')";

const FUNCTIONS: &str = "SELECT DISTINCT name FROM pragma_function_list";
