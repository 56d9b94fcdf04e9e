//! The row below an answer for people: the sums of some columns.

use std::io;

use super::Total;
use crate::output::{Heading, RowWriter, Value};

/// The column that has the label.
const LABELED: &str = "droplet_name";
const WEIGHT: &str = "seconds";

/// Passes on the rows of an answer, and sums their columns.
pub struct WithTotal<'a> {
    inner: &'a mut dyn RowWriter,
    total: &'a Total,
    columns: Vec<Column>,
    rows: u64,
}

enum Column {
    Empty,
    Label,
    Sum { sum: i64, is_weight: bool },
    Mean { weighted: f64 },
}

impl<'a> WithTotal<'a> {
    /// Sums the columns of `total`.
    pub fn new(inner: &'a mut dyn RowWriter, total: &'a Total) -> Self {
        Self {
            inner,
            total,
            columns: Vec::new(),
            rows: 0,
        }
    }

    /// Writes the row of sums after the last row. An answer without rows has none.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn write_total(self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let weight = weight(&self.columns);
        let values: Vec<Value<'_>> = self
            .columns
            .iter()
            .map(|column| match column {
                Column::Empty => Value::Null,
                Column::Label => Value::Text(&self.total.label),
                Column::Sum { sum, .. } => Value::Integer(*sum),
                Column::Mean { weighted } => {
                    Value::Real((weighted / weight.max(1.0) * 1_000.0).round() / 1_000.0)
                }
            })
            .collect();
        self.inner.total(&values)
    }

    fn column(&self, heading: &Heading<'_>) -> Column {
        let is_summed = self.total.columns.iter().any(|name| name == heading.name);
        if heading.name == LABELED {
            Column::Label
        } else if !is_summed {
            Column::Empty
        } else if heading.name.ends_with("_percent") {
            Column::Mean { weighted: 0.0 }
        } else {
            let is_weight = heading.name == WEIGHT;
            Column::Sum { sum: 0, is_weight }
        }
    }
}

/// The sum of the weights. No sum of seconds is beyond what a float can hold.
fn weight(columns: &[Column]) -> f64 {
    let weight = columns.iter().find_map(|column| match column {
        Column::Sum {
            sum,
            is_weight: true,
        } => Some(*sum),
        _ => None,
    });
    weight.unwrap_or_default() as f64
}

impl RowWriter for WithTotal<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.columns = headings.iter().map(|it| self.column(it)).collect();
        self.inner.header(headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let before = weight(&self.columns);
        for (column, value) in self.columns.iter_mut().zip(values) {
            if let (Column::Sum { sum, .. }, Value::Integer(number)) = (column, value) {
                *sum = sum.saturating_add(*number);
            }
        }
        let row_weight = weight(&self.columns) - before;
        for (column, value) in self.columns.iter_mut().zip(values) {
            if let (Column::Mean { weighted }, Value::Real(percent)) = (column, value) {
                *weighted += percent * row_weight;
            }
        }
        self.rows += 1;
        self.inner.row(values)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Last(Vec<String>);

    impl RowWriter for Last {
        fn header(&mut self, _: &[Heading<'_>]) -> io::Result<()> {
            Ok(())
        }

        fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
            self.0 = values.iter().map(|value| format!("{value:?}")).collect();
            Ok(())
        }

        fn finish(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_last_row_has_the_sums_and_the_weighted_means() {
        let total = Total {
            label: "fleet".to_owned(),
            columns: ["seconds", "up_percent"].map(str::to_owned).to_vec(),
        };
        let mut last = Last::default();
        let mut writer = WithTotal::new(&mut last, &total);
        let headings = ["droplet_id", "droplet_name", "seconds", "up_percent"];
        writer.header(&headings.map(Heading::plain)).unwrap();
        for (id, seconds, percent) in [(7, 300, 100.0), (8, 100, 50.0)] {
            let name = Value::Text("web");
            let (id, seconds) = (Value::Integer(id), Value::Integer(seconds));
            writer
                .row(&[id, name, seconds, Value::Real(percent)])
                .unwrap();
        }
        writer.write_total().unwrap();
        assert_eq!(
            last.0,
            ["Null", "Text(\"fleet\")", "Integer(400)", "Real(87.5)"]
        );
    }

    #[test]
    fn an_answer_without_rows_has_no_total() {
        let total = Total {
            label: "total".to_owned(),
            columns: Vec::new(),
        };
        let mut last = Last::default();
        WithTotal::new(&mut last, &total).write_total().unwrap();
        assert!(last.0.is_empty());
    }
}
