//! The definition of a report: its SQL and the contents of its header.

use std::path::PathBuf;

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
    /// What a row is, in the singular: `outage`.
    pub noun: Option<String>,
    /// True when a row is something to look at. False for a report that lists what there is.
    pub is_check: bool,
    /// The row below the answer for people, if it has one.
    pub total: Option<Total>,
    /// The parameters, in the order of the header.
    pub parameters: Vec<Parameter>,
    /// The complete text of the file, including the header.
    pub sql: String,
    /// The origin.
    pub origin: Origin,
}

/// The row below an answer for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The text in the column `droplet_name`.
    pub label: String,
    /// The columns with a sum. A column that ends in `_percent` has the mean, weighted by the column `seconds`.
    pub columns: Vec<String>,
}

/// The origin of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The report is part of the program.
    #[default]
    Embedded,
    /// The report is a file of the user.
    File(PathBuf),
}

/// A parameter of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name in the SQL, without the colon: `older_than`.
    pub name: String,
    /// The kind of the value.
    pub kind: Kind,
    /// The values of this kind that are allowed.
    pub allowed: Allowed,
    /// The default, as the user would write it. Empty: NULL is bound. `None`: the user must give a value.
    pub default: Option<String>,
    /// A short description.
    pub description: String,
}

/// The kind of a parameter: the text that the user may write, and the value for the SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Droplets by id, name or pattern, comma-separated. The SQL gets `*`, or a JSON array of ids.
    Droplets,
    /// A time. The SQL gets its text in UTC.
    Time,
    /// The end of a window; a day counts in full. The SQL gets its text in UTC.
    End,
    /// A duration. The SQL gets a modifier of SQLite's date functions, such as `3600 seconds`.
    Duration,
    /// A number.
    Number,
    /// Types of actions and groups, comma-separated. The SQL gets a JSON array of types.
    Types,
    /// Texts, comma-separated. The SQL gets a JSON array of texts.
    Text,
    /// `month`, `week`, `day` or `all`. The SQL gets a JSON array of name, start and end of each period that the
    /// parameters `since` and `until` touch.
    Periods,
}

/// The allowed values of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Every value of its kind.
    Anything,
    /// These texts.
    Words(Vec<String>),
    /// This number, or a greater one.
    From(u32),
}

impl Report {
    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        let mut parameters = self.parameters.iter();
        parameters.find(|parameter| parameter.name == name)
    }

    /// The first sentence of the summary, without its full stop, and the rest.
    #[must_use]
    pub fn sentence_and_rest(&self) -> (&str, &str) {
        let (sentence, rest) = self.summary.split_once(". ").unwrap_or((&self.summary, ""));
        (sentence.trim_end_matches('.'), rest)
    }
}

impl Origin {
    /// The file of a report. An embedded report has only a file name.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Embedded => PathBuf::from(format!("{name}.sql")),
        }
    }
}

/// The parameter that every report may use without declaring it.
pub(super) const NOW: &str = "now";

/// The kinds of parameters, by their names in a header.
pub(super) const KINDS: [(&str, Kind); 8] = [
    ("droplets", Kind::Droplets),
    ("time", Kind::Time),
    ("end", Kind::End),
    ("duration", Kind::Duration),
    ("number", Kind::Number),
    ("types", Kind::Types),
    ("text", Kind::Text),
    ("periods", Kind::Periods),
];
