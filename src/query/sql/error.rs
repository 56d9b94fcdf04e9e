//! The errors of ad hoc SQL: the refusal or mistake, its place, and suggestions.

use std::io;

use super::authorizer::{LONGEST_SQL_BYTES, LONGEST_VALUE_BYTES, MOST_MEMORY_BYTES};

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
    #[error("a second statement, {word}, is refused: only one statement runs at a time")]
    Second {
        /// The first word of the second statement.
        word: String,
    },
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
        meant: Meant,
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
    Read(#[source] rusqlite::Error),
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// A suggestion for a name that SQLite does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Names with a similar spelling; maybe none.
    OneOf(Vec<String>),
    /// Tables and views that have a column of this name, unlike those of the statement.
    ColumnOf(Vec<String>),
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
    /// The place at the byte `offset` of `sql`.
    pub(super) fn at(sql: &str, offset: usize) -> Option<Self> {
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
            Self::Second { .. } => "run them one by one",
            Self::Refused { .. } => {
                "only `archiver sync` writes to the archive; copy it, and use sqlite3 on the copy"
            }
            Self::Rejected { message, meant, .. } if message.starts_with("no such ") => {
                return Some(meant.hint());
            }
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

impl Meant {
    fn hint(&self) -> String {
        const SCHEMA: &str = "`archiver schema` shows all tables and columns";
        match self {
            Self::OneOf(names) if names.is_empty() => SCHEMA.to_owned(),
            Self::OneOf(names) => format!("did you mean {}? {SCHEMA}", names.join(", ")),
            Self::ColumnOf(relations) => {
                format!("it is a column of {}; {SCHEMA}", relations.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_where_in_it() {
        let sql = "SELECT id,\n       tpye\n  FROM actions";
        let place = Place::at(sql, sql.find("tpye").unwrap()).unwrap();
        assert_eq!(place.line_number, 2);
        assert_eq!(
            (place.before.as_str(), place.after.as_str()),
            ("       ", "tpye")
        );
        assert_eq!(Place::at("SELECT", 6).unwrap().before, "SELECT");
        assert_eq!(Place::at("é", 1), None);
        assert_eq!(Place::at("", 7), None);
    }
}
