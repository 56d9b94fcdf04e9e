//! Named questions about the whole archive: each is one `.sql` file with a header that describes its answer.
//!
//! The text of a report is the interface: the same file runs here, is printed for `sqlite3`, and is given to Datasette.
//! So nothing is pasted into it. The choices of the user are parameters of the SQL, which the header declares with kind
//! and default. The SQL itself uses the default when a parameter is unbound or empty. [`Report::bind`] turns the user's
//! texts into values; [`run()`] passes on the rows one by one.
//!
//! The files: `questions/` has the embedded reports, `library` finds them and those of the user, `text` reads headers
//! and the order of the rows, `binding` turns texts into values, and `run` asks the archive and adds a row of sums.

mod binding;
mod library;
mod run;
mod text;

use std::io;
use std::path::PathBuf;

use crate::query;

pub use binding::{Bound, Context};
pub use library::Library;
pub use run::{WithTotal, column_names, run};

/// A named question about the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The name that chooses the report: its file name without `.sql`.
    pub name: String,
    /// The title: two or three words.
    pub title: String,
    /// The summary of the answer, in a sentence or two.
    pub summary: String,
    /// The reason why the answer is an estimate, if it is one.
    pub estimate: Option<String>,
    /// Why a missing action can add a row, if it can: the row says that something did not happen.
    pub absence: Option<String>,
    /// The columns that a narrow table keeps the longest, the most important first. Others go first.
    pub narrow: Vec<String>,
    /// The word for a row, in the singular: `outage`.
    pub noun: Option<String>,
    /// True when a row is something to look at. False for a report that lists what there is.
    pub is_check: bool,
    /// The row below the answer for people, if it has one.
    pub total: Option<Total>,
    /// The parameters, in the order of the header.
    pub parameters: Vec<Parameter>,
    /// The complete text of the file, including the header.
    pub sql: String,
    /// The file of the user; `None` for a report of the program.
    pub file: Option<PathBuf>,
}

/// The row below an answer for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The text in the column `droplet_name`.
    pub label: String,
    /// The columns with a sum. A column that ends in `_percent` has the mean, weighted by the column `seconds`.
    pub columns: Vec<String>,
}

/// A parameter of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name in the SQL, without the colon: `older_than`.
    pub name: String,
    /// The kind of the value.
    pub kind: Kind,
    /// The default, as the user would write it. Empty: NULL is bound. `None`: the user must give a value.
    pub default: Option<String>,
    /// A short description.
    pub description: String,
}

/// The kind of a parameter: the text that the user may write, and the value for the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Droplets by id, name or pattern, comma-separated. The SQL gets `*`, or a JSON array of ids.
    Droplets,
    /// A time. The SQL gets its text in UTC.
    Time,
    /// The end of a window; a day counts in full. The SQL gets its text in UTC.
    End,
    /// A duration. The SQL gets a modifier of SQLite's date functions, such as `3600 seconds`.
    Duration,
    /// A number; this one or a greater one, if there is one.
    Number(Option<u32>),
    /// Types of actions and groups, comma-separated. The SQL gets a JSON array of types.
    Types,
    /// Texts, comma-separated; of these, if there are any. The SQL gets a JSON array of texts.
    Text(Vec<String>),
    /// `month`, `week`, `day` or `all`. The SQL gets a JSON array of name, start and end of each period that the
    /// parameters `since` and `until` touch.
    Periods,
}

impl Report {
    /// A problem of the file, the line if it is about one, and the next step. The file of a report of the program has
    /// only a name.
    fn problem(&self, line: Option<usize>, message: &str) -> String {
        let of_program = || format!("{}.sql", self.name);
        let file = self.file.as_ref();
        let file = file.map_or_else(of_program, |file| file.display().to_string());
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{file}{line}: {message}")
    }

    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|it| it.name == name)
    }

    /// The parameters that are droplets.
    pub fn droplet_parameters(&self) -> impl Iterator<Item = &Parameter> {
        (self.parameters.iter()).filter(|it| it.kind == Kind::Droplets)
    }

    /// The first sentence of the summary, without its full stop, and the rest.
    #[must_use]
    pub fn sentence_and_rest(&self) -> (&str, &str) {
        let (sentence, rest) = self.summary.split_once(". ").unwrap_or((&self.summary, ""));
        (sentence.trim_end_matches('.'), rest)
    }
}

/// The parameter that every report may use without declaring it.
const NOW: &str = "now";

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report is invalid, or a value does not fit its parameter.
    #[error("{0}")]
    Invalid(String),
    /// No archived action has this type.
    #[error("{0}")]
    UnknownType(String),
    /// A droplet is unknown, or several droplets have this name.
    #[error("{}: {source}", flag(.parameter))]
    Droplets {
        /// The parameter.
        parameter: String,
        /// The problem of the name.
        source: query::Error,
    },
    /// The SQL did not run to its end.
    #[error("the report `{0}` failed")]
    Failed(String, #[source] rusqlite::Error),
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
}

/// The flag of a parameter, as the user writes it.
fn flag(parameter: &str) -> String {
    format!("--{}", parameter.replace('_', "-"))
}

#[cfg(test)]
mod tests;
