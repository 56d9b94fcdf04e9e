//! Runs a report, and passes on its rows one by one; for people with a row below them: the sums of some columns.

use std::io;

use rusqlite::{Connection, Statement};

use super::{Bound, Error, Report, Total};
use crate::output::{Heading, Look, RowWriter, Value};
use crate::query::sql::Place;
use crate::query::visit_rows;

/// Passes the columns and then each row to `writer`, and returns the number of rows. No row is kept. The caller
/// finishes the writer.
///
/// A column with a name that ends in `_seconds` is a duration, one that ends in `_at` is a time.
///
/// # Errors
/// When the SQL is not a single question, fails, or has other parameters than the header; and when the rows cannot be
/// written.
pub fn run(
    connection: &Connection,
    report: &Report,
    bound: &Bound,
    writer: &mut dyn RowWriter,
) -> Result<u64, Error> {
    let mut statement = prepare(connection, report)?;
    bind(&mut statement, report, bound)?;
    let columns = statement.column_count();
    let names = statement.column_names();
    let headings: Vec<_> = names.map(|name| heading(name, report)).collect();
    writer.header(&headings).map_err(Error::Write)?;
    let failed = |source| Error::Failed(report.name.clone(), source);
    visit_rows(&mut statement.raw_query(), columns, failed, |values| {
        writer.row(values).map_err(Error::Write)
    })
}

/// The names of the columns; none when the SQL does not fit the archive.
#[must_use]
pub fn column_names(connection: &Connection, report: &Report) -> Vec<String> {
    let Ok(statement) = prepare(connection, report) else {
        return Vec::new();
    };
    statement.column_names().map(str::to_owned).collect()
}

/// The heading of a column. Only the numbers of built-in reports are known to count something: a user's own may be
/// years.
fn heading<'a>(name: &'a str, report: &Report) -> Heading<'a> {
    let mut heading = Heading::named(name);
    if heading.look == Look::Number && report.file.is_some() {
        heading.look = Look::Plain;
    }
    match report.narrow.iter().position(|kept| kept == name) {
        Some(place) => heading.rank = u8::try_from(place).unwrap_or(u8::MAX),
        None if report.narrow.is_empty() => {}
        None => heading.rank = heading.rank.saturating_add(100),
    }
    heading
}

fn prepare<'a>(connection: &'a Connection, report: &Report) -> Result<Statement<'a>, Error> {
    use rusqlite::Error::{Empty, MultipleStatement, SqlInputError};
    const FORM: &str = "a report is one statement that only reads, SELECT or WITH … SELECT";
    let invalid = |line, message: &str| Error::Invalid(report.problem(line, message));
    match connection.prepare(&report.sql) {
        // SQLite treats ATTACH as read-only, but it has no columns.
        Ok(statement) if statement.readonly() && statement.column_count() > 0 => Ok(statement),
        Ok(_) | Err(MultipleStatement | Empty) => Err(invalid(None, FORM)),
        Err(SqlInputError { msg, offset, .. }) => {
            let place = Place::at(&report.sql, offset);
            Err(invalid(place.map(|place| place.line_number), &msg))
        }
        Err(source) => Err(Error::Failed(report.name.clone(), source)),
    }
}

/// Binds the values. Every declared parameter must be used, and every used one declared: otherwise a choice would have
/// no effect.
fn bind(statement: &mut Statement<'_>, report: &Report, bound: &Bound) -> Result<(), Error> {
    let invalid = |message: &str| Error::Invalid(report.problem(None, message));
    let mut unused: Vec<_> = report.parameters.iter().map(|it| &it.name).collect();
    for position in 1..=statement.parameter_count() {
        let name = statement.parameter_name(position).unwrap_or("?");
        let declared = name.strip_prefix(':');
        let Some((declared, value)) = declared.and_then(|it| bound.values.get_key_value(it)) else {
            let message = format!(
                "the SQL uses {name}, which the header does not declare: add a line \
                 `-- parameter NAME (KIND) = DEFAULT: DESCRIPTION`"
            );
            return Err(invalid(&message));
        };
        unused.retain(|name| *name != declared);
        let bound = statement.raw_bind_parameter(position, value);
        bound.map_err(|source| Error::Failed(report.name.clone(), source))?;
    }
    let Some(name) = unused.first() else {
        return Ok(());
    };
    let message =
        format!("the header declares the parameter `{name}`, but the SQL does not use it");
    Err(invalid(&message))
}

/// The column that has the label.
const LABELED: &str = "droplet_name";
const WEIGHT: &str = "seconds";

/// Passes on the rows of an answer, and sums their columns.
pub struct WithTotal<'a> {
    inner: &'a mut dyn RowWriter,
    total: &'a Total,
    columns: Vec<Column>,
    rows: u64,
    /// The sum of the weights. No sum of seconds is beyond what a float can hold.
    seconds: f64,
}

#[derive(Default)]
struct Column {
    name: String,
    sum: i64,
    /// The sum of the values times their weights.
    weighted: f64,
}

impl<'a> WithTotal<'a> {
    /// Sums the columns of `total`.
    pub fn new(inner: &'a mut dyn RowWriter, total: &'a Total) -> Self {
        Self {
            inner,
            total,
            columns: Vec::new(),
            rows: 0,
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
        let values = self.columns.iter().map(|column| match &column.name {
            name if name == LABELED => Value::Text(&self.total.label),
            name if !self.total.columns.contains(name) => Value::Null,
            name if name.ends_with("_percent") => {
                let mean = column.weighted / self.seconds.max(1.0);
                Value::Real((mean * 1_000.0).round() / 1_000.0)
            }
            _ => Value::Integer(column.sum),
        });
        self.inner.total(&values.collect::<Vec<_>>())
    }
}

impl RowWriter for WithTotal<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        let column = |heading: &Heading<'_>| Column {
            name: heading.name.to_owned(),
            ..Column::default()
        };
        self.columns = headings.iter().map(column).collect();
        self.inner.header(headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let weight = self.columns.iter().position(|it| it.name == WEIGHT);
        let weight = match weight.and_then(|place| values.get(place)) {
            Some(Value::Integer(seconds)) => *seconds as f64,
            _ => 0.0,
        };
        self.seconds += weight;
        for (column, value) in self.columns.iter_mut().zip(values) {
            match value {
                Value::Integer(number) => column.sum = column.sum.saturating_add(*number),
                Value::Real(percent) => column.weighted += percent * weight,
                _ => {}
            }
        }
        self.rows += 1;
        self.inner.row(values)
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
