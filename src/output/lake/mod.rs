//! A folder of Parquet files that query engines read as tables: `actions/month=2026-11-01/actions.parquet` and so on.
//!
//! A *part* is the folder of a table, or of one account in it. A run writes the new files of a part below
//! `.archiver-export/new/`, and links the unchanged files to them. One system call then exchanges both folders. So a
//! reader, and the next run after a kill, finds the part as before or after, even when an action moves to another
//! month.
//!
//! `.archiver-export/_manifest.json` is there from before the first exchange until all are done. It says which parts
//! are new, and the next run goes on from there. `disk` has the steps, and `manifest` holds the list of files against the
//! folder.

mod disk;
mod manifest;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub use disk::{Error, Sink};
pub use manifest::{Checked, CompleteSync, ExportedArchive, ExportedFile, Manifest, check};

use crate::core::files::folder_of;
use disk::{Disk, Step, WORK, at, below, locked};

/// A manifest that is being written.
const UNFINISHED: &str = "manifest";

/// The changes of a run.
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
    lock: File,
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
        if !root.is_dir() {
            refuse_link(root)?;
            let folder = folder_of(root);
            // It is not made: a misspelt name would go unnoticed.
            if !folder.is_dir() {
                let (root, folder) = (root.display(), folder.display());
                let message = format!("cannot make {root}: there is no folder {folder}");
                let hint = "make it first, or choose another folder";
                return Err(Error::refused(message, hint));
            }
            disk.make_folder(root)?;
            disk.sync(folder)?;
        }
        let lock = locked(root, File::try_lock)?;
        refuse_foreign(root)?;
        refuse_link(&root.join(WORK))?;
        let mut lake = Self {
            root: root.to_owned(),
            disk,
            manifest: Manifest::default(),
            lock,
        };
        lake.recover()?;
        Ok(lake)
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The archive of this account, if one was exported.
    ///
    /// # Errors
    /// When the folder has accounts and there is no name, or the other way round.
    pub fn archive(&self, account: Option<&str>) -> Result<Option<&ExportedArchive>, Error> {
        let archives = &self.manifest.archives;
        let is_other = |first: &ExportedArchive| first.account.is_some() != account.is_some();
        if archives.first().is_some_and(is_other) {
            let there = account.map_or("with", |_| "without");
            let root = self.root.display();
            return Err(Error::refused(
                format!("{root} holds an archive {there} the name of an account, unlike this one"),
                "name this one with --as NAME if the others have names; if not, choose another folder",
            ));
        }
        Ok(archives.iter().find(|it| it.account.as_deref() == account))
    }

    /// The file at this path, if it has the bytes that were written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn intact(&self, path: &str) -> Result<Option<&ExportedFile>, Error> {
        match self.manifest.file(Path::new(path)) {
            Some(file) if manifest::is_as_written(&self.root, file)? => Ok(Some(file)),
            _ => Ok(None),
        }
    }

    /// Begins a new file, which takes its place with [`Lake::publish`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(&mut self, path: &str) -> Result<Sink, Error> {
        let staged = self.new_place(path);
        self.disk.make_folder(folder_of(&staged))?;
        let file = self.disk.step(&staged, File::create_new)?;
        Ok(Sink::new(Box::new(file)))
    }

    /// Puts the files of an archive in place, all of them. Does nothing when nothing changed.
    ///
    /// # Errors
    /// When the system refuses. Every part is then as before or after, and the next run goes on from there.
    pub fn publish(
        &mut self,
        archive: ExportedArchive,
        files: Vec<ExportedFile>,
    ) -> Result<Changes, Error> {
        let mut manifest = self.manifest.clone();
        manifest.set_archive(archive, files);
        let (written, _) = below(&self.new_place(""))?;
        let old = self.manifest.files.iter().map(|it| PathBuf::from(&it.path));
        let removed: Vec<_> = old.filter(|it| manifest.file(it).is_none()).collect();
        let changed = written.iter().chain(&removed);
        let parts: BTreeSet<_> = changed.map(|it| part_of(it).to_owned()).collect();
        let changes = Changes {
            written: written.len(),
            removed: removed.len(),
        };
        if parts.is_empty() && manifest == self.manifest {
            return Ok(changes);
        }
        self.commit(&manifest, &written, &parts)?;
        for part in &parts {
            self.swap(part)?;
        }
        let (pending, root) = (self.work().join(manifest::NAME), self.root.clone());
        self.disk.rename(&pending, &root.join(manifest::NAME))?;
        self.disk.sync(&root)?;
        self.clean()?;
        Ok(changes)
    }

    fn work(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Where the new version of a file or part is made.
    fn new_place(&self, path: impl AsRef<Path>) -> PathBuf {
        self.work().join("new").join(path)
    }

    /// Forces the new state to the disk, with its manifest last.
    fn commit(
        &mut self,
        manifest: &Manifest,
        written: &[PathBuf],
        parts: &BTreeSet<PathBuf>,
    ) -> Result<(), Error> {
        for path in written {
            self.disk.sync(&self.new_place(path))?;
        }
        for part in parts {
            refuse_link(&self.root.join(part))?;
            self.complete(part, manifest)?;
        }
        let work = self.work();
        self.disk.make_folder(&work)?;
        for folder in below(&work)?.1 {
            self.disk.sync(&folder)?;
        }
        self.disk.sync(&self.root)?;
        self.write_manifest(manifest, &work)
    }

    /// Gives the new version of a part what stays as it is: unchanged files, and what others put there.
    fn complete(&mut self, part: &Path, manifest: &Manifest) -> Result<(), Error> {
        for rest in below(&self.root.join(part))?.0 {
            let path = part.join(rest);
            let target = self.new_place(&path);
            // A copy of an old month would show its actions twice.
            let is_kept = !is_own(&path) || manifest.file(&path).is_some();
            if is_kept && fs::symlink_metadata(&target).is_err() {
                self.disk.make_folder(folder_of(&target))?;
                self.disk.link(&self.root.join(&path), &target)?;
            }
        }
        // The last file of a part may have gone.
        self.disk.make_folder(&self.new_place(part))
    }

    /// Puts the new version of a part in place, in one step where the file system can exchange folders.
    fn swap(&mut self, part: &Path) -> Result<(), Error> {
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

    fn write_manifest(&mut self, manifest: &Manifest, folder: &Path) -> Result<(), Error> {
        let unfinished = self.work().join(UNFINISHED);
        let path = folder.join(manifest::NAME);
        let text = at(
            &path,
            serde_json::to_vec_pretty(manifest).map_err(Into::into),
        )?;
        self.disk.remove_file(&unfinished)?;
        let mut file = self.disk.step(&unfinished, File::create_new)?;
        at(&unfinished, file.write_all(&text))?;
        self.disk.sync(&unfinished)?;
        self.disk.rename(&unfinished, &path)?;
        self.disk.sync(folder)
    }

    /// Says in the manifest what a killed run left, and removes its unfinished work.
    fn recover(&mut self) -> Result<(), Error> {
        let root = self.root.clone();
        if self.work().join(manifest::NAME).exists()
            && let Some(there) = manifest::checked(&root)?
        {
            self.write_manifest(&there.manifest, &root)?;
        }
        self.manifest = Manifest::read(&root.join(manifest::NAME))?.unwrap_or_default();
        self.clean()
    }

    /// Removes the unfinished work, and nothing that others made.
    fn clean(&mut self) -> Result<(), Error> {
        let (work, root) = (self.work(), self.root.clone());
        // The manifest goes first: it vouches for what is below `new`.
        for name in [manifest::NAME, UNFINISHED] {
            self.disk.remove_file(&work.join(name))?;
        }
        for place in ["new", "old"] {
            self.disk.clear(&work.join(place), &root, &is_own)?;
        }
        if work.exists() {
            let _ = self.disk.step(&work, fs::remove_dir);
        }
        Ok(())
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        // After a failure that left the folder as before, its room is free again. With the manifest of the new state on
        // the disk, the next run needs what is in [`WORK`].
        if !self.work().join(manifest::NAME).exists() {
            let _ = self.clean();
        }
        // A process that is being started has the file open too, for an instant, and would keep the lock.
        let _ = self.lock.unlock();
    }
}

/// The part that a file belongs to: `actions/account=web` for `actions/account=web/month=2026-11-01/actions.parquet`.
fn part_of(path: &Path) -> &Path {
    let folder = folder_of(path);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("month=") {
        folder_of(folder)
    } else {
        folder
    }
}

/// True for the path of a file that an export writes: `droplets/droplets.parquet`,
/// `actions/account=web/month=2026-11-01/actions.parquet`.
fn is_own(path: &Path) -> bool {
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    let is_key = |name: &str| name.starts_with("account=") || name.starts_with("month=");
    matches!(&names[..], [table, keys @ .., file]
        if *file == format!("{table}.parquet") && keys.iter().all(|key| is_key(key)))
}

/// Refuses a link or file in the place of a folder of ours: what is behind a link belongs to somebody else.
fn refuse_link(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_dir() => at(path, Err(io::ErrorKind::NotADirectory.into())),
        _ => Ok(()),
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
            let (root, name) = (root.display(), name.display());
            let message = format!(
                "{root} is not the folder of an export: it holds {name}, but no _manifest.json"
            );
            let hint = "choose an empty folder, or one that does not exist yet";
            return Err(Error::refused(message, hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
