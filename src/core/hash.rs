//! Counts and hashes the bytes of a stream.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{Context, SHA256};

/// A stream with the number and the SHA-256 of the bytes that went through it.
pub struct Hashed<T> {
    stream: T,
    hash: Context,
    bytes: Arc<AtomicU64>,
}

impl<T> Hashed<T> {
    /// A stream that nothing went through yet.
    pub fn new(stream: T) -> Self {
        Self {
            stream,
            hash: Context::new(&SHA256),
            bytes: Arc::default(),
        }
    }

    /// The number of bytes so far, for another thread.
    #[must_use]
    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// The number of bytes so far, and their hash in hexadecimal digits.
    #[must_use]
    pub fn result(&self) -> (u64, String) {
        let hash = self.hash.clone().finish();
        let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
        (self.bytes.load(Ordering::Relaxed), digits.collect())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.add(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.add(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
