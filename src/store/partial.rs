//! A file on its way to its name: `.copy.db.XXXXXX.partial`, beside what it is to become.
//!
//! It goes when it is dropped. A process that is killed leaves it, so whoever makes one holds an advisory lock on it,
//! which dies with its holder: what can be locked is nobody's any more, and the next copy to that name takes it away.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::files::folder_of;

const ENDING: &str = ".partial";
const RANDOM_LETTERS: usize = 6;

/// An empty file beside the target, its owner's alone.
pub(super) fn make(target: &Path) -> io::Result<NamedTempFile> {
    loop {
        let partial = tempfile::Builder::new()
            .prefix(&beginning(target))
            .suffix(ENDING)
            .rand_bytes(RANDOM_LETTERS)
            .tempfile_in(folder_of(target))?;
        own(partial.as_file())?;
        // Another copy that begins may find it before it is locked, and take it for one that was left.
        if is_held(partial.as_file(), partial.path()) {
            return Ok(partial);
        }
    }
}

/// Removes what copies to the target left that were killed.
pub(super) fn remove_killed(target: &Path) {
    let beginning = beginning(target);
    let Ok(entries) = fs::read_dir(folder_of(target)) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_partial(&entry.file_name().to_string_lossy(), &beginning) {
            remove_unless_held(&entry.path());
        }
    }
}

fn beginning(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

fn is_partial(name: &str, beginning: &str) -> bool {
    let random = name.strip_prefix(beginning);
    random
        .and_then(|rest| rest.strip_suffix(ENDING))
        .is_some_and(|it| {
            it.len() == RANDOM_LETTERS && it.chars().all(|letter| letter.is_ascii_alphanumeric())
        })
}

/// Where files cannot be locked, nothing that was left is removed, and copies are made all the same.
#[cfg(unix)]
fn is_held(file: &File, path: &Path) -> bool {
    use super::lock::{Attempt, attempt};
    matches!(attempt(file, path), Ok(Attempt::Taken) | Err(_))
}

#[cfg(unix)]
fn remove_unless_held(path: &Path) {
    use super::lock::{Attempt, attempt};
    use crate::files::{self, Links};
    let mut options = files::options(Links::Refused);
    // It only takes room: where it cannot be removed, the next copy is made all the same.
    if let Ok(file) = options.read(true).write(true).open(path)
        && matches!(attempt(&file, path), Ok(Attempt::Taken))
    {
        let _ = fs::remove_file(path);
    }
}

/// Elsewhere a lock keeps its holder's other handles from the file, and that of SQLite is one.
#[cfg(not(unix))]
fn is_held(_: &File, _: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn remove_unless_held(_: &Path) {}

/// Makes a new file its owner's alone, whatever the umask. Some file systems know no modes: there it is an error only
/// when others may look.
pub(super) fn own(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = file.set_permissions(fs::Permissions::from_mode(0o600))
            && file.metadata()?.permissions().mode() & 0o077 != 0
        {
            return Err(error);
        }
    }
    let _ = file;
    Ok(())
}

/// A new name is on the disk once its folder is (<https://man7.org/linux/man-pages/man2/fsync.2.html>).
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    let _ = folder;
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_left_is_removed_and_what_is_being_made_or_is_of_another_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let left = make(&target).unwrap().keep().unwrap().1;
        let others = [
            ".copy..partial",
            ".copy.abc.partial",
            ".copy.db.abc123.partial",
            ".copy.abc12-.partial",
            "copy.abc123.partial",
            ".copy.abc123.part",
        ];
        for name in others {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let is_made = make(&target).unwrap();
        remove_killed(&target);
        assert!(!left.exists());
        assert!(is_made.path().exists());
        drop(is_made);
        let mut expected = others;
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn copies_that_begin_at_once_do_not_take_each_others_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        remove_killed(&target);
                        let made = make(&target).unwrap();
                        assert!(made.path().exists());
                    }
                });
            }
        });
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_modes_cannot_be_changed_a_file_is_refused_only_when_others_may_look() {
        // Nobody's mode can be changed in /proc.
        own(&File::open("/proc/self/environ").unwrap()).unwrap();
        own(&File::open("/proc/self/status").unwrap()).unwrap_err();
    }
}
