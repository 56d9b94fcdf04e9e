//! A Markdown table, for tickets and reports. It shows complete values for people, and escapes everything that Markdown
//! or HTML would take for markup.

use std::io::{self, Write};

use super::format::Buffer;
use super::table::shown;
use super::terminal::visible;
use super::{Heading, Look, Options, RowWriter, Value};

/// Writes rows as lines of a Markdown table, which needs no column widths.
pub(super) struct Markdown<'sink> {
    buffer: Buffer<'sink>,
    options: Options,
    looks: Vec<Look>,
}

impl<'sink> Markdown<'sink> {
    pub(super) fn new(sink: &'sink mut dyn Write, options: Options) -> Self {
        Self {
            buffer: Buffer::new(sink),
            options,
            looks: Vec::new(),
        }
    }

    fn cell(&mut self, text: &str) {
        self.buffer.bytes.extend_from_slice(b" ");
        for character in text.chars() {
            let is_markup = matches!(
                character,
                '\\' | '|' | '`' | '*' | '_' | '<' | '>' | '&' | '[' | ']' | '#' | '~' | '!'
            );
            if is_markup {
                self.buffer.bytes.push(b'\\');
            }
            let mut utf8 = [0; 4];
            let encoded = character.encode_utf8(&mut utf8);
            self.buffer.bytes.extend_from_slice(encoded.as_bytes());
        }
        self.buffer.bytes.extend_from_slice(b" |");
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.buffer.bytes.push(b'\n');
        self.buffer.end_row()
    }
}

impl RowWriter for Markdown<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.looks = headings.iter().map(|heading| heading.look).collect();
        if !self.options.header {
            return Ok(());
        }
        self.buffer.bytes.push(b'|');
        for heading in headings {
            self.cell(&visible(heading.title));
        }
        self.end_line()?;
        self.buffer.bytes.push(b'|');
        self.buffer
            .bytes
            .extend_from_slice(" --- |".repeat(headings.len()).as_bytes());
        self.end_line()
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.buffer.bytes.push(b'|');
        for (position, value) in values.iter().enumerate() {
            let look = self.looks.get(position).copied().unwrap_or(Look::Plain);
            let text = shown(value, look, &self.options);
            self.cell(&text);
        }
        self.end_line()
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
    fn a_table_has_a_header_and_a_line_for_each_row() {
        assert_eq!(
            written(Format::Markdown, Options::default(), &COLUMNS, &[&CELLS]),
            "| id | type | share | region\\_slug |\n| --- | --- | --- | --- |\n\
             | 9007199254740993 | re\"boot\\\\n | 1.0 | - |\n"
        );
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        let row: &[Value<'_>] = &[Value::Text("a|b\n<b>*x*</b> [l](u)")];
        let text = written(Format::Markdown, Options::default(), &["name"], &[row]);
        let expected = r"| a\|b\\n\<b\>\*x\*\</b\> \[l\](u) |";
        assert_eq!(text.lines().last(), Some(expected));
    }
}
