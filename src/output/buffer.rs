//! Text on its way out, gathered until there is enough of it to be worth a write.
//!
//! The formats write cells straight into the bytes: a `BufWriter` would be asked for room at every comma.

use std::io::{self, Write};

/// A pipe on Linux takes this much at once.
const ENOUGH: usize = 64 * 1024;

/// Bytes for a sink.
pub(super) struct Buffer<'sink> {
    sink: &'sink mut dyn Write,
    pub(super) bytes: Vec<u8>,
}

impl<'sink> Buffer<'sink> {
    pub(super) fn new(sink: &'sink mut dyn Write) -> Self {
        Self {
            sink,
            bytes: Vec::new(),
        }
    }

    /// Comes after every row: hands the bytes on once there are enough.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        if self.bytes.len() < ENOUGH {
            return Ok(());
        }
        self.hand_on()
    }

    /// Comes last: nothing stays behind.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.sink.flush()
    }

    /// Hands on what there is, which ends with a row.
    fn hand_on(&mut self) -> io::Result<()> {
        let written = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        written
    }
}

/// For whoever takes nothing but a writer, and flushes it after a row.
impl Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.finish()
    }
}
