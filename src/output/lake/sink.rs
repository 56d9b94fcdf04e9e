//! Takes the bytes of a file, and knows their number and hash.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};

use ring::digest::{Context, Digest, SHA256};

/// A file that is being written.
pub struct Sink {
    file: File,
    bytes: u64,
    hash: Context,
}

impl Sink {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            bytes: 0,
            hash: Context::new(&SHA256),
        }
    }

    /// The length and the hash of what was written so far.
    #[must_use]
    pub fn written(&self) -> (u64, String) {
        (self.bytes, hexadecimal(&self.hash.clone().finish()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The hash as text.
#[must_use]
pub fn hexadecimal(digest: &Digest) -> String {
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
