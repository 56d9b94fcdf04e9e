//! Checks a file before it is used: its kind, its owner and its number of names. Opens a file without blocking and
//! without following a foreign link.
//!
//! Opening or reading a FIFO or a device may block forever without a message. In a folder of another user, a link or
//! another file may replace the file between two checks, so only the opened file counts.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The treatment of a link in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Opens the target of the link.
    Followed,
    /// Fails.
    Refused,
}

/// Options to open a file without waiting for the writer of a FIFO. The caller still sets reading or writing.
#[must_use]
pub fn options(links: Links) -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::NOFOLLOW, links == Links::Refused);
        options.custom_flags(flags.bits().cast_signed());
    }
    let _ = links;
    options
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read, is not a file, or is not text.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut file = options(Links::Followed).read(true).open(path)?;
    if let Some(kind) = kind(&file.metadata()?) {
        let what = format!("it is a {kind}, not a file");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// The folder of a file.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The same path without links, as far as it exists: two names of one file become equal.
#[must_use]
pub fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = fs::canonicalize(folder_of(path));
        let mut resolved = folder.unwrap_or_else(|_| folder_of(path).to_owned());
        resolved.extend(path.file_name());
        resolved
    })
}

/// The name of its kind, unless it is a file: `FIFO`, `socket`, `device`, `directory`, `link`.
#[must_use]
pub fn kind(metadata: &Metadata) -> Option<&'static str> {
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

/// True when the owner is neither this user nor root. Root can do everything anyway.
#[cfg(unix)]
#[must_use]
pub fn is_foreign(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    is_of_another_user(metadata.uid(), rustix::process::geteuid().as_raw())
}

#[cfg(unix)]
fn is_of_another_user(owner: u32, user: u32) -> bool {
    owner != user && owner != 0
}

/// The owner is not known on this system.
#[cfg(not(unix))]
#[must_use]
pub fn is_foreign(_: &Metadata) -> bool {
    false
}

/// True when the file has a second name (a hard link), which may be anywhere.
#[must_use]
pub fn has_other_names(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(metadata);
    #[cfg(not(unix))]
    let names = {
        let _ = metadata;
        1
    };
    names > 1
}

/// True when both are the same file, or when the system cannot tell.
#[must_use]
pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        identity(one) == identity(other)
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        true
    }
}

/// True when the path leads directly to the open file, and not through a link.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(there)) => is_same(&file, &there),
        _ => false,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_no_file_is_called_what_it_is_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        for (path, expected) in [
            (fifo.as_path(), "FIFO"),
            (folder.path(), "directory"),
            (Path::new("/dev/zero"), "device"),
        ] {
            assert_eq!(kind(&fs::metadata(path).unwrap()), Some(expected));
            let error = read_text(path).unwrap_err().to_string();
            assert_eq!(error, format!("it is a {expected}, not a file"));
        }
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        assert_eq!(kind(&fs::metadata(&file).unwrap()), None);
        assert_eq!(read_text(&file).unwrap(), "text");
    }

    #[test]
    fn a_link_is_not_opened_where_it_is_refused_and_nothing_is_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "text").unwrap();
        symlink(&file, &link).unwrap();
        assert!(options(Links::Refused).read(true).open(&link).is_err());
        let opened = options(Links::Followed).read(true).open(&link).unwrap();
        assert!(!is_at(&opened, &link));
        assert!(is_at(&opened, &file));
        assert!(!is_at(&opened, Path::new("/nowhere")));
    }

    #[test]
    fn a_file_with_two_names_has_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        fs::write(&file, "").unwrap();
        assert!(!has_other_names(&fs::metadata(&file).unwrap()));
        fs::hard_link(&file, &other).unwrap();
        assert!(has_other_names(&fs::metadata(&file).unwrap()));
    }

    #[test]
    fn what_belongs_to_root_is_nobody_elses() {
        for (owner, user, expected) in [
            (1_000, 1_000, false),
            (0, 1_000, false),
            (0, 0, false),
            (65_534, 0, true),
            (65_534, 1_000, true),
        ] {
            assert_eq!(is_of_another_user(owner, user), expected, "{owner} {user}");
        }
    }
}
