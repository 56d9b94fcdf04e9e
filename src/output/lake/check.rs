//! Holds a folder against its manifest.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::disk::{at, files_below};
use super::manifest::{self, ExportedFile, Manifest};
use super::sink::hexadecimal;
use super::{Error, FolderLock, WORK};

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
    let none = || Error::NoExport(root.to_owned());
    if !root.is_dir() {
        return Err(none());
    }
    let _lock = FolderLock::take(root, File::try_lock_shared)?;
    checked(root)?.ok_or_else(none)
}

/// After a kill, each table is as one of two manifests says.
pub(super) fn checked(root: &Path) -> Result<Option<Checked>, Error> {
    let published = Manifest::read(&root.join(manifest::NAME))?;
    let pending = Manifest::read(&root.join(WORK).join(manifest::NAME))?;
    let is_first = published.is_none();
    let mut manifest = published.unwrap_or_default();
    let (old, new) = (
        manifest.clone(),
        pending.as_ref().unwrap_or(&manifest).clone(),
    );
    let mut problems = Vec::new();
    for table in &old.tables() | &new.tables() {
        let mut found = problems_of(root, table, &old)?;
        if pending.is_some() && !found.is_empty() {
            let of_new = problems_of(root, table, &new)?;
            if of_new.len() < found.len() {
                found = of_new;
                manifest.set_table(table, &new);
            }
        }
        problems.extend(found);
    }
    if manifest.files == new.files {
        manifest.archives = new.archives;
    }
    let is_interrupted = root.join(WORK).exists();
    let is_none = is_first && manifest.files.is_empty();
    Ok((!is_none).then_some(Checked {
        manifest,
        problems,
        is_interrupted,
    }))
}

fn problems_of(root: &Path, table: &str, manifest: &Manifest) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for file in manifest.files.iter().filter(|file| file.is_in(table)) {
        if !is_as_written(root, file)? {
            let is_there = fs::symlink_metadata(root.join(&file.path)).is_ok();
            let what = if is_there {
                "has other bytes"
            } else {
                "missing"
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
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => at(&path, Err(error)),
        Ok(there) if !there.is_file() || there.len() != file.bytes => Ok(false),
        Ok(_) => Ok(at(&path, hash(&path))? == file.sha256),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hash = Context::new(&SHA256);
    let mut file = File::open(path)?;
    let mut bytes = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut bytes)? {
            0 => return Ok(hexadecimal(&hash.finish())),
            read => hash.update(&bytes[..read]),
        }
    }
}
