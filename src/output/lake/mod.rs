//! A folder of Parquet files that query engines read as tables: `actions/month=2026-11-01/actions.parquet` and so on.
//!
//! A *part* is the folder of a table, or of one account in it. A run writes the new files of a part below
//! `.archiver-export/new/`, and links the unchanged files to them. One system call then exchanges both folders. So a
//! reader, and the next run after a kill, finds the part as before or after, even when an action moves to another
//! month.
//!
//! `.archiver-export/_manifest.json` is there from before the first exchange until all are done. It says which parts
//! are new, and the next run goes on from there. `disk` has the steps, `manifest` the list of files, and `check`
//! compares both.

mod check;
mod disk;
mod error;
mod manifest;
mod sink;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use check::{Checked, check};
pub use error::Error;
pub use manifest::{CompleteSync, ExportedArchive, ExportedFile, Manifest};
pub use sink::{Sink, hexadecimal};

use crate::core::files::folder_of;
use disk::{Disk, Step, at, files_below, folders_below};

/// The folder of unfinished work. Engines read nothing below a name that begins like this.
const WORK: &str = ".archiver-export";
/// A manifest that is being written.
const UNFINISHED: &str = "manifest";

/// What a run changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that were written.
    pub written: usize,
    /// Files that went.
    pub removed: usize,
}

/// A folder that this process alone writes to, until it is dropped.
pub struct Lake {
    root: PathBuf,
    disk: Disk,
    manifest: Manifest,
    /// The new files that are not forced to the disk yet.
    unsynced: Vec<PathBuf>,
    /// True once the manifest of the new state is on the disk: then the next run needs what is in [`WORK`].
    is_committed: bool,
    _lock: File,
}

impl Lake {
    /// Opens the folder, or makes it, and ends what a killed run began.
    ///
    /// # Errors
    /// When it holds something that no export wrote, when another run works there, or when the system refuses.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let step: Step = Box::new(|| Ok(()));
        let exchanges = true;
        Self::open_on(Disk { step, exchanges }, root)
    }

    fn open_on(mut disk: Disk, root: &Path) -> Result<Self, Error> {
        if !root.exists() {
            let folder = folder_of(root);
            if !folder.is_dir() {
                return Err(Error::NoFolder {
                    path: root.to_owned(),
                    folder: folder.to_owned(),
                });
            }
            disk.make_folder(root)?;
            disk.sync(folder)?;
        }
        let lock = at(root, File::open(root))?;
        refuse_if_held(root, lock.try_lock())?;
        refuse_foreign(root)?;
        let mut lake = Self {
            root: root.to_owned(),
            disk,
            manifest: Manifest::default(),
            unsynced: Vec::new(),
            is_committed: true,
            _lock: lock,
        };
        lake.recover()?;
        lake.is_committed = false;
        Ok(lake)
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What the folder holds.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The archive of this account, if one was exported.
    ///
    /// # Errors
    /// When the folder has accounts and there is no name, or the other way round.
    pub fn archive(&self, account: Option<&str>) -> Result<Option<&ExportedArchive>, Error> {
        let archives = &self.manifest.archives;
        match archives.first() {
            Some(first) if first.account.is_some() != account.is_some() => Err(Error::Accounts {
                path: self.root.clone(),
                has_accounts: first.account.is_some(),
            }),
            _ => Ok(archives.iter().find(|it| it.account.as_deref() == account)),
        }
    }

    /// The file at this path, if it is there as it was written.
    #[must_use]
    pub fn intact(&self, path: &str) -> Option<&ExportedFile> {
        let file = self.manifest.file(path)?;
        let there = fs::symlink_metadata(self.root.join(path)).ok()?;
        (there.is_file() && there.len() == file.bytes).then_some(file)
    }

    /// Begins a new file, which takes its place with [`Lake::publish`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(&mut self, path: &str) -> Result<Sink, Error> {
        let staged = self.new_place(path);
        self.disk.make_folder(folder_of(&staged))?;
        let file = self.disk.create(&staged)?;
        self.unsynced.push(staged);
        Ok(Sink::new(file))
    }

    /// Takes back a file of [`Lake::create`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn discard(&mut self, path: &str) -> Result<(), Error> {
        let staged = self.new_place(path);
        self.unsynced.retain(|it| *it != staged);
        match staged.exists() {
            true => self.disk.remove_file(&staged),
            false => Ok(()),
        }
    }

    /// Puts the parts of an archive in place: each with all its files. Does nothing when nothing changed.
    ///
    /// # Errors
    /// When the system refuses. Every part is then as before or after, and the next run goes on from there.
    pub fn publish(
        &mut self,
        archive: ExportedArchive,
        parts: Vec<(String, Vec<ExportedFile>)>,
    ) -> Result<Changes, Error> {
        let mut manifest = self.manifest.clone();
        manifest.set_archive(archive);
        let mut changed = Vec::new();
        for (part, files) in parts {
            manifest.set_files(&part, files);
            if self.is_changed(&part, &manifest)? {
                changed.push(part);
            }
        }
        if changed.is_empty() && manifest == self.manifest {
            return Ok(Changes::default());
        }
        let changes = self.changes(&changed, &manifest)?;
        for part in &changed {
            self.complete(part, &manifest)?;
        }
        self.commit(&manifest)?;
        for part in &changed {
            self.swap(part)?;
        }
        self.finish(manifest)?;
        Ok(changes)
    }

    fn work(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Where the new version of a file or part is made.
    fn new_place(&self, path: &str) -> PathBuf {
        self.work().join("new").join(path)
    }

    fn is_changed(&self, part: &str, manifest: &Manifest) -> Result<bool, Error> {
        if !files_below(&self.new_place(part))?.is_empty()
            || !manifest.files_of(part).eq(self.manifest.files_of(part))
        {
            return Ok(true);
        }
        // A file of ours that nobody knows of, such as a copy of an old month, would make its actions appear twice.
        let is_stray = |rest: &PathBuf| {
            let path = Path::new(part).join(rest);
            is_own(&path)
                && path
                    .to_str()
                    .is_none_or(|path| manifest.file(path).is_none())
        };
        Ok(files_below(&self.root.join(part))?.iter().any(is_stray))
    }

    fn changes(&self, changed: &[String], manifest: &Manifest) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for part in changed {
            changes.written += files_below(&self.new_place(part))?.len();
            let old = self.manifest.files_of(part);
            changes.removed += old.filter(|it| manifest.file(&it.path).is_none()).count();
        }
        Ok(changes)
    }

    /// Gives the new version of a part what stays as it is: unchanged files, and what others put there.
    fn complete(&mut self, part: &str, manifest: &Manifest) -> Result<(), Error> {
        let (old, new) = (self.root.join(part), self.new_place(part));
        self.disk.make_folder(&new)?;
        let is_kept = |rest: &Path| {
            let path = Path::new(part).join(rest);
            !is_own(&path)
                || path
                    .to_str()
                    .is_some_and(|path| manifest.file(path).is_some())
        };
        for rest in files_below(&old)? {
            let target = new.join(&rest);
            if is_kept(&rest) && fs::symlink_metadata(&target).is_err() {
                if let Some(folder) = target.parent() {
                    self.disk.make_folder(folder)?;
                }
                self.disk.link(&old.join(rest), &target)?;
            }
        }
        Ok(())
    }

    /// Forces the new state to the disk, with its manifest last. From here on, the next run ends what this one began.
    fn commit(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let work = self.work();
        self.disk.make_folder(&work)?;
        let files = std::mem::take(&mut self.unsynced);
        self.disk.sync_all(&files)?;
        self.disk.sync_all(&folders_below(&work)?)?;
        self.disk.sync(&self.root)?;
        self.write_manifest(manifest, &work)?;
        self.is_committed = true;
        Ok(())
    }

    /// Puts the new version of a part in place, in one step where the file system can exchange folders.
    fn swap(&mut self, part: &str) -> Result<(), Error> {
        let (old, new) = (self.root.join(part), self.new_place(part));
        let folder = folder_of(&old).to_owned();
        self.disk.make_folder(&folder)?;
        if fs::symlink_metadata(&old).is_err() {
            self.disk.rename(&new, &old)?;
        } else if !self.disk.exchange(&new, &old)? {
            let aside = self.work().join("old").join(part);
            self.disk.make_folder(folder_of(&aside))?;
            self.disk.rename(&old, &aside)?;
            self.disk.rename(&new, &old)?;
        }
        self.disk.sync(&folder)
    }

    /// Puts the manifest in place, and removes what is left of the old state.
    fn finish(&mut self, manifest: Manifest) -> Result<(), Error> {
        let (work, root) = (self.work(), self.root.clone());
        self.disk
            .rename(&work.join(manifest::NAME), &root.join(manifest::NAME))?;
        self.disk.sync(&root)?;
        self.manifest = manifest;
        self.clean()
    }

    fn write_manifest(&mut self, manifest: &Manifest, folder: &Path) -> Result<(), Error> {
        let unfinished = self.work().join(UNFINISHED);
        if unfinished.exists() {
            self.disk.remove_file(&unfinished)?;
        }
        let mut file = self.disk.create(&unfinished)?;
        at(&unfinished, file.write_all(manifest.text()?.as_bytes()))?;
        self.disk.sync(&unfinished)?;
        self.disk
            .rename(&unfinished, &folder.join(manifest::NAME))?;
        self.disk.sync(folder)
    }

    /// Ends what a killed run began: the parts that it put in place are new, the others are as before.
    fn recover(&mut self) -> Result<(), Error> {
        let (work, root) = (self.work(), self.root.clone());
        let published = Manifest::read(&root.join(manifest::NAME))?;
        let pending = work.join(manifest::NAME);
        if let Some(new) = Manifest::read(&pending)? {
            let parts: BTreeSet<_> = new.parts().map(str::to_owned).collect();
            for part in parts {
                // A part that is new, or a kill between the two renames of `swap`.
                let is_missing = fs::symlink_metadata(root.join(&part)).is_err();
                if is_missing && self.new_place(&part).is_dir() {
                    self.swap(&part)?;
                }
            }
        }
        let current = check::current(&root)?;
        if let Some(current) = current.as_ref().filter(|it| published.as_ref() != Some(it)) {
            self.write_manifest(current, &root)?;
        }
        self.manifest = current.unwrap_or_default();
        self.clean()
    }

    /// Removes the unfinished work, and nothing that others made.
    fn clean(&mut self) -> Result<(), Error> {
        let (work, root) = (self.work(), self.root.clone());
        // The manifest goes first: it vouches for what is below `new`.
        for name in [manifest::NAME, UNFINISHED] {
            if work.join(name).exists() {
                self.disk.remove_file(&work.join(name))?;
            }
        }
        for place in ["new", "old"] {
            self.disk.clear(&work.join(place), &root, &is_own)?;
        }
        if work.exists() {
            self.disk.remove_folder(&work)?;
        }
        self.is_committed = false;
        Ok(())
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        // After a failure that left the folder as before, its room is free again. Otherwise the next run cleans up.
        if !self.is_committed {
            let _ = self.clean();
        }
    }
}

/// True for the path of a file that an export writes: `droplets/droplets.parquet`,
/// `actions/account=web/month=2026-11-01/actions.parquet`.
fn is_own(path: &Path) -> bool {
    let names: Option<Vec<_>> = path.iter().map(|name| name.to_str()).collect();
    match names.as_deref() {
        Some([table, keys @ .., file]) => {
            file.strip_suffix(".parquet") == Some(table)
                && keys
                    .iter()
                    .all(|key| key.starts_with("account=") || key.starts_with("month="))
        }
        _ => false,
    }
}

fn refuse_if_held(root: &Path, attempt: Result<(), TryLockError>) -> Result<(), Error> {
    match attempt {
        Err(TryLockError::WouldBlock) => Err(Error::Busy {
            path: root.to_owned(),
        }),
        // Not every file system has locks for folders.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Refuses a folder with something in it that has no manifest. A volume of its own has a `lost+found`.
fn refuse_foreign(root: &Path) -> Result<(), Error> {
    if root.join(manifest::NAME).exists() || root.join(WORK).exists() {
        return Ok(());
    }
    for entry in at(root, fs::read_dir(root))? {
        let name = at(root, entry)?.file_name();
        if name != "lost+found" {
            return Err(Error::Foreign {
                path: root.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
