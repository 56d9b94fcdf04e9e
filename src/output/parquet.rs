//! Writes rows as one Parquet file, a group of rows at a time, so that memory does not grow with the file.
//!
//! Only what every reader knows is used: plain and dictionary encoding, Snappy, pages of version 1. The same rows make
//! the same bytes.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::Value;

/// The type of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetType {
    /// Integers of 64 bits.
    Integer,
    /// True and false, from 1 and 0.
    Flag,
    /// Instants in UTC, from seconds since 1970.
    Time,
    /// Text.
    Text,
}

/// A column of a file.
#[derive(Clone, Copy, Debug)]
pub struct ParquetColumn {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: ParquetType,
    /// True when it holds no null.
    pub is_required: bool,
    /// True when most of its values occur once, so that a dictionary would only cost time.
    pub is_distinct: bool,
}

/// The rows of a group, as many as DuckDB's own row groups have.
const GROUP_ROWS: usize = 122_880;
/// The length of the texts at which a group ends early.
const GROUP_TEXT_BYTES: usize = 16 << 20;

/// Writes one file.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Buffer>,
    rows: usize,
    text_bytes: usize,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file. Its rows come sorted by the columns at the positions `sorted_by`, nulls first.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn new(sink: W, columns: &[ParquetColumn], sorted_by: &[usize]) -> io::Result<Self> {
        let schema = schema(columns).map_err(as_io)?;
        let properties = properties(columns, sorted_by);
        Ok(Self {
            file: SerializedFileWriter::new(sink, schema, Arc::new(properties)).map_err(as_io)?,
            columns: columns.iter().map(Buffer::new).collect(),
            rows: 0,
            text_bytes: 0,
        })
    }

    /// Takes one row, with a value for each column.
    ///
    /// # Errors
    /// When a required value is missing, or the sink fails.
    pub fn row(&mut self, cells: &[Value<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.text_bytes += column.push(*cell)?;
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.text_bytes >= GROUP_TEXT_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes the rest of the file. Call it once, after the rows.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn finish(&mut self) -> io::Result<&W> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.finish().map_err(as_io)?;
        Ok(self.file.inner())
    }

    fn write_group(&mut self) -> io::Result<()> {
        (self.rows, self.text_bytes) = (0, 0);
        let mut group = self.file.next_row_group().map_err(as_io)?;
        for buffer in &mut self.columns {
            if let Some(column) = group.next_column().map_err(as_io)? {
                buffer.write_to(column).map_err(as_io)?;
            }
        }
        group.close().map(drop).map_err(as_io)
    }
}

/// The values of one column of a group.
struct Buffer {
    name: &'static str,
    kind: ParquetType,
    /// 1 for each value and 0 for each null; `None` where there are no nulls.
    levels: Option<Vec<i16>>,
    values: Values,
}

enum Values {
    Integers(Vec<i64>),
    Flags(Vec<bool>),
    /// The texts one after the other, and where each one ends.
    Texts(Vec<u8>, Vec<usize>),
}

impl Buffer {
    fn new(column: &ParquetColumn) -> Self {
        Self {
            name: column.name,
            kind: column.kind,
            levels: (!column.is_required).then(Vec::new),
            values: match column.kind {
                ParquetType::Integer | ParquetType::Time => Values::Integers(Vec::new()),
                ParquetType::Flag => Values::Flags(Vec::new()),
                ParquetType::Text => Values::Texts(Vec::new(), Vec::new()),
            },
        }
    }

    /// Adds a value, and returns the length of its text. What does not fit the column is null.
    fn push(&mut self, cell: Value<'_>) -> io::Result<usize> {
        const MICROSECONDS: i64 = 1_000_000;
        let mut text_bytes = 0;
        let is_value = match (&mut self.values, cell, self.kind) {
            (Values::Integers(values), Value::Integer(seconds), ParquetType::Time) => {
                let micros = seconds.checked_mul(MICROSECONDS);
                values.extend(micros);
                micros.is_some()
            }
            (Values::Integers(values), Value::Integer(value), _) => {
                values.push(value);
                true
            }
            (Values::Flags(values), Value::Integer(value @ (0 | 1)), _) => {
                values.push(value == 1);
                true
            }
            (Values::Texts(bytes, ends), Value::Text(text), _) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len());
                text_bytes = text.len();
                true
            }
            _ => false,
        };
        match &mut self.levels {
            Some(levels) => levels.push(i16::from(is_value)),
            None if is_value => {}
            None => {
                let what = format!("a row has no {}", self.name);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(text_bytes)
    }

    fn write_to(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Integers(values) => {
                let writer = column.typed::<Int64Type>();
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Flags(values) => {
                let writer = column.typed::<BoolType>();
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Texts(bytes, ends) => {
                let bytes = ByteArray::from(std::mem::take(bytes));
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let texts = starts.zip(ends.iter());
                let texts: Vec<_> = texts
                    .map(|(start, end)| bytes.slice(start, end - start))
                    .collect();
                let writer = column.typed::<ByteArrayType>();
                writer.write_batch(&texts, levels, None)?;
                ends.clear();
            }
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        column.close()
    }
}

fn schema(columns: &[ParquetColumn]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            ParquetType::Integer => (Physical::INT64, None),
            ParquetType::Flag => (Physical::BOOLEAN, None),
            ParquetType::Time => {
                let utc = LogicalType::timestamp(true, TimeUnit::MICROS);
                (Physical::INT64, Some(utc))
            }
            ParquetType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let repetition = if column.is_required {
            Repetition::REQUIRED
        } else {
            Repetition::OPTIONAL
        };
        let field = Type::primitive_type_builder(column.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition);
        field.build().map(Arc::new)
    });
    let fields = fields.collect::<Result<_, _>>()?;
    let root = Type::group_type_builder("schema").with_fields(fields);
    root.build().map(Arc::new)
}

fn properties(columns: &[ParquetColumn], sorted_by: &[usize]) -> WriterProperties {
    let order = sorted_by.iter().filter_map(|position| {
        Some(SortingColumn {
            column_idx: i32::try_from(*position).ok()?,
            descending: false,
            nulls_first: true,
        })
    });
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(None)
        .set_sorting_columns(Some(order.collect()));
    for column in columns.iter().filter(|column| column.is_distinct) {
        let path = ColumnPath::from(column.name);
        properties = properties.set_column_dictionary_enabled(path, false);
    }
    properties.build()
}

/// The error of the sink, or what the encoder says.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::statistics::Statistics;
    use parquet::record::Field;

    use super::*;

    const fn column(name: &'static str, kind: ParquetType, is_required: bool) -> ParquetColumn {
        ParquetColumn {
            name,
            kind,
            is_required,
            is_distinct: is_required,
        }
    }

    const COLUMNS: [ParquetColumn; 4] = [
        column("id", ParquetType::Integer, true),
        column("at", ParquetType::Time, false),
        column("text", ParquetType::Text, false),
        column("flag", ParquetType::Flag, false),
    ];

    fn written(rows: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ParquetWriter::new(&mut bytes, &COLUMNS, &[0]).unwrap();
        for id in 0..rows {
            let text = format!("text {}", id % 10);
            let is_null = id % 3 == 0;
            let cells = [
                Value::Integer(id),
                Value::Integer(id),
                Value::Text(&text),
                Value::Integer(id % 2),
            ];
            let cells = cells.map(|cell| if is_null { Value::Null } else { cell });
            let id = [Value::Integer(id)];
            let row: Vec<_> = id.into_iter().chain(cells[1..].iter().copied()).collect();
            writer.row(&row).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    fn reader(bytes: &[u8]) -> SerializedFileReader<std::fs::File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        SerializedFileReader::new(file).unwrap()
    }

    #[test]
    fn rows_are_read_back_as_they_were_in_all_groups() {
        let rows = i64::try_from(GROUP_ROWS).unwrap() + 1_000;
        let bytes = written(rows);
        assert!(bytes == written(rows), "the same rows make the same bytes");
        let reader = reader(&bytes);
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let mut expected = 0;
        for row in reader.get_row_iter(None).unwrap() {
            let fields = row.unwrap().into_columns();
            let fields: Vec<_> = fields.into_iter().map(|(_, field)| field).collect();
            let values = [
                Field::TimestampMicros(expected * 1_000_000),
                Field::Str(format!("text {}", expected % 10)),
                Field::Bool(expected % 2 == 1),
            ];
            let values = values.map(|it| if expected % 3 == 0 { Field::Null } else { it });
            assert_eq!(fields[0], Field::Long(expected));
            assert_eq!(fields[1..], values);
            expected += 1;
        }
        assert_eq!(expected, rows);
    }

    #[test]
    fn a_group_says_what_is_in_it_and_how_it_is_sorted() {
        let reader = reader(&written(100));
        let group = reader.metadata().row_group(0);
        assert_eq!(group.sorting_columns().map(Vec::len), Some(1));
        let Some(Statistics::Int64(ids)) = group.column(0).statistics() else {
            panic!("no statistics")
        };
        assert_eq!((ids.min_opt(), ids.max_opt()), (Some(&0), Some(&99)));
        let texts = group.column(2).statistics().unwrap();
        assert_eq!(texts.null_count_opt(), Some(34));
        assert_eq!(texts.max_bytes_opt(), Some(&b"text 9"[..]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_null_or_an_error_where_there_is_no_null() {
        let mut bytes = Vec::new();
        let mut writer = ParquetWriter::new(&mut bytes, &COLUMNS, &[0]).unwrap();
        let odd = [
            Value::Integer(1),
            Value::Integer(i64::MAX),
            Value::Integer(2),
            Value::Integer(2),
        ];
        writer.row(&odd).unwrap();
        let error = writer.row(&[Value::Null; 4]).unwrap_err();
        assert_eq!(error.to_string(), "a row has no id");
        drop(writer);
        let mut writer = ParquetWriter::new(Vec::new(), &COLUMNS, &[0]).unwrap();
        writer.row(&odd).unwrap();
        let nulls = writer
            .columns
            .iter()
            .filter_map(|it| it.levels.clone())
            .flatten();
        assert_eq!(nulls.collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn the_error_of_a_full_disk_stays_what_it_is() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = ParquetWriter::new(Full, &COLUMNS, &[0]).unwrap();
        writer
            .row(&[Value::Integer(1), Value::Null, Value::Null, Value::Null])
            .unwrap();
        let error = writer.finish().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
