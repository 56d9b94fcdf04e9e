//! The formats that rows can be written in, by name.

use std::io::Write;
use std::str::FromStr;
use std::{fmt, io};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// A table in Markdown.
    Markdown,
}

/// A name that is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an output format: use {}", Format::names().join(", "))]
pub struct UnknownFormat {
    input: String,
}

impl Format {
    /// Every format, in the order they are listed to people.
    pub const ALL: [Self; 6] = [
        Self::Table,
        Self::Json,
        Self::Jsonl,
        Self::Csv,
        Self::Tsv,
        Self::Markdown,
    ];

    /// Its name, as written after `-o`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Markdown => "markdown",
        }
    }

    /// Whether people read it, and not programs: then values are shown as people write them.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }

    fn names() -> [&'static str; 6] {
        Self::ALL.map(Self::name)
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat {
                input: text.to_owned(),
            })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A value of SQLite that has a text. It borrows, so that a row can be passed on without copying its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// A JSON value as it is written; where the format is not JSON, its text.
    Json(&'a str),
}

/// The name of a column, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading<'a> {
    /// For programs: the key in JSON, the header of CSV.
    pub name: &'a str,
    /// For people: over a table.
    pub title: &'a str,
    /// How a person reads its values.
    pub look: Look,
}

/// How a table for people shows the values of a column. Programs are given all of them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As they are.
    Plain,
    /// The status of an action, in its colour.
    Status,
    /// A number of seconds, as `1h 3m`.
    Seconds,
    /// An instant, in the time zone that was asked for.
    Time,
    /// A share from 0 to 100, with a bar of that length.
    Percent,
    /// A number, with a bar beside it that is as long as can be for the greatest in the column, which is this.
    Bar {
        /// The greatest number.
        greatest: i64,
    },
}

/// Whether two names mean the same column: `StartedAt`, as doctl calls it, is `started_at`.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    plain(one) == plain(other)
}

impl<'a> Heading<'a> {
    /// A column that is called the same by everybody, with its values as they are.
    #[must_use]
    pub fn plain(name: &'a str) -> Self {
        Self {
            name,
            title: name,
            look: Look::Plain,
        }
    }

    /// A column whose name says what it holds: `took_seconds` is a duration, `started_at` an instant, `errored_percent`
    /// a share.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        let (title, look) = if let Some(title) = name.strip_suffix("_seconds") {
            (title, Look::Seconds)
        } else if let Some(title) = name.strip_suffix("_at") {
            (title, Look::Time)
        } else if name.ends_with("_percent") {
            (name, Look::Percent)
        } else if name == "status" {
            (name, Look::Status)
        } else {
            (name, Look::Plain)
        };
        Self { name, title, look }
    }
}

/// A pipe on Linux takes this much at once.
const ENOUGH: usize = 64 * 1024;

/// Bytes for a sink.
pub(super) struct Buffer<'sink> {
    sink: &'sink mut dyn Write,
    pub(super) bytes: Vec<u8>,
}

impl<'sink> Buffer<'sink> {
    pub(super) fn new(sink: &'sink mut dyn Write) -> Self {
        Self {
            sink,
            bytes: Vec::new(),
        }
    }

    /// Comes after every row: hands the bytes on once there are enough.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        if self.bytes.len() < ENOUGH {
            return Ok(());
        }
        self.hand_on()
    }

    /// Comes last: nothing stays behind.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.sink.flush()
    }

    /// Hands on what there is, which ends with a row.
    fn hand_on(&mut self) -> io::Result<()> {
        let written = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        written
    }
}

/// For whoever takes nothing but a writer, and flushes it after a row.
impl Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
    }

    #[test]
    fn an_unknown_format_lists_those_that_exist() {
        let message = "xml".parse::<Format>().unwrap_err().to_string();
        assert_eq!(
            message,
            "`xml` is not an output format: use table, json, jsonl, csv, tsv, markdown"
        );
    }

    #[test]
    fn a_name_says_what_its_column_holds() {
        for (name, title, look) in [
            ("duration_seconds", "duration", Look::Seconds),
            ("started_at", "started", Look::Time),
            ("errored_percent", "errored_percent", Look::Percent),
            ("status", "status", Look::Status),
            ("droplet_id", "droplet_id", Look::Plain),
        ] {
            assert_eq!(Heading::named(name), Heading { name, title, look });
        }
    }
}
