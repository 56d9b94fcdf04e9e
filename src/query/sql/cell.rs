//! Every value of SQLite as text: nothing that an archive can hold fails to be shown.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::output::Value;

/// The hexadecimal texts of one row, kept while the row is shown.
#[derive(Default)]
pub(super) struct Cells {
    texts: Vec<Option<String>>,
}

impl Cells {
    /// The values of a row. What is no text, a BLOB or a TEXT that is not UTF-8, is the literal SQL writes for its
    /// bytes: `x'00ff'`.
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

/// No format has a number for infinity, and JSON would make it null. SQL writes it like this.
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
