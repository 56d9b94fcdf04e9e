//! What a file says of itself before SQLite is let near it.
//!
//! Merely opening a database can change it, and merely opening something that is no file can take for ever: a FIFO waits
//! for somebody to write. So first the file system is asked what stands at the path, then the first bytes are read.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::Path;

use super::error::{Error, file_error};
use super::migrations::{APPLICATION_ID, LATEST_VERSION};

/// What the file's first bytes say (<https://www.sqlite.org/fileformat.html#the_database_header>).
pub(super) enum Header {
    /// No bytes: a new archive.
    Empty,
    /// An archive; not of a later version, as far as these bytes tell.
    Ours,
}

pub(super) fn check_header(path: &Path) -> Result<Header, Error> {
    const LENGTH: u64 = 100;
    let mut header = Vec::new();
    refuse_what_is_no_file(path)?;
    fs::File::open(path)
        .map_err(file_error("cannot read the archive", path))?
        .take(LENGTH)
        .read_to_end(&mut header)
        .map_err(file_error("cannot read the archive", path))?;
    let damaged = |reason: &str| Error::Damaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if header.is_empty() {
        return Ok(Header::Empty);
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged("it is not a SQLite database"));
    }
    let number = |offset: usize| {
        let bytes = header
            .get(offset..offset + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(i32::from_be_bytes)
            .ok_or_else(|| damaged("it ends inside its first 100 bytes"))
    };
    if number(68)? != APPLICATION_ID {
        return Err(Error::Foreign {
            path: path.to_owned(),
        });
    }
    match i64::from(number(60)?) {
        found if found > LATEST_VERSION => Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: LATEST_VERSION,
        }),
        _ => Ok(Header::Ours),
    }
}

/// A folder, a FIFO, a socket or a device is nothing to keep an archive in. A link is followed: the archive may live
/// elsewhere.
fn refuse_what_is_no_file(path: &Path) -> Result<(), Error> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Missing {
                path: path.to_owned(),
            });
        }
        found => found.map_err(file_error("cannot read the archive", path))?,
    };
    match kind(&metadata) {
        None => Ok(()),
        Some(kind) => {
            let what = io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it is a {kind}, not a file"),
            );
            Err(file_error("cannot use as an archive", path)(what))
        }
    }
}

/// What it is called, unless it is a file.
pub(super) fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("FIFO");
        }
        if kind.is_socket() {
            return Some("socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("device");
        }
    }
    Some(if kind.is_dir() { "directory" } else { "link" })
}
