//! One cell of a row.

/// A value of SQLite that has a text. It borrows, so that a row can be passed on without copying its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is known.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// A JSON value as it is written; where the format is not JSON, its text.
    Json(&'a str),
}
