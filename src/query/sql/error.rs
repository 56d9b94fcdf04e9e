//! Why SQL got no answer: what was refused or is wrong, where, and what may have been meant.

use std::io;

use super::authorizer::{LONGEST_SQL_BYTES, LONGEST_VALUE_BYTES, MOST_MEMORY_BYTES};

/// What SQLite says of a value that is longer than its limit.
const TOO_BIG: &str = "string or blob too big";

/// SQL that was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing but spaces and comments.
    #[error("there is no SQL statement")]
    Empty,
    /// No person wrote this.
    #[error("the SQL is longer than {LONGEST_SQL_BYTES} bytes")]
    TooLong,
    /// SQLite would stop reading there.
    #[error("the SQL holds a NUL character")]
    Nul,
    /// More than one statement.
    #[error("a second statement, {word}, is refused: one is run at a time")]
    Second {
        /// What it begins with.
        word: String,
    },
    /// It does more than read.
    #[error("{what} is refused: the archive is only read here")]
    Refused {
        /// `DELETE from actions`, `PRAGMA journal_mode = wal` …
        what: String,
    },
    /// It is no SQL, or not about this schema.
    #[error("{message}")]
    Rejected {
        /// In SQLite's words.
        message: String,
        /// Where, if SQLite says so.
        place: Option<Place>,
        /// What may have been meant.
        near: Vec<String>,
    },
    /// A parameter without a value.
    #[error("the parameter {name} has no value")]
    Unbound {
        /// As it is written in the statement.
        name: String,
    },
    /// A value without a parameter.
    #[error("the SQL has no parameter `{name}`")]
    UnknownParameter {
        /// Without the colon.
        name: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// It was told to stop.
    #[error("the SQL was stopped before its end")]
    Stopped,
    /// It hit the limit of memory.
    #[error("the SQL needs more than {} MiB of memory", MOST_MEMORY_BYTES >> 20)]
    TooMuchMemory,
    /// It failed on the way, over the values it met.
    #[error("{message}")]
    Failed {
        /// In SQLite's words.
        message: String,
    },
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[source] rusqlite::Error),
    /// The rows were found, and whoever asked could not take them; a closed pipe is in here too.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// A place in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line_number: usize,
    /// The line up to the place.
    pub before: String,
    /// The line from the place on.
    pub after: String,
}

impl Place {
    /// The place that is `offset` bytes into `sql`.
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
    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty => {
                "such as: archiver sql 'SELECT type, count(*) FROM actions GROUP BY type'"
            }
            Self::Second { .. } => "run them one by one",
            Self::Refused { .. } => {
                "the archive is only written by `archiver sync`; copy it, and use sqlite3 on the copy"
            }
            Self::Rejected { message, near, .. } if message.starts_with("no such ") => {
                return Some(meant(near));
            }
            Self::Unbound { name } if name.starts_with(':') => {
                return Some(format!("give it one: --param {}=VALUE", &name[1..]));
            }
            Self::Unbound { .. } => "write it as :name, and give it a value: --param name=VALUE",
            Self::UnknownParameter { known, .. } if !known.is_empty() => {
                return Some(format!("it has {}", known.join(", ")));
            }
            Self::UnknownParameter { .. } => "write :name where its value belongs",
            Self::TooMuchMemory => {
                "sort or group fewer rows or columns: a WHERE, an index (`archiver schema`), or a LIMIT inside helps"
            }
            Self::Failed { message } if message == TOO_BIG => {
                return Some(format!(
                    "no text, BLOB or row may have more than {} MiB here",
                    LONGEST_VALUE_BYTES >> 20
                ));
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn meant(near: &[String]) -> String {
    const SCHEMA: &str = "`archiver schema` shows all tables and columns";
    match near {
        [] => SCHEMA.to_owned(),
        near => format!("did you mean {}? {SCHEMA}", near.join(", ")),
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
