//! Files that hold a secret: read whole, into memory that is wiped, and refused where others can read them too.
//!
//! Opening or reading a FIFO, or a device, may take for ever, and silently: only files are read.

use std::fs::{File, FileType, Metadata};
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
    let file = open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let owned = || path.to_owned();
    if !about.is_file() {
        let what = kind(about.file_type());
        return Err(Error::NotAFile {
            path: owned(),
            what,
        });
    }
    if readers == Readers::Owner {
        match others(&about) {
            Others::None => {}
            Others::Readers => return Err(Error::ExposedToken { path: owned() }),
            Others::Owner => return Err(Error::ForeignToken { path: owned() }),
        }
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
fn read_within(
    source: impl Read,
    expected: usize,
    most: usize,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Room to see the end: a full buffer would be moved to a larger one before that.
    const SPARE: usize = 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected + SPARE));
    read_more(source, &mut bytes, most)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// Adds what comes to `bytes`, up to one more than `most` altogether. What had come before an error is there too.
pub(super) fn read_more(source: impl Read, bytes: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let room = most.saturating_add(1).saturating_sub(bytes.len());
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    source.take(room).read_to_end(bytes)?;
    Ok(())
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

/// Who but this user can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no modes"))]
enum Others {
    /// Nobody, but for root.
    None,
    /// Those to whom its permissions allow it.
    Readers,
    /// Its owner.
    Owner,
}

impl Others {
    /// Those of a file with these permissions and this owner. What root owns, root could read anyway.
    #[cfg(unix)]
    fn of(mode: u32, owner: u32, user: u32) -> Self {
        if mode & 0o077 != 0 {
            Self::Readers
        } else if owner != user && owner != 0 {
            Self::Owner
        } else {
            Self::None
        }
    }
}

#[cfg(unix)]
fn others(about: &Metadata) -> Others {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    Others::of(about.mode(), about.uid(), user)
}

#[cfg(not(unix))]
fn others(_: &Metadata) -> Others {
    Others::None
}

/// Opens without waiting for whoever would write to a FIFO.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let mut options = File::options();
    options.read(true);
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What something is that is no file, in words.
#[cfg(unix)]
fn kind(file_type: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_char_device() || file_type.is_block_device() {
        "a device"
    } else {
        other_kind(file_type)
    }
}

#[cfg(not(unix))]
fn kind(file_type: FileType) -> &'static str {
    other_kind(file_type)
}

fn other_kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "a folder"
    } else {
        "something else"
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_at_once_and_called_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        for (path, what) in [
            (fifo.as_path(), "a FIFO"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            for readers in [Readers::Any, Readers::Owner] {
                let error = read(path, readers).unwrap_err();
                assert!(matches!(error, Error::NotAFile { .. }), "{error}");
                assert!(error.to_string().contains(what), "{error}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_who_is_this_user_or_root() {
        for (mode, owner, user, expected) in [
            (0o100_600, 1_000, 1_000, Others::None),
            (0o100_400, 1_000, 1_000, Others::None),
            (0o100_600, 0, 1_000, Others::None),
            (0o100_600, 0, 0, Others::None),
            (0o100_600, 65_534, 0, Others::Owner),
            (0o100_600, 65_534, 1_000, Others::Owner),
            (0o100_640, 0, 0, Others::Readers),
            (0o100_604, 1_000, 1_000, Others::Readers),
        ] {
            assert_eq!(Others::of(mode, owner, user), expected, "{mode:o} {owner}");
        }
    }

    #[cfg(unix)]
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
            assert!(matches!(error, Error::ForeignToken { .. }), "{error}");
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
