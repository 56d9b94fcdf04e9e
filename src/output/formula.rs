//! Texts that a spreadsheet would run: a cell that begins with `=` is a formula to it, whoever wrote it.
//!
//! The names of droplets and tags are free text, and a table of actions is mailed around. OWASP's advice is an apostrophe
//! before what could begin a formula (<https://owasp.org/www-community/attacks/CSV_Injection>): a spreadsheet takes the
//! cell for text then. Every other reader gets one character too many, so it is done only where it is asked for.

use std::borrow::Cow;

use crate::core::control_characters::is_hidden;

/// A text that no spreadsheet takes for a formula. What stands after a semicolon is looked at too: where people write a
/// comma for the decimal point, it ends a cell.
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

/// Whether a spreadsheet may take a text for a formula; it may skip space and what cannot be seen, and takes quotes off where
/// a cell begins. The last five are what some locales type for the first.
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
    use super::super::testing::written;
    use super::super::{Format, Options, Value};
    use super::*;

    /// Cells as a spreadsheet would be given them, one line each.
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
