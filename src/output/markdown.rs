//! A Markdown table, for tickets and reports. It shows complete values for people, without bars or padding, and escapes
//! only what Markdown or HTML would take for markup.

use std::borrow::Cow;
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
        let bytes = &mut self.buffer.bytes;
        bytes.push(b' ');
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if is_markup(character, before, characters.peek().copied()) {
                bytes.push(b'\\');
            }
            let mut utf8 = [0; 4];
            bytes.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
            before = Some(character);
        }
        bytes.extend_from_slice(b" |");
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.buffer.bytes.push(b'\n');
        self.buffer.end_row()
    }
}

/// True for a character that Markdown or HTML would not show. An underscore within a word is shown, as in `power_off`.
fn is_markup(character: char, before: Option<char>, after: Option<char>) -> bool {
    let is_in_word = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
    match character {
        '_' => !(is_in_word(before) && is_in_word(after)),
        '\\' | '|' | '`' | '*' | '<' | '>' | '&' | '[' | ']' | '#' | '~' | '!' => true,
        _ => false,
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
            let text = match (value, look) {
                (Value::Real(percent), Look::Percent(round)) => {
                    Cow::Owned(format!("{:.1}", round.share(*percent)))
                }
                (_, Look::Bar { .. }) => shown(value, Look::Number, &self.options),
                _ => shown(value, look, &self.options),
            };
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
    use super::super::testing::{CELLS, COLUMNS, written, written_under};
    use super::super::{Format, Heading, Look, Options, Value};

    #[test]
    fn a_table_has_a_header_and_a_line_for_each_row() {
        assert_eq!(
            written(Format::Markdown, Options::default(), &COLUMNS, &[&CELLS]),
            "| id | type | share | region_slug |\n| --- | --- | --- | --- |\n\
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

    #[test]
    fn names_and_numbers_are_plain() {
        let count = Heading {
            look: Look::Bar { greatest: 5_000 },
            ..Heading::named("count")
        };
        let headings = [
            Heading::named("type"),
            count,
            Heading::named("errored_percent"),
        ];
        let row: &[Value<'_>] = &[
            Value::Text("_power_off_"),
            Value::Integer(2_000),
            Value::Real(0.5),
        ];
        let text = written_under(Format::Markdown, Options::default(), &headings, &[row]);
        assert_eq!(
            text,
            "| type | count | errored_percent |\n| --- | --- | --- |\n| \\_power_off\\_ | 2,000 | 0.5 |\n"
        );
    }
}
