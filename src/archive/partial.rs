//! A file on its way to its name: `.copy.db.XXXXXX.partial`, beside what it is to become.
//!
//! It goes when it is dropped. A process that is killed leaves it, so whoever makes one holds an advisory lock on it,
//! which dies with its holder: what can be locked is nobody's any more, and the next copy to that name takes it away.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::disk::own;
use crate::core::files::{folder_of, is_at};

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
    use super::disk::{Attempt, attempt};
    matches!(attempt(file, path), Ok(Attempt::Taken) | Err(_))
}

#[cfg(unix)]
fn remove_unless_held(path: &Path) {
    use super::disk::{Attempt, attempt};
    use crate::core::files::{self, Links};
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

/// Gives it its name, where nothing has that yet.
pub(super) fn name(partial: NamedTempFile, target: &Path) -> io::Result<()> {
    match partial.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
        Err(error) => name_in_two_steps(error.file, target),
    }
}

/// The same where a file system knows neither a renaming that replaces nothing nor a second name. An empty file takes the
/// name first, so that nobody else's can be replaced; a kill between the two steps leaves it.
fn name_in_two_steps(partial: NamedTempFile, target: &Path) -> io::Result<()> {
    let placeholder = File::create_new(target)?;
    partial.persist(target).map(drop).map_err(|error| {
        if is_at(&placeholder, target) {
            let _ = fs::remove_file(target);
        }
        error.error
    })
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

    #[test]
    fn where_no_single_step_names_a_file_nothing_is_replaced_either() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let partial = |text| {
            let partial = make(&target).unwrap();
            fs::write(partial.path(), text).unwrap();
            partial
        };
        let gone = partial("gone");
        fs::remove_file(gone.path()).unwrap();
        name_in_two_steps(gone, &target).unwrap_err();
        assert!(names(folder.path()).is_empty());
        name_in_two_steps(partial("first"), &target).unwrap();
        let error = name_in_two_steps(partial("second"), &target).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["copy"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_modes_cannot_be_changed_a_file_is_refused_only_when_others_may_look() {
        // Nobody's mode can be changed in /proc.
        own(&File::open("/proc/self/environ").unwrap()).unwrap();
        own(&File::open("/proc/self/status").unwrap()).unwrap_err();
    }
}
