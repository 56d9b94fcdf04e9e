//! Writes rows as text: a table, Markdown or HTML for people; JSON, JSON lines, CSV and TSV for programs.
//!
//! A row is written when it arrives. An archive has millions of actions, so no format keeps more than a first window of
//! rows, and a cell from the database needs no allocation.

mod csv;
mod html;
mod json;
pub mod lake;
mod markdown;
mod parquet;
mod table;
mod text;

pub use html::Frame;
pub use parquet::{ParquetColumn, ParquetType, ParquetWriter};
pub use text::{counted, grouped, visible, visible_json, wrapped};

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use crate::core::time::Zone;

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
        all.find(|format| format.to_string() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(|format| format.to_string()).join(", ");
                format!("`{text}` is not an output format: use {names}")
            })
    }
}

impl fmt::Display for Format {
    /// The name, as written after `-o`: that of the variant in small letters.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A value of SQLite that has a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<T> {
    /// An unknown value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(T),
    /// JSON, written unchanged; a text in the formats other than JSON.
    Json(T),
}

/// A value that borrows, so that a row is passed on without a copy of its cells.
pub type Value<'a> = Datum<&'a str>;

/// A value that outlives its row.
pub type Cell = Datum<String>;

impl<T> Datum<T> {
    fn with_text<'a, U>(&'a self, text: impl FnOnce(&'a T) -> U) -> Datum<U> {
        match self {
            Self::Null => Datum::Null,
            Self::Integer(integer) => Datum::Integer(*integer),
            Self::Real(real) => Datum::Real(*real),
            Self::Text(it) => Datum::Text(text(it)),
            Self::Json(it) => Datum::Json(text(it)),
        }
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<&Value<'_>> for Cell {
    fn from(value: &Value<'_>) -> Self {
        value.with_text(|text| (*text).to_owned())
    }
}

impl<'a> From<&'a Cell> for Value<'a> {
    fn from(cell: &'a Cell) -> Self {
        cell.with_text(String::as_str)
    }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Unchanged.
    #[default]
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
        let ends_in = |suffix| name.ends_with(suffix);
        let look = match name {
            "status" => Look::Status,
            "seconds" => Look::Seconds,
            _ if ends_in("_seconds") || name.contains("_seconds_") => Look::Seconds,
            _ if ends_in("_at") => Look::Time,
            _ if ends_in("_min_percent") => Look::Percent(Round::Down),
            _ if ends_in("_max_percent") => Look::Percent(Round::Up),
            _ if ends_in("_percent") => Look::Percent(Round::Nearest),
            _ if is_id(name) => Look::Plain,
            _ => Look::Number,
        };
        let title = match name {
            "droplet_name" => "droplet",
            "region_slug" => "region",
            "duration_seconds" => "took",
            _ => {
                let unit = name.strip_suffix("_seconds");
                unit.or(name.strip_suffix("_at")).unwrap_or(name)
            }
        };
        Self {
            title,
            look,
            ..Self::plain(name)
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
        "certainty" | "former_names" | "size_slug" | "tags" => 80,
        _ if ends_in(&["_by", "_event"]) => 80,
        _ if ends_in(&["_before", "_change"]) => 60,
        "duration_seconds" => 40,
        "status" => 30,
        "created_at" | "completed_at" => 20,
        _ if ends_in(&["_at"]) => 10,
        _ => 0,
    }
}

/// Options of a writer, in any format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// True when tables, CSV and TSV begin without the names of their columns.
    pub no_header: bool,
    /// The width of the terminal in columns; without it, a table has no limit.
    pub width: Option<usize>,
    /// True when a table that is wider hides columns, the least important ones first.
    pub hides_columns: bool,
    /// True when a terminal shows the output: then CSV and TSV contain nothing that it would act on. Otherwise they are
    /// exact.
    pub is_for_terminal: bool,
    /// True when a table is coloured.
    pub is_colored: bool,
    /// The time zone of times for people; programs get UTC.
    pub zone: Zone,
    /// True when CSV and TSV keep a spreadsheet from taking a text for a formula.
    pub defuses_formulas: bool,
    /// The document around a table in HTML.
    pub frame: Frame,
}

/// Takes rows one by one.
pub trait RowWriter {
    /// Takes the headings of the columns. Call it once, before the rows.
    ///
    /// # Errors
    /// When the text cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()>;

    /// Takes one row, with a value for each column.
    ///
    /// # Errors
    /// When the text cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()>;

    /// Takes the last row, the total of the others. Its label is one of the values.
    ///
    /// # Errors
    /// When the text cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    fn total(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.row(values)
    }
}

/// A format appends each part of an answer to the bytes for the sink.
trait RowFormat {
    fn header(&mut self, headings: &[Heading<'_>], bytes: &mut Vec<u8>) -> io::Result<()>;

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()>;

    /// Appends what follows the last row.
    fn end(&mut self, _: &mut Vec<u8>) {}

    fn hidden(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Writes rows as text. The sink gets whole rows, many at a time; the rest is buffered until [`finish`](Writer::finish).
pub struct Writer<'sink> {
    format: Box<dyn RowFormat>,
    sink: &'sink mut dyn Write,
    bytes: Vec<u8>,
}

/// The capacity of a pipe on Linux, in bytes.
const ENOUGH: usize = 64 * 1024;

impl<'sink> Writer<'sink> {
    /// The writer of a format.
    pub fn new(format: Format, options: Options, sink: &'sink mut dyn Write) -> Self {
        let format: Box<dyn RowFormat> = match format {
            Format::Table => Box::new(table::Table::new(options)),
            Format::Json | Format::Jsonl => Box::new(json::Json {
                is_array: format == Format::Json,
                ..json::Json::default()
            }),
            Format::Csv | Format::Tsv => Box::new(csv::Separated {
                options,
                is_tsv: format == Format::Tsv,
            }),
            Format::Markdown => Box::new(markdown::Markdown {
                options,
                looks: Vec::new(),
            }),
            Format::Html => Box::new(html::Html {
                options,
                columns: Vec::new(),
            }),
        };
        Self {
            format,
            sink,
            bytes: Vec::new(),
        }
    }

    /// Writes the remaining text. Call it once, after the rows.
    ///
    /// # Errors
    /// When the text cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    pub fn finish(&mut self) -> io::Result<()> {
        self.format.end(&mut self.bytes);
        self.hand_on(0)?;
        self.sink.flush()
    }

    /// The titles of the columns that did not fit. Known after [`finish`](Writer::finish).
    #[must_use]
    pub fn hidden(&self) -> Vec<&str> {
        self.format.hidden()
    }

    /// Writes the bytes, which end with a row, if there are enough.
    fn hand_on(&mut self, enough: usize) -> io::Result<()> {
        if self.bytes.len() < enough {
            return Ok(());
        }
        let written = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        written
    }
}

impl RowWriter for Writer<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.format.header(headings, &mut self.bytes)?;
        self.hand_on(ENOUGH)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.format.row(values, &mut self.bytes)?;
        self.hand_on(ENOUGH)
    }
}

#[cfg(test)]
pub(crate) mod testing;

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
