//! Writes rows as one Parquet file, a group of rows at a time, so that memory does not grow with the file.
//!
//! Only what every reader knows is used: plain and dictionary encoding, Snappy, pages of version 1. The same rows make
//! the same bytes.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::Value;

/// The type of the values of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParquetType {
    /// Integers of 64 bits.
    #[default]
    Integer,
    /// True and false, from 1 and 0.
    Flag,
    /// Instants in UTC, from seconds since 1970.
    Time,
    /// Text.
    Text,
}

/// The name and the type of a column.
pub type ParquetColumn = (&'static str, ParquetType);

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
    /// Begins a file.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn new(sink: W, columns: &[ParquetColumn]) -> io::Result<Self> {
        let schema = parse_message_type(&schema(columns)).map_err(as_io)?;
        let properties = Arc::new(properties(columns));
        let file = SerializedFileWriter::new(sink, Arc::new(schema), properties);
        let buffer = |(_, kind): &ParquetColumn| Buffer {
            kind: *kind,
            ..Buffer::default()
        };
        Ok(Self {
            file: file.map_err(as_io)?,
            columns: columns.iter().map(buffer).collect(),
            rows: 0,
            text_bytes: 0,
        })
    }

    /// Takes one row, with a value for each column. What does not fit its column is null.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn row(&mut self, cells: &[Value<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.text_bytes += column.push(*cell);
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
#[derive(Default)]
struct Buffer {
    kind: ParquetType,
    /// 1 for each value and 0 for each null.
    levels: Vec<i16>,
    integers: Vec<i64>,
    /// The texts one after the other, and where each one ends.
    texts: Vec<u8>,
    ends: Vec<usize>,
}

impl Buffer {
    /// Adds a value, and returns the length of its text.
    fn push(&mut self, cell: Value<'_>) -> usize {
        const MICROSECONDS: i64 = 1_000_000;
        let integer = match (self.kind, cell) {
            (ParquetType::Text, Value::Text(text)) => {
                self.levels.push(1);
                self.texts.extend_from_slice(text.as_bytes());
                self.ends.push(self.texts.len());
                return text.len();
            }
            (ParquetType::Time, Value::Integer(seconds)) => seconds.checked_mul(MICROSECONDS),
            (ParquetType::Flag, Value::Integer(value @ (0 | 1))) => Some(value),
            (ParquetType::Integer, Value::Integer(value)) => Some(value),
            _ => None,
        };
        self.levels.push(i16::from(integer.is_some()));
        self.integers.extend(integer);
        0
    }

    /// Writes the values, and forgets them.
    fn write_to(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match self.kind {
            ParquetType::Integer | ParquetType::Time => {
                let writer = column.typed::<Int64Type>();
                writer.write_batch(&self.integers, levels, None)?;
            }
            ParquetType::Flag => {
                let flags: Vec<_> = self.integers.iter().map(|flag| *flag == 1).collect();
                let writer = column.typed::<BoolType>();
                writer.write_batch(&flags, levels, None)?;
            }
            ParquetType::Text => {
                let bytes = ByteArray::from(std::mem::take(&mut self.texts));
                let starts = std::iter::once(&0).chain(&self.ends);
                let slice = |(start, end): (&usize, &usize)| bytes.slice(*start, end - start);
                let texts: Vec<_> = starts.zip(&self.ends).map(slice).collect();
                let writer = column.typed::<ByteArrayType>();
                writer.write_batch(&texts, levels, None)?;
            }
        }
        self.levels.clear();
        self.integers.clear();
        self.ends.clear();
        column.close()
    }
}

fn schema(columns: &[ParquetColumn]) -> String {
    let fields = columns.iter().map(|(name, kind)| match kind {
        ParquetType::Integer => format!("OPTIONAL INT64 {name};"),
        ParquetType::Flag => format!("OPTIONAL BOOLEAN {name};"),
        ParquetType::Time => format!("OPTIONAL INT64 {name} (TIMESTAMP(MICROS,true));"),
        ParquetType::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
    });
    format!("message schema {{ {} }}", fields.collect::<String>())
}

fn properties(columns: &[ParquetColumn]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(None);
    for (name, kind) in columns {
        // Few rows share a time or an id, so a dictionary would only cost time.
        if *name == "id" || *kind == ParquetType::Time {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
        }
    }
    properties.build()
}

/// The error of the sink, or what the encoder says.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => source.downcast().map_or_else(io::Error::other, |it| *it),
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::statistics::Statistics;
    use parquet::record::Field;

    use super::*;

    const COLUMNS: [ParquetColumn; 4] = [
        ("id", ParquetType::Integer),
        ("at", ParquetType::Time),
        ("text", ParquetType::Text),
        ("flag", ParquetType::Flag),
    ];

    fn written(rows: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ParquetWriter::new(&mut bytes, &COLUMNS).unwrap();
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
    fn a_group_says_what_is_in_it() {
        let reader = reader(&written(100));
        let group = reader.metadata().row_group(0);
        let Some(Statistics::Int64(ids)) = group.column(0).statistics() else {
            panic!("no statistics")
        };
        assert_eq!((ids.min_opt(), ids.max_opt()), (Some(&0), Some(&99)));
        let texts = group.column(2).statistics().unwrap();
        assert_eq!(texts.null_count_opt(), Some(34));
        assert_eq!(texts.max_bytes_opt(), Some(&b"text 9"[..]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_null() {
        let mut writer = ParquetWriter::new(Vec::new(), &COLUMNS).unwrap();
        let odd = [
            Value::Text("1"),
            Value::Integer(i64::MAX),
            Value::Integer(2),
            Value::Integer(2),
        ];
        writer.row(&odd).unwrap();
        assert!(writer.columns.iter().all(|column| column.levels == [0]));
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
        let mut writer = ParquetWriter::new(Full, &COLUMNS).unwrap();
        writer
            .row(&[Value::Integer(1), Value::Null, Value::Null, Value::Null])
            .unwrap();
        let error = writer.finish().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
