//! CSV as in RFC 4180, through the `csv` crate. Null is an empty field.
//!
//! Lines end in a single newline. With the carriage return of the RFC, `cut` and `awk` would add an invisible character
//! to the last column; readers of CSV accept both.

use super::format::Buffer;
use super::{Heading, Options, RowWriter, Value, visible};
use crate::core::control_characters::is_hidden;
use std::borrow::Cow;
use std::io;
use std::io::Write;

/// Writes rows as comma-separated values.
pub(super) struct Csv<'sink> {
    writer: ::csv::Writer<Buffer<'sink>>,
    header: bool,
    defuses_formulas: bool,
    is_for_terminal: bool,
    /// The digits of one number; the buffer is reused.
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
        // The crate passes on full buffers, which may end in the middle of a row.
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

/// The crate wraps the error of the sink, which would hide a closed pipe.
fn plain(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Writes rows as tab-separated values.
pub(super) struct Tsv<'sink> {
    buffer: Buffer<'sink>,
    has_header: bool,
    defuses_formulas: bool,
    is_for_terminal: bool,
}

impl<'sink> Tsv<'sink> {
    pub(super) fn new(sink: &'sink mut dyn Write, options: &Options) -> Self {
        Self {
            buffer: Buffer::new(sink),
            has_header: options.header,
            defuses_formulas: options.defuses_formulas,
            is_for_terminal: options.is_for_terminal,
        }
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = Value<'a>>) -> io::Result<()> {
        let bytes = &mut self.buffer.bytes;
        for (position, cell) in cells.enumerate() {
            if position > 0 {
                bytes.push(b'\t');
            }
            match cell {
                Value::Null => {}
                Value::Integer(integer) => serde_json::to_writer(&mut *bytes, &integer)?,
                Value::Real(real) => write!(bytes, "{real:?}")?,
                Value::Text(text) | Value::Json(text) => {
                    let text = if self.defuses_formulas {
                        defused(text)
                    } else {
                        text.into()
                    };
                    if self.is_for_terminal {
                        let mut escaped = Vec::new();
                        escape(&text, &mut escaped);
                        let shown = String::from_utf8_lossy(&escaped);
                        bytes.extend_from_slice(visible(&shown).as_bytes());
                    } else {
                        escape(&text, bytes);
                    }
                }
            }
        }
        bytes.push(b'\n');
        self.buffer.end_row()
    }
}

fn escape(text: &str, bytes: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\t' => bytes.extend_from_slice(b"\\t"),
            b'\n' => bytes.extend_from_slice(b"\\n"),
            b'\r' => bytes.extend_from_slice(b"\\r"),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            other => bytes.push(other),
        }
    }
}

impl RowWriter for Tsv<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        if !self.has_header {
            return Ok(());
        }
        self.line(headings.iter().map(|heading| Value::Text(heading.name)))
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.line(values.iter().copied())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.buffer.finish()
    }
}

/// Makes a text that no spreadsheet takes for a formula. The text after each semicolon is checked too: where the
/// decimal point is a comma, a semicolon ends a cell.
pub(super) fn defused(text: &str) -> Cow<'_, str> {
    if !text.split(';').any(is_formula) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(';').map(|part| match is_formula(part) {
        true => Cow::Owned(format!("'{part}")),
        false => Cow::Borrowed(part),
    });
    Cow::Owned(parts.collect::<Vec<_>>().join(";"))
}

/// True when a spreadsheet may take the text for a formula. A spreadsheet may skip spaces and invisible characters, and
/// removes quotes at the start of a cell. The last five characters are those that some locales type for the first ones.
fn is_formula(text: &str) -> bool {
    let is_skipped = |it: char| it.is_whitespace() || it == '"' || is_hidden(it);
    let visible = text.trim_start_matches(is_skipped);
    text.starts_with(['\t', '\r', '\n'])
        || visible.starts_with([
            '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{2212}',
        ])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, COLUMNS, written};
    use super::super::{Format, Options, Value};
    use super::*;

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

    #[test]
    fn a_row_is_a_line_and_nothing_in_a_cell_ends_it() {
        assert_eq!(
            written(Format::Tsv, Options::default(), &COLUMNS, &[&CELLS]),
            "id\ttype\tshare\tregion_slug\n9007199254740993\tre\"boot\\n\t1.0\t\n"
        );
        let row: &[Value<'_>] = &[Value::Text("a\tb\r\\n"), Value::Null];
        let options = Options {
            header: false,
            ..Options::default()
        };
        assert_eq!(
            written(Format::Tsv, options, &["a", "b"], &[row]),
            "a\\tb\\r\\\\n\t\n"
        );
    }

    /// The cells as a spreadsheet gets them, one line each.
    fn column(format: Format, defuses_formulas: bool, cells: &[Value<'_>]) -> Vec<String> {
        let options = Options {
            header: false,
            defuses_formulas,
            ..Options::default()
        };
        let cells: Vec<_> = cells.iter().map(std::slice::from_ref).collect();
        let text = written(format, options, &["cell"], &cells);
        text.lines().map(str::to_owned).collect()
    }

    const FORMULAS: [&str; 4] = ["=1+2", "+1", "-1+2", "@SUM(A1)"];

    #[test]
    fn a_text_that_could_be_a_formula_gets_an_apostrophe() {
        let cells = FORMULAS.map(Value::Text);
        for format in [Format::Csv, Format::Tsv] {
            let expected = FORMULAS.map(|text| format!("'{text}"));
            assert_eq!(column(format, true, &cells), expected);
            assert_eq!(column(format, false, &cells), FORMULAS);
        }
        assert_eq!(
            column(Format::Csv, true, &[Value::Text("=A1,\"x\"")]),
            ["\"'=A1,\"\"x\"\"\""]
        );
    }

    #[test]
    fn what_a_spreadsheet_skips_before_a_formula_does_not_hide_it() {
        let cells = ["\t=1", "\r=1"].map(Value::Text);
        assert_eq!(column(Format::Tsv, true, &cells), ["'\\t=1", "'\\r=1"]);
        for text in [
            "\t=1",
            "\r=1",
            "\n=1",
            "\u{ff1d}1",
            "\u{ff20}x",
            "\u{feff}=1",
            " =1",
            "\u{0}=1",
            "\u{200b}\u{a0}=1",
            "\tx",
        ] {
            assert_eq!(defused(text), format!("'{text}"), "{text:?}");
        }
    }

    #[test]
    fn what_could_be_a_cell_of_its_own_elsewhere_is_looked_at_too() {
        assert_eq!(defused("a;=1+1; -2;b"), "a;'=1+1;' -2;b");
        assert_eq!(defused("a;\"=1+1\";b"), "a;'\"=1+1\";b");
        assert_eq!(defused("a;b=1"), "a;b=1");
    }

    #[test]
    fn numbers_and_plain_texts_stay_as_they_are() {
        let cells = [
            Value::Integer(-1),
            Value::Real(-0.5),
            Value::Text("web-01"),
            Value::Text("2026-01-01T00:00:00Z"),
            Value::Text("a=b"),
            Value::Json("{\"a\":1}"),
        ];
        for format in [Format::Csv, Format::Tsv] {
            assert_eq!(column(format, true, &cells), column(format, false, &cells));
        }
    }

    #[test]
    fn the_name_of_a_column_is_a_cell_too() {
        let options = Options {
            defuses_formulas: true,
            ..Options::default()
        };
        for format in [Format::Csv, Format::Tsv] {
            assert_eq!(written(format, options.clone(), &["=1+2"], &[]), "'=1+2\n");
        }
    }

    #[test]
    fn no_other_format_is_altered() {
        let safe = Options {
            defuses_formulas: true,
            ..Options::default()
        };
        for format in [Format::Table, Format::Json, Format::Jsonl, Format::Markdown] {
            let row: &[Value<'_>] = &[Value::Text("=1+2")];
            let usual = written(format, Options::default(), &["cell"], &[row]);
            assert_eq!(written(format, safe.clone(), &["cell"], &[row]), usual);
        }
    }
}
