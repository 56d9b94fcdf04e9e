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

    /// Writes the rest of the file.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.finish().map(drop).map_err(as_io)
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
