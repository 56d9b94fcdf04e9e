//! The output formats, by name.

use std::io::Write;
use std::str::FromStr;
use std::{fmt, io};

/// The format of the rows.
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
    /// A document with one table.
    Html,
}

impl Format {
    /// Every format, in the order of display.
    pub const ALL: [Self; 7] = [
        Self::Table,
        Self::Json,
        Self::Jsonl,
        Self::Csv,
        Self::Tsv,
        Self::Markdown,
        Self::Html,
    ];

    /// The name, as written after `-o`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// True for the formats for people: they show values as people write them.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Markdown | Self::Html)
    }

    /// True for the formats that leave out the columns which repeat others, so that a row fits a terminal.
    #[must_use]
    pub fn is_compact(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }
}

impl FromStr for Format {
    /// The message for a name that no format has.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is not an output format: use {names}")
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A value of SQLite that has a text. It borrows, so that a row is passed on without a copy of its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An unknown value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// JSON, written unchanged; a text in the formats other than JSON.
    Json(&'a str),
}

/// The name of a column, and its kind of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading<'a> {
    /// The name for programs: the key in JSON, the header of CSV.
    pub name: &'a str,
    /// The title for people: above a table.
    pub title: &'a str,
    /// The way to show the values to people.
    pub look: Look,
    /// How soon a table that is too wide hides the column: the greatest first, and 0 only when nothing else is left.
    pub rank: u8,
}

/// The way a table for people shows the values of a column. Programs get all values unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Unchanged.
    Plain,
    /// A number of things, as `52,292`.
    Number,
    /// The status of an action, in its colour.
    Status,
    /// A number of seconds, as `1h 3m`.
    Seconds,
    /// A time, in the requested time zone.
    Time,
    /// A share from 0 to 100, with a bar of that length.
    Percent(Round),
    /// A number, with a bar beside it. The greatest number has the longest bar; a number beyond it has none.
    Bar {
        /// The greatest number.
        greatest: i64,
    },
}

/// The way to round a share to one decimal. A bound stays a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// To the nearest.
    Nearest,
    /// Down, as a minimum.
    Down,
    /// Up, as a maximum.
    Up,
}

impl Round {
    /// The rounded share. Shares have at most three decimals, which a multiple of them could blur.
    #[must_use]
    pub fn share(self, percent: f64) -> f64 {
        let tenths = (percent * 1_000.0).round() / 100.0;
        let tenths = match self {
            Self::Nearest => return percent,
            Self::Down => tenths.floor(),
            Self::Up => tenths.ceil(),
        };
        tenths / 10.0
    }
}

/// True when two names mean the same column: doctl's `StartedAt` is `started_at`.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    plain(one) == plain(other)
}

impl<'a> Heading<'a> {
    /// A column with the same name for people and programs, and with unchanged values.
    #[must_use]
    pub fn plain(name: &'a str) -> Self {
        Self {
            name,
            title: name,
            look: Look::Plain,
            rank: rank(name),
        }
    }

    /// A column whose name shows the kind of its values: `took_seconds` is a duration, `started_at` a time,
    /// `errored_percent` a share, `droplet_id` an id, and any other number counts something.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        let (title, look) = if let Some(title) = name.strip_suffix("_seconds") {
            (title, Look::Seconds)
        } else if let Some(title) = name.strip_suffix("_at") {
            (title, Look::Time)
        } else if name == "seconds" || name.contains("_seconds_") {
            (name, Look::Seconds)
        } else if name.ends_with("_min_percent") {
            (name, Look::Percent(Round::Down))
        } else if name.ends_with("_max_percent") {
            (name, Look::Percent(Round::Up))
        } else if name.ends_with("_percent") {
            (name, Look::Percent(Round::Nearest))
        } else if name == "status" {
            (name, Look::Status)
        } else if is_id(name) {
            (name, Look::Plain)
        } else {
            (name, Look::Number)
        };
        let title = match name {
            "droplet_name" => "droplet",
            "region_slug" => "region",
            "duration_seconds" => "took",
            _ => title,
        };
        Self {
            name,
            title,
            look,
            rank: rank(name),
        }
    }
}

/// The rank of a column that tables leave out unless it is chosen, because it repeats or explains another one.
pub const NOT_FOR_PEOPLE: u8 = u8::MAX;

fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("_id")
}

/// The rank of a column by its name: regions and ids go first, then what explains another column, then states, then
/// dates. Names, types, counts and durations stay.
fn rank(name: &str) -> u8 {
    let ends_in = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    match name {
        "region_slug" | "region" | "resource_type" => 100,
        _ if is_id(name) => 90,
        "certainty" => 80,
        "former_names" | "size_slug" | "tags" => 80,
        _ if ends_in(&["_by", "_event"]) => 80,
        _ if ends_in(&["_before", "_change"]) => 60,
        "duration_seconds" => 40,
        "status" => 30,
        "created_at" | "completed_at" => 20,
        _ if ends_in(&["_at"]) => 10,
        _ => 0,
    }
}

/// The capacity of a pipe on Linux, in bytes.
const ENOUGH: usize = 64 * 1024;

/// A buffer of bytes for a sink.
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

    /// Call this after every row: it writes the bytes when there are enough.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        if self.bytes.len() < ENOUGH {
            return Ok(());
        }
        self.hand_on()
    }

    /// Call this last: it writes all remaining bytes.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.sink.flush()
    }

    /// Writes the bytes, which end with a row.
    fn hand_on(&mut self) -> io::Result<()> {
        let written = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        written
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
        let message = "xml".parse::<Format>().unwrap_err();
        assert_eq!(
            message,
            "`xml` is not an output format: use table, json, jsonl, csv, tsv, markdown, html"
        );
    }

    #[test]
    fn a_name_says_what_its_column_holds() {
        for (name, title, look) in [
            ("duration_seconds", "took", Look::Seconds),
            ("gap_seconds", "gap", Look::Seconds),
            ("started_at", "started", Look::Time),
            (
                "errored_percent",
                "errored_percent",
                Look::Percent(Round::Nearest),
            ),
            ("status", "status", Look::Status),
            ("droplet_id", "droplet_id", Look::Plain),
            ("droplet_name", "droplet", Look::Number),
            ("restarts", "restarts", Look::Number),
        ] {
            let heading = Heading::named(name);
            assert_eq!((heading.title, heading.look), (title, look), "{name}");
        }
    }

    #[test]
    fn ids_are_hidden_before_dates_and_dates_before_names() {
        let ranks = [
            "region_slug",
            "action_id",
            "off_by",
            "ended_at",
            "droplet_name",
        ]
        .map(rank);
        assert!(ranks.is_sorted_by(|one, other| one > other), "{ranks:?}");
    }
}
