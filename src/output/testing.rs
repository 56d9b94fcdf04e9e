//! Shared parts of the format tests: rows with every kind of value, and sinks that fail.

use std::io::{self, Write};

use super::{Format, Heading, Options, RowWriter, Value, Writer};

/// Keeps the rows as text, for tests of code that writes rows.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Rows {
    /// The cells of these columns.
    pub(crate) fn chosen(&self, columns: &[&str]) -> Vec<Vec<String>> {
        let place = |name: &&str| self.names.iter().position(|other| other == name).unwrap();
        let places: Vec<_> = columns.iter().map(place).collect();
        let chosen = |row: &Vec<String>| places.iter().map(|it| row[*it].clone()).collect();
        self.rows.iter().map(chosen).collect()
    }
}

impl RowWriter for Rows {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.names = headings
            .iter()
            .map(|heading| heading.name.to_owned())
            .collect();
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let text = |value: &Value<'_>| match value {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => format!("{number:.1}"),
            Value::Text(text) | Value::Json(text) => (*text).to_owned(),
        };
        self.rows.push(values.iter().map(text).collect());
        Ok(())
    }
}

pub(super) const COLUMNS: [&str; 4] = ["id", "type", "share", "region_slug"];

/// An integer that no double can represent, a text that needs escapes, a real number without a fraction, and null.
pub(super) const CELLS: [Value<'static>; 4] = [
    Value::Integer(9_007_199_254_740_993),
    Value::Text("re\"boot\n"),
    Value::Real(1.0),
    Value::Null,
];

/// Headings that leave the values unchanged.
pub(super) fn plain<'a>(columns: &[&'a str]) -> Vec<Heading<'a>> {
    columns.iter().map(|name| Heading::plain(name)).collect()
}

pub(super) fn written(
    format: Format,
    options: Options,
    columns: &[&str],
    rows: &[&[Value<'_>]],
) -> String {
    written_under(format, options, &plain(columns), rows)
}

pub(super) fn written_under(
    format: Format,
    options: Options,
    headings: &[Heading<'_>],
    rows: &[&[Value<'_>]],
) -> String {
    let mut sink = Vec::new();
    let mut writer = Writer::new(format, options, &mut sink);
    writer.header(headings).unwrap();
    for row in rows {
        writer.row(row).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    String::from_utf8(sink).unwrap()
}

/// A sink with a closed pipe.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the bytes, and drops them.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told_as_such_by_every_format() {
    for format in Format::ALL {
        let mut sink = Closed;
        let mut writer = Writer::new(format, Options::default(), &mut sink);
        let result = writer
            .header(&plain(&COLUMNS))
            .and_then(|()| (0..10_000).try_for_each(|_| writer.row(&CELLS)))
            .and_then(|()| writer.finish());
        assert_eq!(
            result.unwrap_err().kind(),
            io::ErrorKind::BrokenPipe,
            "{format}"
        );
    }
}

#[test]
fn rows_are_handed_on_before_the_last_has_come() {
    for format in Format::ALL {
        let mut sink = Counter(0);
        let mut writer = Writer::new(format, Options::default(), &mut sink);
        writer.header(&plain(&COLUMNS)).unwrap();
        for _ in 0..10_000 {
            writer.row(&CELLS).unwrap();
        }
        drop(writer);
        assert!(sink.0 > 64 * 1024, "{format}: {}", sink.0);
    }
}
