//! CSV as in RFC 4180, through the `csv` crate. Null is an empty field.
//!
//! Lines end in a single newline: with the carriage return of the RFC the last column would carry an invisible
//! character into every `cut` and `awk`, and readers of CSV take both.

use std::io::{self, Write};

use super::buffer::Buffer;
use super::formula::defused;
use super::{Heading, Options, RowWriter, Value, visible};

/// Writes rows as comma-separated values.
pub(super) struct Csv<'sink> {
    writer: ::csv::Writer<Buffer<'sink>>,
    header: bool,
    defuses_formulas: bool,
    is_for_terminal: bool,
    /// The digits of one number, kept to be used again.
    buffer: Vec<u8>,
}

impl<'sink> Csv<'sink> {
    pub(super) fn new(sink: &'sink mut dyn Write, options: &Options) -> Self {
        let writer = ::csv::WriterBuilder::new()
            .buffer_capacity(64 * 1024)
            .from_writer(Buffer::new(sink));
        Self {
            writer,
            header: options.header,
            defuses_formulas: options.defuses_formulas,
            is_for_terminal: options.is_for_terminal,
            buffer: Vec::new(),
        }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let text = if self.defuses_formulas {
            defused(text)
        } else {
            text.into()
        };
        let text = if self.is_for_terminal {
            visible(&text)
        } else {
            (&*text).into()
        };
        self.writer.write_field(text.as_bytes()).map_err(plain)
    }

    fn field(&mut self, value: Value<'_>) -> io::Result<()> {
        self.buffer.clear();
        let field = match value {
            Value::Null => &[],
            Value::Text(text) | Value::Json(text) => return self.text(text),
            Value::Integer(integer) => {
                serde_json::to_writer(&mut self.buffer, &integer)?;
                &self.buffer[..]
            }
            Value::Real(real) => {
                write!(self.buffer, "{real:?}")?;
                &self.buffer[..]
            }
        };
        self.writer.write_field(field).map_err(plain)
    }

    fn end_row(&mut self) -> io::Result<()> {
        self.writer.write_record(None::<&[u8]>).map_err(plain)?;
        // What the crate hands on when it has enough ends in the middle of a row.
        if self.writer.get_ref().bytes.is_empty() {
            return Ok(());
        }
        self.writer.flush()
    }
}

impl RowWriter for Csv<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        if self.header {
            for heading in headings {
                self.field(Value::Text(heading.name))?;
            }
            self.end_row()?;
        }
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        for value in values {
            self.field(*value)?;
        }
        self.end_row()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The crate wraps the sink's error, which would hide that a pipe was closed.
fn plain(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, COLUMNS, written};
    use super::super::{Format, Options, Value};

    #[test]
    fn fields_are_quoted_only_where_they_have_to_be() {
        let text = written(Format::Csv, Options::default(), &COLUMNS, &[&CELLS]);
        let expected = "id,type,share,region_slug\n9007199254740993,\"re\"\"boot\n\",1.0,\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_terminal_is_shown_what_it_would_act_on_and_a_program_is_given_it() {
        let row: &[Value<'_>] = &[Value::Text("\u{1b}]0;x\u{7}"), Value::Text("é,\u{202e}")];
        for format in [Format::Csv, Format::Tsv] {
            let exact = written(format, Options::default(), &["a", "b"], &[row]);
            assert!(exact.contains("\u{1b}]0;x\u{7}"));
            let options = Options {
                is_for_terminal: true,
                ..Options::default()
            };
            let shown = written(format, options, &["a", "b"], &[row]);
            assert!(
                shown.contains("\\x1b]0;x\\x07") && shown.contains("é,\\u{202e}"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_header_can_be_left_out() {
        let options = Options {
            header: false,
            ..Options::default()
        };
        let row: &[Value<'_>] = &[Value::Text("a,b"), Value::Integer(-1)];
        assert_eq!(
            written(Format::Csv, options, &["name", "id"], &[row]),
            "\"a,b\",-1\n"
        );
    }

    #[test]
    fn no_rows_are_the_header_alone() {
        assert_eq!(
            written(Format::Csv, Options::default(), &["name", "id"], &[]),
            "name,id\n"
        );
    }

    #[test]
    fn a_lone_null_is_still_a_row() {
        let text = written(
            Format::Csv,
            Options::default(),
            &["name"],
            &[&[Value::Null]],
        );
        assert_eq!(text, "name\n\"\"\n");
    }
}
