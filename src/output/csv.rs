//! CSV as in RFC 4180, and TSV. Null is an empty field.
//!
//! Lines end in a single newline. With the carriage return of the RFC, `cut` and `awk` would add an invisible character
//! to the last column; readers of CSV accept both. TSV has no quotes: a backslash stands before what would end a cell.

use super::{Heading, Options, RowFormat, Value, visible};
use crate::core::control_characters::is_hidden;
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes rows as separated values.
pub(super) struct Separated {
    pub(super) options: Options,
    pub(super) is_tsv: bool,
}

impl Separated {
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = match self.options.defuses_formulas {
            true => defused(text).into(),
            false => Cow::Borrowed(text),
        };
        if self.is_tsv && has(&text, b"\\\t\n\r") {
            text = escaped(&text).into();
        }
        if self.options.is_for_terminal {
            text = visible(&text).into_owned().into();
        }
        if !self.is_tsv && has(&text, b",\"\n\r") {
            text = format!("\"{}\"", text.replace('"', "\"\"")).into();
        }
        text
    }
}

impl RowFormat for Separated {
    fn header(&mut self, headings: &[Heading<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        if self.options.no_header {
            return Ok(());
        }
        let names: Vec<_> = headings.iter().map(|it| Value::Text(it.name)).collect();
        self.row(&names, bytes)
    }

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        let is_alone = values.len() == 1;
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                bytes.push(if self.is_tsv { b'\t' } else { b',' });
            }
            match value {
                // A reader of CSV skips an empty line.
                Value::Null | Value::Text("") if is_alone && !self.is_tsv => bytes.extend(b"\"\""),
                Value::Null => {}
                Value::Integer(integer) => write!(bytes, "{integer}")?,
                Value::Real(real) => write!(bytes, "{real:?}")?,
                Value::Text(text) | Value::Json(text) => bytes.extend(self.text(text).as_bytes()),
            }
        }
        bytes.push(b'\n');
        Ok(())
    }
}

fn has(text: &str, bytes: &[u8; 4]) -> bool {
    text.bytes().any(|byte| bytes.contains(&byte))
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\t', "\\t");
    text.replace('\n', "\\n").replace('\r', "\\r")
}

/// Makes a text that no spreadsheet takes for a formula. The text after each semicolon is checked too: where the
/// decimal point is a comma, a semicolon ends a cell.
fn defused(text: &str) -> String {
    let parts = text.split(';').map(|part| match is_formula(part) {
        true => format!("'{part}"),
        false => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
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
            no_header: true,
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
            no_header: true,
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
            no_header: true,
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
