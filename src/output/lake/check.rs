//! Holds a folder against its manifest.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::disk::{Error, at, files_below};
use super::manifest::{self, ExportedFile, Manifest};
use super::{WORK, locked};
use crate::core::files::Hashed;

/// What a folder holds, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// Each thing that is wrong, in a line.
    pub problems: Vec<String>,
    /// True when a run was stopped before its end.
    pub is_interrupted: bool,
}

/// Reads every file of the folder again. Changes nothing.
///
/// # Errors
/// When there is no manifest, another run works there, or a file cannot be read.
pub fn check(root: &Path) -> Result<Checked, Error> {
    let mut found = None;
    if root.is_dir() {
        let lock = locked(root, File::try_lock_shared)?;
        found = checked(root)?;
        let _ = lock.unlock();
    }
    found.ok_or_else(|| {
        let message = format!(
            "{} holds no export: there is no _manifest.json",
            root.display()
        );
        Error::refused(message, "`archiver export DIR` writes one")
    })
}

/// After a kill, each table is as one of two manifests says.
pub(super) fn checked(root: &Path) -> Result<Option<Checked>, Error> {
    let published = Manifest::read(&root.join(manifest::NAME))?;
    let pending = Manifest::read(&root.join(WORK).join(manifest::NAME))?;
    let is_first = published.is_none();
    let old = published.unwrap_or_default();
    let new = pending.unwrap_or_else(|| old.clone());
    let mut there = Checked {
        manifest: old.clone(),
        problems: Vec::new(),
        is_interrupted: root.join(WORK).exists(),
    };
    for table in &old.tables() | &new.tables() {
        let mut problems = problems_of(root, table, &old)?;
        if !problems.is_empty() && new != old {
            let of_new = problems_of(root, table, &new)?;
            if of_new.len() < problems.len() {
                problems = of_new;
                there.manifest.set_table(table, &new);
            }
        }
        there.problems.extend(problems);
    }
    if there.manifest.files == new.files {
        there.manifest.archives = new.archives;
    }
    let is_none = is_first && there.manifest.files.is_empty();
    Ok((!is_none).then_some(there))
}

fn problems_of(root: &Path, table: &str, manifest: &Manifest) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for file in manifest.files.iter().filter(|file| file.is_in(table)) {
        if !is_as_written(root, file)? {
            let what = match fs::symlink_metadata(root.join(&file.path)) {
                Ok(_) => "has other bytes",
                Err(_) => "missing",
            };
            problems.push(format!("{}: {what}", file.path));
        }
    }
    for rest in files_below(&root.join(table))? {
        let path = Path::new(table).join(rest);
        if is_read(&path) && manifest.file(&path).is_none() {
            problems.push(format!("{}: not in the manifest", path.display()));
        }
    }
    Ok(problems)
}

/// False for a name that engines skip.
fn is_read(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_string_lossy());
    !names.any(|name| name.starts_with(['.', '_']))
}

/// True when the file is there with the bytes that an export wrote.
pub(super) fn is_as_written(root: &Path, file: &ExportedFile) -> Result<bool, Error> {
    let path = root.join(&file.path);
    match fs::symlink_metadata(&path) {
        Err(error) if is_absent(error.kind()) => Ok(false),
        Err(error) => at(&path, Err(error)),
        Ok(there) if !there.is_file() || there.len() != file.bytes => Ok(false),
        Ok(_) => {
            let mut hashed = Hashed::new(io::sink());
            let copy = |mut file| io::copy(&mut file, &mut hashed);
            at(&path, File::open(&path).and_then(copy))?;
            Ok(hashed.result() == (file.bytes, file.sha256.clone()))
        }
    }
}

fn is_absent(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
