//! The errors of reports: a report is invalid, or could not be answered.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::core::similar::did_you_mean;
use crate::query;

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No report has this name.
    #[error("there is no report `{name}`{}", did_you_mean(.near))]
    UnknownReport {
        /// The name in the question.
        name: String,
        /// Names of reports with a similar spelling.
        near: Vec<String>,
    },
    /// A file has this name, but it is not a valid report.
    #[error("the report `{name}` cannot be used: {problem}")]
    Unusable {
        /// The name in the question.
        name: String,
        /// The problem of the file.
        problem: Problem,
    },
    /// The user gave a value for a parameter that the report does not have.
    #[error("the report `{report}` has no parameter `{parameter}`{}", choices(.known))]
    UnknownParameter {
        /// The report.
        report: String,
        /// The given name.
        parameter: String,
        /// The parameters of the report.
        known: Vec<String>,
    },
    /// A parameter without a default has no value or an empty value.
    #[error("the report `{report}` needs a value for {}: {description}", flag(.parameter))]
    NoValue {
        /// The report.
        report: String,
        /// The parameter.
        parameter: String,
        /// The description of the parameter.
        description: String,
    },
    /// A value does not fit its parameter.
    #[error("{}: {message}", flag(.parameter))]
    Value {
        /// The parameter.
        parameter: String,
        /// The problem of the text, and what to write instead.
        message: String,
    },
    /// No archived action has this type.
    #[error("{}: no archived action has the type `{input}`{}", flag(.parameter), did_you_mean(.near))]
    UnknownType {
        /// The parameter.
        parameter: String,
        /// The given text.
        input: String,
        /// Archived types with a similar spelling.
        near: Vec<String>,
    },
    /// A droplet is unknown, or several droplets have this name.
    #[error("{}: {source}", flag(.parameter))]
    Droplets {
        /// The parameter.
        parameter: String,
        /// The problem of the name.
        source: query::Error,
    },
    /// The SQL is invalid, more than one question, or has other parameters than the header.
    #[error("{0}")]
    Sql(Problem),
    /// The SQL did not run to its end.
    #[error("the report `{report}` failed")]
    Failed {
        /// The report.
        report: String,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// The problem of a user's file that should be a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the folder.
    pub path: PathBuf,
    /// The line of the problem, from 1, if it is about one line.
    pub line: Option<usize>,
    /// The problem and the next step.
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

/// The flag of a parameter, as the user writes it.
fn flag(parameter: &str) -> String {
    format!("--{}", parameter.replace('_', "-"))
}

fn choices(known: &[String]) -> String {
    if known.is_empty() {
        return ": it has none".to_owned();
    }
    format!(": it has {}", known.join(", "))
}
