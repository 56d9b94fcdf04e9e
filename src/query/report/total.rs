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
    /// The place of the column of weights.
    weight: Option<usize>,
    /// The sum of the weights. No sum of seconds is beyond what a float can hold.
    seconds: f64,
}

enum Column {
    Empty,
    Label,
    Sum(i64),
    /// The sum of the values times their weights.
    Mean(f64),
}

impl<'a> WithTotal<'a> {
    /// Sums the columns of `total`.
    pub fn new(inner: &'a mut dyn RowWriter, total: &'a Total) -> Self {
        Self {
            inner,
            total,
            columns: Vec::new(),
            rows: 0,
            weight: None,
            seconds: 0.0,
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
        let values = self.columns.iter().map(|column| match column {
            Column::Empty => Value::Null,
            Column::Label => Value::Text(&self.total.label),
            Column::Sum(sum) => Value::Integer(*sum),
            Column::Mean(weighted) => {
                Value::Real((weighted / self.seconds.max(1.0) * 1_000.0).round() / 1_000.0)
            }
        });
        self.inner.total(&values.collect::<Vec<_>>())
    }

    fn column(&self, heading: &Heading<'_>) -> Column {
        let is_summed = self.total.columns.iter().any(|name| name == heading.name);
        if heading.name == LABELED {
            Column::Label
        } else if !is_summed {
            Column::Empty
        } else if heading.name.ends_with("_percent") {
            Column::Mean(0.0)
        } else {
            Column::Sum(0)
        }
    }
}

impl RowWriter for WithTotal<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.columns = headings.iter().map(|it| self.column(it)).collect();
        self.weight = headings.iter().position(|it| it.name == WEIGHT);
        self.inner.header(headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let weight = match self.weight.and_then(|place| values.get(place)) {
            Some(Value::Integer(seconds)) => *seconds as f64,
            _ => 0.0,
        };
        self.seconds += weight;
        for (column, value) in self.columns.iter_mut().zip(values) {
            match (column, value) {
                (Column::Sum(sum), Value::Integer(number)) => *sum = sum.saturating_add(*number),
                (Column::Mean(weighted), Value::Real(percent)) => *weighted += percent * weight,
                _ => {}
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
