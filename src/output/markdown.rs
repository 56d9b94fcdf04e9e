//! A Markdown table, for tickets and reports. It shows complete values for people, without bars or padding, and escapes
//! only what Markdown or HTML would take for markup.

use std::borrow::Cow;
use std::io;

use super::table::shown;
use super::text::visible;
use super::{Heading, Look, Options, RowFormat, Value};

/// Writes rows as lines of a Markdown table, which needs no column widths.
pub(super) struct Markdown {
    pub(super) options: Options,
    pub(super) looks: Vec<Look>,
}

/// Appends a line with these cells.
fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>, bytes: &mut Vec<u8>) {
    let mut line = String::from("|");
    for cell in cells {
        line.push(' ');
        let mut before = None;
        let mut characters = cell.chars().peekable();
        while let Some(character) = characters.next() {
            if is_markup(character, before, characters.peek().copied()) {
                line.push('\\');
            }
            line.push(character);
            before = Some(character);
        }
        line.push_str(" |");
    }
    line.push('\n');
    bytes.extend_from_slice(line.as_bytes());
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

impl RowFormat for Markdown {
    fn header(&mut self, headings: &[Heading<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        self.looks = headings.iter().map(|heading| heading.look).collect();
        if !self.options.no_header {
            line(headings.iter().map(|it| visible(it.title)), bytes);
            bytes.extend(format!("|{}\n", " --- |".repeat(headings.len())).bytes());
        }
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        let cells = values.iter().zip(&self.looks);
        line(
            cells.map(|(value, look)| shown(value, *look, &self.options)),
            bytes,
        );
        Ok(())
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
