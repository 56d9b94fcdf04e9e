//! Holds a folder against its manifest.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::disk::{at, files_below};
use super::manifest::{self, ExportedFile, Manifest};
use super::sink::hexadecimal;
use super::{Error, WORK, refuse_if_held};

/// What a folder holds, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// Each thing that is wrong, in a line.
    pub problems: Vec<String>,
    /// True when a run was stopped before its end, and the next one goes on from there.
    pub is_interrupted: bool,
}

/// Reads every file of the folder again. Changes nothing.
///
/// # Errors
/// When there is no manifest, another run works there, or a file cannot be read.
pub fn check(root: &Path) -> Result<Checked, Error> {
    let none = || Error::NoExport {
        path: root.to_owned(),
    };
    if !root.is_dir() {
        return Err(none());
    }
    let lock = at(root, File::open(root))?;
    refuse_if_held(root, lock.try_lock_shared())?;
    let manifest = current(root)?.ok_or_else(none)?;
    let mut problems = Vec::new();
    for file in &manifest.files {
        problems.extend(problem(root, file)?);
    }
    let tables = manifest.files.iter().map(|it| it.path.split('/').next());
    let tables: BTreeSet<_> = tables.flatten().collect();
    for table in tables {
        for rest in files_below(&root.join(table))? {
            let path = Path::new(table).join(rest);
            if is_read(&path)
                && path
                    .to_str()
                    .is_none_or(|path| manifest.file(path).is_none())
            {
                problems.push(format!("{}: not in the manifest", path.display()));
            }
        }
    }
    Ok(Checked {
        manifest,
        problems,
        is_interrupted: root.join(WORK).exists(),
    })
}

/// False for a name that engines skip.
fn is_read(path: &Path) -> bool {
    !path
        .iter()
        .filter_map(|name| name.to_str())
        .any(|name| name.starts_with(['.', '_']))
}

fn problem(root: &Path, file: &ExportedFile) -> Result<Option<String>, Error> {
    let path = root.join(&file.path);
    let what = match fs::symlink_metadata(&path) {
        Err(error) if is_absent(&error) => "missing",
        Err(error) => return at(&path, Err(error)),
        Ok(there) if there.len() != file.bytes => "has another length",
        Ok(_) if hash(&path)? != file.sha256 => "has other bytes",
        Ok(_) => return Ok(None),
    };
    Ok(Some(format!("{}: {what}", file.path)))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn hash(path: &Path) -> Result<String, Error> {
    let mut hash = Context::new(&SHA256);
    let mut file = at(path, File::open(path))?;
    let mut bytes = vec![0; 1 << 16];
    loop {
        match at(path, io::Read::read(&mut file, &mut bytes))? {
            0 => return Ok(hexadecimal(&hash.finish())),
            read => hash.update(&bytes[..read]),
        }
    }
}

/// What the folder holds now: after a kill, some parts may be those of the unfinished run.
pub(super) fn current(root: &Path) -> Result<Option<Manifest>, Error> {
    let published = Manifest::read(&root.join(manifest::NAME))?;
    let pending = root.join(WORK).join(manifest::NAME);
    let Some(new) = Manifest::read(&pending)? else {
        return Ok(published);
    };
    let old = published.clone().unwrap_or_default();
    let mut current = new.clone();
    let parts: BTreeSet<_> = new.parts().chain(old.parts()).map(str::to_owned).collect();
    let mut is_whole = true;
    for part in parts {
        if !is_in_place(root, &part, &old, &new)? {
            is_whole = false;
            current.set_files(&part, old.files_of(&part).cloned());
        }
    }
    if !is_whole && published.is_some() {
        current.archives = old.archives;
    } else if !is_whole {
        // The rest of a first export is missing.
        for archive in &mut current.archives {
            (archive.complete_up_to, archive.is_complete) = (None, false);
        }
    }
    Ok(Some(current)
        .filter(|it| !it.files.is_empty())
        .or(published))
}

/// True when the folder holds the new version of this part.
fn is_in_place(root: &Path, part: &str, old: &Manifest, new: &Manifest) -> Result<bool, Error> {
    for file in new
        .files_of(part)
        .filter(|it| old.file(&it.path) != Some(it))
    {
        if problem(root, file)?.is_some() {
            return Ok(false);
        }
    }
    let gone = old.files_of(part).filter(|it| new.file(&it.path).is_none());
    Ok(gone
        .into_iter()
        .all(|it| fs::symlink_metadata(root.join(&it.path)).is_err()))
}
