//! The rows of an answer, kept for a chart.

use std::io;

use serde_json::Value as Cell;

use crate::core::account::AccountName;
use crate::core::time::Timestamp;
use crate::output::{Heading, RowWriter, Value};

/// The account, if there are several, and the id of one of its droplets.
pub type DropletKey = (Option<AccountName>, i64);

/// The column with the account.
const ACCOUNT: &str = "account";

/// The rows of one answer. A chart reads their cells by the names of the columns.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
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
        self.rows().map(|row| row.count(column)).sum()
    }

    /// The rows, in their order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
        self.rows.iter().map(|cells| Row {
            columns: &self.columns,
            cells,
        })
    }

    /// Adds the rows of an account, with its name behind that of each droplet if there are several accounts.
    pub fn add(&mut self, answer: Self, account: Option<AccountName>) {
        let Self { mut columns, rows } = answer;
        let place = columns.iter().position(|column| column == "droplet_name");
        for mut cells in rows {
            let row = Row {
                columns: &columns,
                cells: &cells,
            };
            let called = row.called().zip(account);
            if let (Some(place), Some((called, account))) = (place, called) {
                cells[place] = format!("{called} ({account})").into();
            }
            cells.reserve_exact(1);
            cells.push(account.map(|it| it.to_string()).into());
            self.rows.push(cells);
        }
        columns.push(ACCOUNT.to_owned());
        self.columns = columns;
    }

    /// Keeps this number of rows: those with the latest start, latest first.
    pub fn keep_newest(&mut self, most: usize) {
        let columns = &self.columns;
        self.rows.sort_by(|one, other| {
            let [one, other] = [one, other].map(|cells| Row { columns, cells });
            // Times are texts that sort by time.
            let by_start = other.text("started_at").cmp(&one.text("started_at"));
            by_start.then(other.integer("id").cmp(&one.integer("id")))
        });
        self.rows.truncate(most);
    }
}

impl<'a> Row<'a> {
    fn cell(self, column: &str) -> Option<&'a Cell> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.cells.get(index)
    }

    /// The droplet of the row.
    #[must_use]
    pub fn droplet(self) -> Option<DropletKey> {
        let account = self.text(ACCOUNT).and_then(|it| it.parse().ok());
        Some((account, self.id()?))
    }

    fn id(self) -> Option<i64> {
        self.integer("droplet_id").or(self.integer("resource_id"))
    }

    /// The name of the droplet. A resource without a name is called by its id.
    #[must_use]
    pub fn called(self) -> Option<String> {
        let name = self.text("droplet_name");
        let kind = self.text("resource_type");
        match (name.filter(|it| !it.trim().is_empty()), kind) {
            (Some(name), _) => Some(name.to_owned()),
            (None, Some(kind)) if kind != "droplet" => Some(format!("{kind} {}", self.id()?)),
            _ => Some(self.id()?.to_string()),
        }
    }

    /// True for an outage whose times are not certain.
    #[must_use]
    pub fn is_estimate(self) -> bool {
        self.text("certainty") != Some("certain")
    }

    /// The text in this column, if it has one.
    #[must_use]
    pub fn text(self, column: &str) -> Option<&'a str> {
        self.cell(column)?.as_str()
    }

    /// The time in this column, if it has one.
    #[must_use]
    pub fn time(self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }

    /// The whole number in this column, if it has one.
    #[must_use]
    pub fn integer(self, column: &str) -> Option<i64> {
        self.cell(column)?.as_i64()
    }

    /// The number in this column, or 0.
    #[must_use]
    pub fn count(self, column: &str) -> u64 {
        self.integer(column).unwrap_or(0).unsigned_abs()
    }

    /// The number with a fraction in this column, if it has one.
    #[must_use]
    pub fn real(self, column: &str) -> Option<f64> {
        self.cell(column)?.as_f64()
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
            Value::Integer(number) => number.into(),
            Value::Real(number) => number.into(),
            Value::Text(text) | Value::Json(text) => text.into(),
        });
        self.rows.push(cells.collect());
        Ok(())
    }
}
