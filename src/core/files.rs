//! Files. Checks a file before it is used: its kind, its owner and its number of names. Opens a file without blocking and
//! without following a foreign link. Replaces a file as a whole. Counts and hashes what goes through a stream.
//!
//! Opening or reading a FIFO or a device may block forever without a message. In a folder of another user, a link or
//! another file may replace the file between two checks, so only the opened file counts.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{Context, SHA256};
use tempfile::Builder;

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
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, links == Links::Refused);
    options.custom_flags(flags.bits().cast_signed());
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
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    let kinds = [
        (kind.is_fifo(), "FIFO"),
        (kind.is_socket(), "socket"),
        (kind.is_char_device() || kind.is_block_device(), "device"),
        (kind.is_dir(), "directory"),
        (kind.is_symlink(), "link"),
    ];
    kinds
        .into_iter()
        .find_map(|(is_it, name)| is_it.then_some(name))
}

/// True when the owner is neither this user nor root. Root can do everything anyway.
#[must_use]
pub fn is_foreign(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    is_of_another_user(metadata.uid(), rustix::process::geteuid().as_raw())
}

fn is_of_another_user(owner: u32, user: u32) -> bool {
    owner != user && owner != 0
}

/// True when the file has a second name (a hard link), which may be anywhere.
#[must_use]
pub fn has_other_names(metadata: &Metadata) -> bool {
    let names = std::os::unix::fs::MetadataExt::nlink(metadata);
    names > 1
}

/// True when both are the same file.
#[must_use]
pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// True when the path leads directly to the open file, and not through a link.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(there)) => is_same(&file, &there),
        _ => false,
    }
}

/// The users that may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// All users, whatever the umask says.
    All,
    /// Those that the umask allows.
    Usual,
}

/// Replaces the file at `path` as a whole, or makes it: a reader has the old text or the new one. The new text is written
/// beside the file under a name that nobody reads, and renamed. It is not forced to the disk.
///
/// # Errors
/// When the folder does not exist, when the path is a folder, a device, a link of another user or the like, or when the
/// system refuses. The old file then stays as it is, and no temporary file is left.
pub fn replace_file(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let refused = |error: io::Error| {
        let what = format!("cannot write {}: {error}", path.display());
        io::Error::new(error.kind(), what)
    };
    let target = to_replace(path).map_err(refused)?;
    let folder = folder_of(&target);
    let mut builder = Builder::new();
    builder.prefix(".archiver-").suffix(".tmp");
    builder.permissions(fs::Permissions::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    if readers == Readers::All {
        let readable = fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(refused)?;
    }
    // On failure the temporary file is part of the error, and is removed with it.
    file.persist(&target)
        .map_err(|error| refused(error.error))?;
    Ok(())
}

/// The file to replace: the target of a link, not the link.
fn to_replace(path: &Path) -> io::Result<PathBuf> {
    let no_file = || io::Error::other("it is not a file");
    let folder = folder_of(path);
    if !folder.is_dir() {
        // It is not created, because a misspelt name would go unnoticed.
        let what = format!("there is no folder {}", folder.display());
        return Err(io::Error::other(what));
    }
    let there = match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => there,
        // A rename would remove the device for all programs.
        Ok(there) if kind(&there).is_some() => return Err(no_file()),
        // The rename replaces a file, and also anything that takes its place meanwhile.
        _ => return Ok(path.to_owned()),
    };
    if is_foreign(&there) {
        return Err(io::Error::other(
            "it is a link that belongs to another user",
        ));
    }
    // The rename replaces a broken link too.
    let Ok(target) = path.canonicalize() else {
        return Ok(path.to_owned());
    };
    let is_still_there = fs::symlink_metadata(path).is_ok_and(|it| is_same(&it, &there));
    match fs::symlink_metadata(&target) {
        Ok(metadata) if is_still_there && kind(&metadata).is_none() => Ok(target),
        _ => Err(no_file()),
    }
}

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

#[cfg(test)]
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

#[cfg(test)]
mod tests_of_replacing {
    use super::*;

    fn write_file(path: &Path, text: &str) -> io::Result<()> {
        replace_file(path, text, Readers::All)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_and_then_replaced_and_nothing_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archiver.prom");
        for text in ["archiver_actions 1\n", "archiver_actions 22\n", ""] {
            write_file(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(folder.path()), ["archiver.prom"]);
        }
    }

    #[test]
    fn another_user_may_read_it_and_not_write_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archiver.prom");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write_file(&path, "").unwrap();
        assert_eq!(mode(), 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_file(&path, "").unwrap();
        assert_eq!(mode(), 0o644);
    }

    #[test]
    fn who_reads_it_meanwhile_has_the_old_one_whole() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archiver.prom");
        write_file(&path, "old\n").unwrap();
        let mut reader = fs::File::open(&path).unwrap();
        write_file(&path, "new, and longer\n").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old\n");
    }

    #[test]
    fn a_folder_that_is_missing_is_named_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("textfiles/archiver.prom");
        let error = write_file(&path, "").unwrap_err();
        assert!(
            error.to_string().contains("there is no folder"),
            "{error:?}"
        );
        let words = format!(
            "there is no folder {}",
            folder.path().join("textfiles").display()
        );
        assert!(error.to_string().ends_with(&words), "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics");
        fs::create_dir(&path).unwrap();
        let device = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        for path in [&path, &device] {
            let error = write_file(path, "").unwrap_err();
            assert!(error.to_string().ends_with("it is not a file"), "{error:?}");
        }
        assert_eq!(names(folder.path()), ["device", "metrics"]);
        assert!(device.is_symlink() && path.is_dir());
    }

    #[test]
    fn a_link_stays_one_and_what_it_points_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.prom"), folder.path().join("b.prom"));
        write_file(&file, "old\n").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, "new\n").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new\n");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("b.prom");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        write_file(&link, "new\n").unwrap();
        assert!(!link.is_symlink());
        assert_eq!(names(folder.path()), ["b.prom"]);
    }

    #[test]
    fn a_link_of_another_user_has_nothing_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("precious"), folder.path().join("b.prom"));
        fs::write(&file, "all of it").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        // Only root may give files away.
        if std::os::unix::fs::lchown(&link, Some(65_534), None).is_ok() {
            let error = write_file(&link, "new\n").unwrap_err();
            assert!(error.to_string().contains("another user"), "{error:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "all of it");
        }
    }

    #[test]
    fn what_cannot_be_renamed_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let too_long = folder.path().join("x".repeat(300));
        let error = write_file(&too_long, "archiver_actions 1\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidFilename, "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
