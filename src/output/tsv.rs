//! Tab-separated values, for `cut` and `awk`: one line for each row, whatever the cells hold.
//!
//! A tab, a line end or a backslash in a cell is written as `\t`, `\n`, `\r` or `\\`, as `jq` and PostgreSQL do, and
//! nothing is ever quoted. Null is an empty field.

use std::io::{self, Write};

use super::buffer::Buffer;
use super::formula::defused;
use super::{Heading, Options, RowWriter, Value, visible};

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

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, COLUMNS, written};
    use super::super::{Format, Options, Value};

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
}
