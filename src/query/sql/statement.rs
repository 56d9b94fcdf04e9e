//! The part of the SQL grammar that finds the first word and the end of a statement.
//!
//! SQLite itself parses the statement; this code only finds the words for a refusal. It also formats the values of a
//! row.

use crate::output::Value;
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// SQL text, cut after its first statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statements<'a> {
    /// The start of the first statement, in bytes.
    pub(super) start: usize,
    /// The first statement, up to its semicolon; empty when there is none.
    pub(super) first: &'a str,
    /// The remaining text from its first word on; may be empty.
    pub(super) rest: &'a str,
}

/// Cuts SQL at the first semicolon that ends a statement. Skips empty statements before it.
pub(super) fn cut(sql: &str) -> Statements<'_> {
    let mut start = 0;
    loop {
        let at = start + blank(&sql[start..]);
        if sql[at..].starts_with(';') {
            start = at + 1;
            continue;
        }
        let end = at + length(&sql[at..]);
        let mut rest = end;
        loop {
            let next = rest + blank(&sql[rest..]);
            rest = next;
            if !sql[rest..].starts_with(';') {
                break;
            }
            rest += 1;
        }
        return Statements {
            start,
            first: if at == sql.len() {
                ""
            } else {
                &sql[start..end]
            },
            rest: &sql[rest..],
        };
    }
}

/// The first word of a statement, in capitals.
pub(super) fn first_word(statement: &str) -> String {
    let text = &statement[blank(statement)..];
    let end = text
        .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    text[..end].to_ascii_uppercase()
}

/// The number of bytes of spaces and comments at the start of `text`.
fn blank(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            match rest.chars().next() {
                Some(space) if space.is_ascii_whitespace() || space == '\u{feff}' => {
                    space.len_utf8()
                }
                _ => return at,
            }
        };
    }
}

/// The number of bytes before the semicolon that ends the statement.
fn length(text: &str) -> usize {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match character {
            ';' => return at,
            '\'' | '"' | '`' => quoted(rest, character),
            '[' => quoted(rest, ']'),
            _ => blank(rest).max(character.len_utf8()),
        };
    }
    at
}

/// The length of a quoted text that ends with `quote`. A doubled quote ends the text too, and starts the next one at
/// once.
fn quoted(text: &str, quote: char) -> usize {
    text.chars()
        .next()
        .and_then(|first| {
            let start = first.len_utf8();
            text[start..].find(quote).map(|end| start + end + 1)
        })
        .unwrap_or(text.len())
}

/// The hexadecimal texts of one row, kept while the row is shown.
#[derive(Default)]
pub(super) struct Cells {
    texts: Vec<Option<String>>,
}

impl Cells {
    /// The values of a row. A BLOB, or a TEXT that is not UTF-8, becomes the SQL literal of its bytes: `x'00ff'`.
    ///
    /// # Errors
    /// When the row has fewer columns.
    pub(super) fn values<'a>(
        &'a mut self,
        row: &'a Row<'_>,
        columns: usize,
    ) -> rusqlite::Result<Vec<Value<'a>>> {
        self.texts.clear();
        for column in 0..columns {
            self.texts.push(match row.get_ref(column)? {
                ValueRef::Blob(bytes) => Some(literal(bytes)),
                ValueRef::Text(bytes) if std::str::from_utf8(bytes).is_err() => {
                    Some(literal(bytes))
                }
                _ => None,
            });
        }
        let mut values = Vec::with_capacity(columns);
        for (column, text) in self.texts.iter().enumerate() {
            values.push(match (text, row.get_ref(column)?) {
                (Some(text), _) => Value::Text(text),
                (None, ValueRef::Integer(integer)) => Value::Integer(integer),
                (None, ValueRef::Real(real)) => real_value(real),
                (None, ValueRef::Text(bytes)) => {
                    std::str::from_utf8(bytes).map_or(Value::Null, Value::Text)
                }
                (None, ValueRef::Null | ValueRef::Blob(_)) => Value::Null,
            });
        }
        Ok(values)
    }
}

/// A real number as a value. No format has a number for infinity, and JSON would write null, so infinity is written as
/// in SQL.
fn real_value<'a>(real: f64) -> Value<'a> {
    if real == f64::INFINITY {
        Value::Text("9e999")
    } else if real == f64::NEG_INFINITY {
        Value::Text("-9e999")
    } else {
        Value::Real(real)
    }
}

fn literal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    text.push_str("x'");
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_at_its_semicolon_and_nowhere_else() {
        for (sql, first, rest) in [
            ("SELECT 1", "SELECT 1", ""),
            (" SELECT 1 ; ", " SELECT 1 ", ""),
            ("SELECT 1; -- done\n;/* x */;", "SELECT 1", ""),
            ("SELECT 1; SELECT 2", "SELECT 1", "SELECT 2"),
            ("SELECT ';'; DROP", "SELECT ';'", "DROP"),
            ("SELECT 'it''s;'; DROP", "SELECT 'it''s;'", "DROP"),
            ("SELECT \";\", `;`, [;]; x", "SELECT \";\", `;`, [;]", "x"),
            ("SELECT 1 -- ; \n + 1; x", "SELECT 1 -- ; \n + 1", "x"),
            ("SELECT /* ; */ 1; x", "SELECT /* ; */ 1", "x"),
            (";; SELECT 1;", " SELECT 1", ""),
            ("SELECT 'open; DROP", "SELECT 'open; DROP", ""),
            ("SELECT 1 /* open; DROP", "SELECT 1 /* open; DROP", ""),
            ("SELECT 'é;日本'; x", "SELECT 'é;日本'", "x"),
            ("", "", ""),
            (" ;; -- nothing", "", ""),
            ("/* nothing */", "", ""),
        ] {
            let found = cut(sql);
            assert_eq!((found.first, found.rest), (first, rest), "{sql}");
            assert!(sql[found.start..].starts_with(first), "{sql}");
        }
    }

    #[test]
    fn a_statement_is_called_by_its_first_word() {
        for (sql, word) in [
            ("select 1", "SELECT"),
            (" -- a comment\n /* another */ Drop table x", "DROP"),
            ("VALUES(1)", "VALUES"),
            ("(SELECT 1)", ""),
            ("\u{feff}SELECT 1", "SELECT"),
            ("", ""),
        ] {
            assert_eq!(first_word(sql), word, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_losing_a_word(sql in "[-/*;'\"`\\[\\]a-c é\n]{0,24}") {
            let Statements { start, first, rest } = cut(&sql);
            proptest::prop_assert!(sql.ends_with(rest));
            proptest::prop_assert!(sql[start..].starts_with(first));
            proptest::prop_assert!(!rest.starts_with(';'));
        }
    }
}
