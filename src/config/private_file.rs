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
const MOST_BYTES: usize = 1 << 20;

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
    // A buffer of the right length never moves, so that no copy stays behind. A full one would move before its end.
    const SPARE: usize = 64;
    let mut text = Zeroizing::new(String::with_capacity(length.min(MOST_BYTES) + SPARE));
    let read = file.take(MOST_BYTES as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => unreadable(io::Error::new(error.kind(), "it is not text")),
        _ => unreadable(error),
    })?;
    if text.len() > MOST_BYTES {
        let message = format!(" is larger than {MOST_BYTES} bytes");
        return Err(Error::of_path(path, &message, CHECK_FILE));
    }
    Ok((text, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_a_limit_into_a_buffer_that_never_moves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for length in [0, 500, MOST_BYTES] {
            std::fs::write(&path, "x".repeat(length)).unwrap();
            let (text, _) = read(&path, Readers::Any).unwrap();
            assert_eq!(text.len(), length);
            assert!(text.capacity() < length + 100);
        }
        std::fs::write(&path, "x".repeat(MOST_BYTES + 1)).unwrap();
        assert!(read(&path, Readers::Any).is_err());
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
