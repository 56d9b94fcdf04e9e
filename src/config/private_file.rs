//! Reads files that hold a secret, or may hold one by mistake, into memory that is wiped. Refuses a token file that
//! other users can read. Refuses everything but files, because other reads may never end.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::error::{CHECK_FILE, Error};
use crate::core::files::{self, Links};
use crate::core::secrets::shown_path;

/// The largest file that is read. A token has a hundred bytes. doctl's configuration, which lists a default for every
/// flag of every command, has some tens of thousands.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// The users who may be able to read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Only its owner.
    Owner,
    /// Any user.
    Any,
}

/// Reads the text of a file, and the metadata of the same file.
pub(super) fn read(path: &Path, readers: Readers) -> Result<(Zeroizing<String>, Metadata), Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    // The permissions are those of the opened file, even if the path leads to another file meanwhile.
    let file = files::options(Links::Followed).read(true).open(path);
    let file = file.map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if let Some(what) = files::kind(&about) {
        let message = format!(" is a {what}, not a file");
        let hint =
            "give the path of a file; a token that a program prints is read with `token_command`";
        return Err(Error::of_path(path, &message, hint));
    }
    let refused = |problem: &str, hint| {
        let message = format!("the token file {} {problem}", shown_path(path));
        Err(Error::refused(message, hint))
    };
    let is_exposed = about.permissions().mode() & 0o077 != 0;
    if readers == Readers::Owner && is_exposed {
        let hint = "make it readable only by you: chmod 600";
        return refused("can be read by other users", hint);
    }
    // A file of root is fine: root could read the token anyway.
    if readers == Readers::Owner && files::is_foreign(&about) {
        let hint = "make it your own file: chown, and chmod 600";
        return refused("belongs to another user, who can read it", hint);
    }
    let length = usize::try_from(about.len()).unwrap_or(usize::MAX);
    let bytes = read_within(file, length.min(MOST_BYTES), MOST_BYTES).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| {
        let message = format!(" is larger than {MOST_BYTES} bytes");
        Error::of_path(path, &message, CHECK_FILE)
    })?;
    let text = text(bytes)
        .ok_or_else(|| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not text")))?;
    Ok((text, about))
}

/// Reads everything into one buffer that is wiped; `None` when it is more than `most` bytes. If the `expected` length
/// is right, the buffer never moves, so that no copy stays behind.
fn read_within(
    source: impl Read,
    expected: usize,
    most: usize,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Room to detect the end: a full buffer would move to a larger one before that.
    const SPARE: usize = 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected + SPARE));
    read_more(source, &mut bytes, most)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// Appends the source to `bytes`, up to a total of `most` and one byte more. On an error, `bytes` keeps what was read
/// before.
pub(super) fn read_more(source: impl Read, bytes: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let room = most.saturating_add(1).saturating_sub(bytes.len());
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    source.take(room).read_to_end(bytes)?;
    Ok(())
}

/// The bytes as text, if they are valid UTF-8.
pub(super) fn text(mut bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
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
    fn what_is_no_file_is_refused_at_once_and_called_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        for (path, what) in [
            (fifo.as_path(), "is a FIFO,"),
            (folder.path(), "is a directory,"),
            (Path::new("/dev/zero"), "is a device,"),
        ] {
            for readers in [Readers::Any, Readers::Owner] {
                let error = read(path, readers).unwrap_err();
                let expected = format!("{what} not a file");
                assert!(error.to_string().ends_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn a_file_that_was_given_to_somebody_else_is_refused_even_by_root() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "token").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        assert!(read(&path, Readers::Owner).is_ok());
        // Only root may give files away.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            let error = read(&path, Readers::Owner).unwrap_err();
            let expected = "belongs to another user, who can read it";
            assert!(error.to_string().ends_with(expected), "{error}");
            assert!(read(&path, Readers::Any).is_ok());
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
