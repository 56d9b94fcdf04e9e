//! The rows of an answer, kept for a chart.

use std::io;

use crate::core::time::Timestamp;
use crate::output::{Heading, RowWriter, Value};

/// The number of an account, and the id of one of its droplets.
pub type DropletKey = (i64, i64);

/// The column with the number of the account.
pub const ACCOUNT: &str = "account";

/// The rows of one answer. A chart reads their cells by the names of the columns.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Cell],
}

impl Kept {
    /// The sum of a column of numbers.
    #[must_use]
    pub fn sum(&self, column: &str) -> u64 {
        let numbers = self.rows().filter_map(|row| row.integer(column));
        numbers.map(i64::unsigned_abs).sum()
    }

    /// The rows, in their order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row {
            columns: &self.columns,
            cells,
        })
    }
}

impl<'a> Row<'a> {
    fn cell(self, column: &str) -> Option<&'a Cell> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.cells.get(index)
    }

    /// The droplet of the row: its account, if there are several, and its id.
    #[must_use]
    pub fn droplet(self) -> Option<DropletKey> {
        let account = self.integer(ACCOUNT).unwrap_or_default();
        Some((account, self.integer("droplet_id")?))
    }

    /// The text in this column, if it has one.
    #[must_use]
    pub fn text(self, column: &str) -> Option<&'a str> {
        match self.cell(column)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The time in this column, if it has one.
    #[must_use]
    pub fn time(self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }

    /// The whole number in this column, if it has one.
    #[must_use]
    pub fn integer(self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            Cell::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number with a fraction in this column, if it has one.
    #[must_use]
    pub fn real(self, column: &str) -> Option<f64> {
        match self.cell(column)? {
            Cell::Real(number) => Some(*number),
            _ => None,
        }
    }
}

impl RowWriter for Kept {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        let names = headings.iter().map(|heading| heading.name.to_owned());
        self.columns = names.collect();
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let cells = values.iter().map(|value| match *value {
            Value::Null => Cell::Null,
            Value::Integer(number) => Cell::Integer(number),
            Value::Real(number) => Cell::Real(number),
            Value::Text(text) | Value::Json(text) => Cell::Text(text.to_owned()),
        });
        self.rows.push(cells.collect());
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
