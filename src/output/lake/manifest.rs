//! `_manifest.json`: what an export wrote, how far the archive was complete then, and whether the folder still holds it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::disk::{Error, WORK, at, below, locked};
use crate::core::files::Hashed;

/// The version of the layout.
const FORMAT: u64 = 1;

/// The name of the manifest; engines read no file whose name begins like this.
pub(super) const NAME: &str = "_manifest.json";

/// All that a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u64,
    /// The archives, in the order of their accounts.
    pub archives: Vec<ExportedArchive>,
    /// The files, in the order of their paths.
    pub files: Vec<ExportedFile>,
}

/// An archive whose rows are in the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedArchive {
    /// The name of the account; `None` in a folder of one archive without a name.
    pub account: Option<String>,
    /// The team that the history belongs to.
    pub team_uuid: Option<String>,
    /// The person, where there is no team.
    pub uuid: Option<String>,
    /// The last complete sync: all that it listed is in the files.
    pub complete_up_to: Option<CompleteSync>,
    /// False when actions were missing in the archive.
    pub is_complete: bool,
}

/// A complete sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteSync {
    /// Its id in `sync_runs`.
    pub sync_run: i64,
    /// The time at which it began.
    pub started_at: String,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its path in the folder, with `/` between names.
    pub path: String,
    /// The number of rows.
    pub rows: u64,
    /// The smallest id; `None` in a table without numbers as ids.
    pub smallest_id: Option<i64>,
    /// The largest id.
    pub largest_id: Option<i64>,
    /// The length of the file.
    pub bytes: u64,
    /// The hash of the file.
    pub sha256: String,
}

impl ExportedFile {
    pub(super) fn is_in(&self, folder: &str) -> bool {
        Path::new(&self.path).starts_with(folder)
    }

    /// False for a path that another program wrote, and that leads somewhere else.
    fn is_inside(&self) -> bool {
        let mut names = Path::new(&self.path).components();
        names.all(|name| matches!(name, Component::Normal(_)))
    }

    fn account(&self) -> Option<&str> {
        let mut names = self.path.split('/');
        names.find_map(|name| name.strip_prefix("account="))
    }
}

impl Manifest {
    /// The file at this path.
    #[must_use]
    pub fn file(&self, path: &Path) -> Option<&ExportedFile> {
        self.files.iter().find(|file| Path::new(&file.path) == path)
    }

    /// The folders of the tables.
    pub(super) fn tables(&self) -> BTreeSet<&str> {
        let tables = self.files.iter().map(|file| file.path.split('/').next());
        tables.flatten().collect()
    }

    /// Takes the archive with its files in place of the one of the same account.
    pub(super) fn set_archive(&mut self, archive: ExportedArchive, files: Vec<ExportedFile>) {
        let account = archive.account.as_deref();
        self.archives.retain(|it| it.account.as_deref() != account);
        self.files.retain(|it| it.account() != account);
        self.files.extend(files);
        self.archives.push(archive);
        self.sort();
    }

    /// Takes the files of a table from another manifest.
    pub(super) fn set_table(&mut self, table: &str, from: &Self) {
        self.files.retain(|file| !file.is_in(table));
        let files = from.files.iter().filter(|file| file.is_in(table));
        self.files.extend(files.cloned());
        self.sort();
    }

    fn sort(&mut self) {
        self.format = FORMAT;
        self.archives
            .sort_by(|it, other| it.account.cmp(&other.account));
        self.files.sort_by(|it, other| it.path.cmp(&other.path));
    }

    /// Reads a manifest; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            outcome => at(path, outcome)?,
        };
        let name = path.display();
        let broken = |why: String| {
            let hint = "remove the whole folder, and export again";
            Error::refused(format!("cannot read {name}: {why}"), hint)
        };
        let unreadable = |error: serde_json::Error| broken(error.to_string());
        let manifest: serde_json::Value = serde_json::from_slice(&text).map_err(unreadable)?;
        // A newer archiver may write everything else in another way.
        if manifest["format"].as_u64() > Some(FORMAT) {
            let message = format!("a newer archiver wrote {name}");
            let hint = "use that version, or choose another folder";
            return Err(Error::refused(message, hint));
        }
        let manifest: Self = serde_json::from_value(manifest).map_err(unreadable)?;
        match manifest.files.iter().find(|file| !file.is_inside()) {
            Some(ExportedFile { path, .. }) => {
                Err(broken(format!("the path {path:?} leads out of the folder")))
            }
            None => Ok(Some(manifest)),
        }
    }
}

/// The contents of a folder, and the problems with them.
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
        let root = root.display();
        let message = format!("{root} holds no export: there is no _manifest.json");
        Error::refused(message, "`archiver export DIR` writes one")
    })
}

/// After a kill, each table is as one of two manifests says.
pub(super) fn checked(root: &Path) -> Result<Option<Checked>, Error> {
    let published = Manifest::read(&root.join(NAME))?;
    let pending = Manifest::read(&root.join(WORK).join(NAME))?;
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
    for rest in below(&root.join(table))?.0 {
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
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(false),
            _ => at(&path, Err(error)),
        },
        Ok(there) if !there.is_file() || there.len() != file.bytes => Ok(false),
        Ok(_) => {
            let mut hashed = Hashed::new(io::sink());
            let copy = |mut file| io::copy(&mut file, &mut hashed);
            at(&path, File::open(&path).and_then(copy))?;
            Ok(hashed.result() == (file.bytes, file.sha256.clone()))
        }
    }
}
