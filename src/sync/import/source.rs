//! The bytes of a file: counted, hashed, and unpacked if they are compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use ring::digest;

use crate::core::files;

const BUFFER: usize = 256 << 10;
/// The first byte of a gzip file, with which no JSON begins.
const GZIP: u8 = 0x1f;
pub(super) const SQLITE: &[u8] = b"SQLite format 3\0";

/// Opens a file for reading. Waits for the writer of a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match files::kind(&file.metadata()?) {
        Some(kind @ ("directory" | "socket")) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it is a {kind}, not a file"),
        )),
        _ => Ok(file),
    }
}

/// True for a SQLite database. A pipe is read only once, so it is none.
pub(super) fn is_database(file: &mut File) -> io::Result<bool> {
    if files::kind(&file.metadata()?).is_some() {
        return Ok(false);
    }
    let mut head = Vec::new();
    file.take(SQLITE.len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == SQLITE)
}

/// The SHA-256 of a file, in hexadecimal digits. Not for an archive that this process has open: closing the file drops
/// all locks on it.
pub(super) fn sha256(file: File) -> io::Result<String> {
    Source::new(file, Arc::default())?.sha256()
}

/// Counts and hashes all bytes of a file.
pub(super) struct Hashed<R> {
    file: R,
    hash: digest::Context,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

pub(super) type Raw<R> = Box<BufReader<Hashed<R>>>;

/// The unpacked bytes of a file.
pub(super) enum Source<R> {
    Plain(Raw<R>),
    Packed(Box<BufReader<MultiGzDecoder<Raw<R>>>>),
}

impl<R: Read> Source<R> {
    /// `bytes` counts the bytes that were read from the file, before they are unpacked.
    pub(super) fn new(file: R, bytes: Arc<AtomicU64>) -> io::Result<Self> {
        let hash = digest::Context::new(&digest::SHA256);
        let file = Hashed { file, hash, bytes };
        let mut raw = Box::new(BufReader::with_capacity(BUFFER, file));
        let is_packed = raw.fill_buf()?.first() == Some(&GZIP);
        Ok(if is_packed {
            Self::Packed(Box::new(BufReader::with_capacity(
                BUFFER,
                MultiGzDecoder::new(raw),
            )))
        } else {
            Self::Plain(raw)
        })
    }

    /// Reads the rest of the file. Returns its SHA-256 in hexadecimal digits.
    pub(super) fn sha256(self) -> io::Result<String> {
        let mut raw = match self {
            Self::Plain(raw) => raw,
            Self::Packed(packed) => (*packed).into_inner().into_inner(),
        };
        io::copy(&mut raw, &mut io::sink())?;
        let hash = raw.into_inner().hash.finish();
        let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Ok(digits.collect())
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Packed(packed) => packed.read(buffer),
        }
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(raw) => raw.fill_buf(),
            Self::Packed(packed) => packed.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Plain(raw) => raw.consume(count),
            Self::Packed(packed) => packed.consume(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(file: &[u8]) -> (String, u64, String) {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut source = Source::new(file, Arc::clone(&bytes)).unwrap();
        let mut text = String::new();
        source.read_to_string(&mut text).unwrap();
        let hash = source.sha256().unwrap();
        (text, bytes.load(Ordering::Relaxed), hash)
    }

    #[test]
    fn a_compressed_file_is_unpacked_and_the_hash_is_of_the_file_itself() {
        // printf '[]' | sha256sum
        let of_plain = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
        assert_eq!(read(b"[]"), ("[]".to_owned(), 2, of_plain.to_owned()));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"[]").unwrap();
        let packed = packed.finish().unwrap();
        let (text, bytes, hash) = read(&packed);
        assert_eq!((text.as_str(), bytes), ("[]", packed.len() as u64));
        assert_ne!(hash, of_plain);
        let (twice, ..) = read(&[packed.clone(), packed].concat());
        assert_eq!(twice, "[][]");
    }

    #[test]
    fn what_follows_the_text_counts_for_the_hash() {
        let mut source = Source::new(&b"[] and more"[..], Arc::default()).unwrap();
        let mut two = [0; 2];
        source.read_exact(&mut two).unwrap();
        let (.., whole) = read(b"[] and more");
        assert_eq!(source.sha256().unwrap(), whole);
    }
}
