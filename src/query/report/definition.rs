//! What a report is: its SQL, and what its header says.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A named question over the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What chooses it: the name of its file, without `.sql`.
    pub name: String,
    /// Two or three words.
    pub title: String,
    /// What it answers, in a sentence or two.
    pub summary: String,
    /// Why its answer is an estimate, where it is one.
    pub estimate: Option<String>,
    /// What may be chosen, in the order of the header.
    pub parameters: Vec<Parameter>,
    /// The whole text of the file, header included.
    pub sql: String,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a report is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It comes with the program.
    Embedded,
    /// A file of the user.
    File(PathBuf),
}

/// Something a report lets the reader choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the SQL, without the colon: `older_than`.
    pub name: String,
    /// What can be written for it.
    pub kind: Kind,
    /// What is taken when nothing is written, in the same words as a person would write it. Empty: NULL is bound.
    /// Without one, it has to be chosen.
    pub default: Option<String>,
    /// What it does, in a few words.
    pub description: String,
}

/// What can be written for a parameter, and what the SQL gets for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ids, names and patterns, comma-separated: `*`, or a JSON array of ids.
    Droplets,
    /// A time: its text in UTC.
    Time,
    /// A time that ends a window, a day with its whole length: its text in UTC.
    End,
    /// A length of time: a modifier of SQLite's date functions, such as `3600 seconds`.
    Duration,
    /// A number.
    Number,
    /// Types of actions and their groups, comma-separated: a JSON array of types.
    Types,
    /// Texts, comma-separated: a JSON array of texts.
    Text,
}

/// A name that is no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is no kind of parameter: use {}", Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind {
    input: String,
}

impl Report {
    /// The parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The file it is in; of one that comes with the program, the file's name alone.
    pub(super) fn path(&self) -> PathBuf {
        match &self.origin {
            Origin::File(path) => path.clone(),
            Origin::Embedded => PathBuf::from(&self.name).with_extension("sql"),
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Droplets,
        Self::Time,
        Self::End,
        Self::Duration,
        Self::Number,
        Self::Types,
        Self::Text,
    ];

    /// Its name in a header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Droplets => "droplets",
            Self::Time => "time",
            Self::End => "end",
            Self::Duration => "duration",
            Self::Number => "number",
            Self::Types => "types",
            Self::Text => "text",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownKind {
                input: text.to_owned(),
            })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
