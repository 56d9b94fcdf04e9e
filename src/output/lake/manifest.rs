//! `_manifest.json`: what an export wrote, and how far the archive was complete then.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, disk::at};

/// The version of the layout. A file of another version is written anew.
pub(super) const FORMAT: u32 = 1;

/// The name of the manifest; engines read no file whose name begins like this.
pub(super) const NAME: &str = "_manifest.json";

/// The part that a file belongs to: its table, or its table and account. `actions/account=web` for
/// `actions/account=web/month=2026-11-01/actions.parquet`. A part changes as a whole.
pub(super) fn part_of(path: &str) -> &str {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    match folder.rsplit_once('/') {
        Some((part, month)) if month.starts_with("month=") => part,
        _ => folder,
    }
}

/// All that a folder holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The hash of the rows in the archive. A file whose rows are the same is not written again.
    pub rows_sha256: String,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format: FORMAT,
            archives: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Manifest {
    /// The files of a part.
    pub(super) fn files_of<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a ExportedFile> {
        self.files
            .iter()
            .filter(move |file| part_of(&file.path) == part)
    }

    /// The file at this path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&ExportedFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Every part that has a file.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| part_of(&file.path))
    }

    /// Takes the archive in place of the one of the same account.
    pub(super) fn set_archive(&mut self, archive: ExportedArchive) {
        self.archives.retain(|it| it.account != archive.account);
        self.archives.push(archive);
        self.archives
            .sort_by(|one, other| one.account.cmp(&other.account));
    }

    /// Takes the files of a part in place of those that it had.
    pub(super) fn set_files(&mut self, part: &str, files: impl IntoIterator<Item = ExportedFile>) {
        self.files.retain(|file| part_of(&file.path) != part);
        self.files.extend(files);
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
    }

    /// Reads a manifest; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            outcome => at(path, outcome)?,
        };
        let manifest: Self = serde_json::from_str(&text).map_err(|source| Error::Manifest {
            path: path.to_owned(),
            source,
        })?;
        if manifest.format > FORMAT {
            return Err(Error::Newer {
                path: path.to_owned(),
            });
        }
        Ok(Some(manifest))
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|source| Error::Manifest {
                path: NAME.into(),
                source,
            })
    }
}
