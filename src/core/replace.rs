//! Replaces a file as a whole, so that a reader has the old text or the new one.
//!
//! The new text is written beside the file under a name that nobody reads, and renamed. It is not forced to the disk.

use std::fs;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::Builder;

use super::files::{folder_of, is_foreign, is_same, kind};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

/// The users that may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// All users, whatever the umask says.
    All,
    /// Those that the umask allows.
    Usual,
}

/// Replaces the file at `path`, or makes it.
///
/// # Errors
/// When the folder does not exist, when the path is a folder, a device, a link of another user or the like, or when the
/// system refuses. The old file then stays as it is, and no temporary file is left.
pub fn replace_file(path: &Path, text: &str, readers: Readers) -> Result<(), WriteError> {
    let refused = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let target = target(path).map_err(refused)?;
    let folder = folder_of(&target);
    let mut builder = Builder::new();
    builder.prefix(".archiver-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(fs::Permissions::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    #[cfg(unix)]
    if readers == Readers::All {
        let readable = fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(refused)?;
    }
    let _ = readers;
    // On failure the temporary file is part of the error, and is removed with it.
    file.persist(&target)
        .map_err(|error| refused(error.error))?;
    Ok(())
}

/// The file to replace: the target of a link, not the link.
fn target(path: &Path) -> io::Result<PathBuf> {
    let no_file = || io::Error::other("it is not a file");
    let folder = folder_of(path);
    if !folder.is_dir() {
        // It is not created, because a misspelt name would go unnoticed.
        let what = format!("there is no folder {}", folder.display());
        return Err(io::Error::other(what));
    }
    let there = match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => there,
        // The rename replaces a file, and also anything that takes its place meanwhile.
        Ok(there) if kind(&there).is_none() => return Ok(path.to_owned()),
        // A rename would remove the device for all programs.
        Ok(_) => return Err(no_file()),
        Err(_) => return Ok(path.to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write_file(path: &Path, text: &str) -> Result<(), WriteError> {
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

    #[cfg(unix)]
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

    #[cfg(unix)]
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

    #[cfg(unix)]
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

    #[cfg(unix)]
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

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("b.prom");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        write_file(&link, "new\n").unwrap();
        assert!(!link.is_symlink());
        assert_eq!(names(folder.path()), ["b.prom"]);
    }

    #[cfg(unix)]
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
        assert_eq!(
            error.source.kind(),
            io::ErrorKind::InvalidFilename,
            "{error}"
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
