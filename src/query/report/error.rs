//! Why a report cannot be used, or gave no answer.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::core::time::{DurationError, TimeError};
use crate::query::{self, did_you_mean};

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no report of this name.
    #[error("there is no report `{name}`{}", did_you_mean(.near))]
    UnknownReport {
        /// What was asked for.
        name: String,
        /// Reports whose names are written much the same.
        near: Vec<String>,
    },
    /// There is a file of this name, and it is no report.
    #[error("the report `{name}` cannot be used: {problem}")]
    Unusable {
        /// What was asked for.
        name: String,
        /// What is wrong with the file.
        problem: Problem,
    },
    /// A value for a parameter that the report does not have.
    #[error("the report `{report}` has no parameter `{parameter}`{}", choices(.known))]
    UnknownParameter {
        /// The report.
        report: String,
        /// What was given.
        parameter: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A parameter without a default was not given, or an empty text was given.
    #[error("the report `{report}` needs a value for `{parameter}`: {description}")]
    NoValue {
        /// The report.
        report: String,
        /// The parameter.
        parameter: String,
        /// What it does.
        description: String,
    },
    /// A value that is no time.
    #[error("`{parameter}`: {source}")]
    Time {
        /// The parameter.
        parameter: String,
        /// What is wrong with the text.
        source: TimeError,
    },
    /// A value that is no length of time.
    #[error("`{parameter}`: {source}")]
    Duration {
        /// The parameter.
        parameter: String,
        /// What is wrong with the text.
        source: DurationError,
    },
    /// A value that is no number.
    #[error("`{parameter}`: `{input}` is not a number: 20 and 1.5 work")]
    Number {
        /// The parameter.
        parameter: String,
        /// What was written.
        input: String,
    },
    /// A group of types that there is not.
    #[error("`{parameter}`: {source}")]
    Group {
        /// The parameter.
        parameter: String,
        /// What is wrong with the name.
        source: query::UnknownGroup,
    },
    /// A type of action that nobody has seen.
    #[error("`{parameter}`: no archived action has the type `{input}`{}", did_you_mean(.near))]
    UnknownType {
        /// The parameter.
        parameter: String,
        /// What was written.
        input: String,
        /// Types that are written much the same.
        near: Vec<String>,
    },
    /// A droplet that is not known, or several of the same name.
    #[error("`{parameter}`: {source}")]
    Droplets {
        /// The parameter.
        parameter: String,
        /// What is wrong with the name.
        source: query::Error,
    },
    /// A parameter in the SQL that the header does not declare.
    #[error(
        "the SQL of the report `{report}` uses {parameter}, which its header does not declare: add a line \
         `-- parameter NAME (KIND) = DEFAULT: DESCRIPTION`"
    )]
    Undeclared {
        /// The report.
        report: String,
        /// The parameter as the SQL writes it.
        parameter: String,
    },
    /// A parameter in the header that the SQL does not use.
    #[error(
        "the report `{report}` declares the parameter `{parameter}`, and its SQL does not use it"
    )]
    Unused {
        /// The report.
        report: String,
        /// The parameter.
        parameter: String,
    },
    /// The SQL is no question, or more than one.
    #[error(
        "the report `{report}` has to be one statement that only reads, SELECT or WITH … SELECT"
    )]
    NotAQuestion {
        /// The report.
        report: String,
    },
    /// SQLite does not understand the SQL.
    #[error("{problem}")]
    Sql {
        /// What is wrong, and in which line, where SQLite says so.
        problem: Problem,
    },
    /// SQLite could not run the SQL, or not to its end.
    #[error("the report `{report}` failed")]
    Failed {
        /// The report.
        report: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The rows were found, and whoever asked could not take them; a closed pipe is in here too.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// What is wrong with a file of the user that should be a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the folder.
    pub path: PathBuf,
    /// The line of the file, counted from 1, where it is about one.
    pub line: Option<usize>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

fn choices(known: &[String]) -> String {
    if known.is_empty() {
        return ": it has none".to_owned();
    }
    format!(": it has {}", known.join(", "))
}
