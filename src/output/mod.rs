//! Writes rows as text: a table, Markdown or HTML for people; JSON, JSON lines, CSV and TSV for programs.
//!
//! A row is written when it arrives. An archive has millions of actions, so no format keeps more than a first window of
//! rows, and a cell from the database needs no allocation.

mod csv;
mod format;
mod html;
mod json;
pub mod lake;
mod layout;
mod markdown;
mod number;
mod parquet;
mod table;
mod terminal;

pub use format::Format;
pub use format::Value;
pub use format::{Heading, Look, Round, is_same_name};
pub use html::Frame;
pub use number::{counted, grouped};
pub use parquet::{ParquetColumn, ParquetType, ParquetWriter};
pub use terminal::{visible, visible_json, wrapped};

use std::io::{self, Write};

use crate::core::time::Zone;

/// Options of a writer, in any format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// True when tables, CSV and TSV begin with the names of their columns.
    pub header: bool,
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

impl Default for Options {
    fn default() -> Self {
        Self {
            header: true,
            width: None,
            hides_columns: false,
            is_for_terminal: false,
            is_colored: false,
            zone: Zone::utc(),
            defuses_formulas: false,
            frame: Frame::default(),
        }
    }
}

/// Takes rows one by one and writes them as text. The text is buffered until [`finish`](RowWriter::finish).
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

    /// Writes the remaining text. Call it once, after the rows.
    ///
    /// # Errors
    /// When the text cannot be written; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    fn finish(&mut self) -> io::Result<()>;

    /// The titles of the columns that did not fit. Known after [`finish`](RowWriter::finish).
    fn hidden(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The writer of a format.
pub fn writer<'sink>(
    format: Format,
    options: Options,
    sink: &'sink mut dyn Write,
) -> Box<dyn RowWriter + 'sink> {
    match format {
        Format::Table => Box::new(table::Table::new(sink, options)),
        Format::Json => Box::new(json::Json::new(sink, true)),
        Format::Jsonl => Box::new(json::Json::new(sink, false)),
        Format::Csv => Box::new(csv::Separated::new(sink, options, false)),
        Format::Tsv => Box::new(csv::Separated::new(sink, options, true)),
        Format::Markdown => Box::new(markdown::Markdown::new(sink, options)),
        Format::Html => Box::new(html::Html::new(sink, options)),
    }
}

#[cfg(test)]
pub(crate) mod testing;
