//! Files that hold a secret: read whole, into memory that is wiped, and refused where others can read them too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::error::Error;

/// The largest file that is read. A token has a hundred bytes; doctl's configuration, which lists a default for every
/// flag of every command, some tens of thousands.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// Who may be able to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner alone.
    Owner,
    /// Whoever the system lets.
    Any,
}

/// The text of a file.
pub(super) fn read(path: &Path, readers: Readers) -> Result<Zeroizing<String>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    // The permissions are those of the very file that is read, whatever its path leads to meanwhile.
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if readers == Readers::Owner && is_exposed(&about) {
        return Err(Error::ExposedToken {
            path: path.to_owned(),
        });
    }
    let length = usize::try_from(about.len()).unwrap_or(usize::MAX);
    let bytes = read_within(file, length.min(MOST_BYTES), MOST_BYTES).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| Error::TooLarge {
        path: path.to_owned(),
        most_bytes: MOST_BYTES,
    })?;
    text(bytes)
        .ok_or_else(|| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not text")))
}

/// Everything that comes, into one buffer that is wiped; nothing where it is more than `most` bytes. With an `expected`
/// length that is right, the buffer never moves, so that no copy stays behind.
pub(super) fn read_within(
    source: impl Read,
    expected: usize,
    most: usize,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Room to see the end: a full buffer would be moved to a larger one before that.
    const SPARE: usize = 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected + SPARE));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// The bytes as text, where they are.
pub(super) fn text(mut bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}

#[cfg(unix)]
fn is_exposed(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_exposed(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_read_up_to_a_limit() {
        let read = |length: usize, expected| {
            let source = io::repeat(b'x').take(length as u64);
            read_within(source, expected, 1_000).unwrap()
        };
        for expected in [0, 999, 1_000] {
            assert_eq!(read(1_000, expected).unwrap().len(), 1_000);
            assert!(read(1_001, expected).is_none());
        }
    }

    #[test]
    fn a_buffer_of_the_expected_length_never_moves() {
        let bytes = read_within(io::repeat(b'x').take(500), 500, 1_000).unwrap();
        assert!(bytes.unwrap().capacity() < 600);
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let path = Path::new("/dev/zero");
        if path.exists() {
            let error = read(path, Readers::Any).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, b"canary\xff").unwrap();
        let error = read(&path, Readers::Any).unwrap_err().to_string();
        assert!(
            error.contains("not text") && !error.contains("canary"),
            "{error}"
        );
    }
}
