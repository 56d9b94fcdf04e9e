//! Imports the actions of a file: a dump, saved answers of the API, JSON lines, or another archive.
//!
//! A [`Dump`] is read by a thread of its own, which finds out from the contents what the file is. [`Dump::import`]
//! archives the rows in batches, one transaction each. The archive is not needed, and not touched, before a file has
//! shown its first action.
//!
//! The files: `source` hashes and unpacks the bytes, `splitter` finds the rows in them, `reader` decodes the rows.

mod reader;
mod source;
mod splitter;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

pub use reader::RefusedRow;
pub use source::{Contents, contents};

use crate::archive::{self, LockWait, OtherArchive, Recorded, Store};
use crate::archive::{Import, ImportEnd, ImportKind};
use crate::core::cancellation::Cancellation;
use crate::core::threads;
use crate::core::time::Timestamp;
use reader::{Message, Rows};

/// The batches that wait to be archived while the next one is read.
const WAITING: usize = 2;
/// The time after which a wait for rows looks for a request to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A file that has an action, or an empty list of actions.
pub struct Dump {
    path: String,
    kind: ImportKind,
    first: Option<Rows>,
    rows: Receiver<Message>,
    read: Arc<AtomicU64>,
    length: Option<u64>,
}

/// The reason why a file cannot be imported. Nothing of it was archived.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The failure.
        source: io::Error,
    },
    /// The file has no action.
    #[error("{path} is not a dump of actions: {reason}")]
    NotADump {
        /// The file.
        path: String,
        /// The first problem.
        reason: String,
    },
    /// The archive belongs to another team or person.
    #[error("{path} is not imported: {reason}")]
    OtherAccount {
        /// The other archive.
        path: String,
        /// The two accounts.
        reason: String,
    },
    /// The other archive cannot be used.
    #[error(transparent)]
    Archive(archive::Error),
    /// A signal came before the first action.
    #[error("stopped before an action of {path} was read; nothing of it was imported")]
    Stopped {
        /// The file.
        path: String,
    },
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The file.
    pub path: String,
    /// The form of the file.
    pub kind: ImportKind,
    /// The SHA-256 of the file, when it was read to its end.
    pub sha256: Option<String>,
    /// The rows that were read.
    pub rows_read: u64,
    /// The result of archiving the actions.
    pub recorded: Recorded,
    /// The number of rows that are no actions.
    pub refused: u64,
    /// The reason why the file was not read to its end.
    pub broken: Option<String>,
    /// True when a signal stopped the import.
    pub is_stopped: bool,
}

impl Imported {
    /// What is missing of the file, in words; `None` when all of it was imported.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let refused = match self.refused {
            0 => None,
            1 => Some("1 row is not an action".to_owned()),
            count => Some(format!("{count} rows are not actions")),
        };
        let parts: Vec<String> = self.broken.iter().cloned().chain(refused).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// An event on the way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A row is not an action. Only the first ones of a file are described.
    Refused(&'a RefusedRow),
    /// Rows were archived.
    Archived {
        /// The bytes of the file that were read.
        bytes: u64,
        /// The length of the file, if it is known.
        length: Option<u64>,
        /// The rows that were read.
        rows: u64,
    },
}

impl Dump {
    /// Opens a file, or stdin for `-`, and reads it until its first action.
    ///
    /// # Errors
    /// When it cannot be read, or has no action.
    pub fn open(path: &Path, cancellation: &Cancellation) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed = |source| Error::Read {
            path: name.clone(),
            source,
        };
        if name == "-" {
            return Self::start(name, None, io::stdin(), cancellation);
        }
        let file = source::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let length = metadata.is_file().then_some(metadata.len());
        Self::start(name, length, file, cancellation)
    }

    fn start(
        path: String,
        length: Option<u64>,
        file: impl Read + Send + 'static,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        let (sender, rows) = sync_channel(WAITING);
        let read = Arc::new(AtomicU64::new(0));
        let bytes = Arc::clone(&read);
        let work = move || reader::read(file, bytes, &sender);
        if let Err(source) = threads::spawn(work) {
            return Err(Error::Read { path, source });
        }
        match next(&rows, cancellation) {
            Some(Message::Rows(first)) => Ok(Self {
                path,
                kind: first.kind.unwrap_or(ImportKind::List),
                first: Some(first),
                rows,
                read,
                length,
            }),
            Some(Message::NotADump(reason)) => Err(Error::NotADump { path, reason }),
            Some(Message::End(_)) | None => Err(Error::Stopped { path }),
        }
    }

    /// Archives the actions of the file. A request to stop leaves whole transactions.
    ///
    /// # Errors
    /// When the archive cannot be written. What was archived before is kept.
    pub fn import(
        mut self,
        store: &mut Store,
        clock: fn() -> Timestamp,
        cancellation: &Cancellation,
        on_event: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Imported, archive::Error> {
        let mut import = Import::new(self.path.clone(), self.kind, clock());
        let end = loop {
            let message = match self.first.take() {
                Some(first) => Some(Message::Rows(first)),
                None => next(&self.rows, cancellation),
            };
            let rows = match message {
                Some(Message::Rows(rows)) => rows,
                Some(Message::End(end)) => break Some(end),
                Some(Message::NotADump(reason)) => break Some(Err(reason)),
                None => break None,
            };
            self.archive(rows, store, &mut import, on_event)?;
            store.expect_new_actions(self.expected(&import))?;
        };
        let imported = imported(self.path, self.kind, &import, end);
        finish(store, &import, &imported, clock())?;
        Ok(imported)
    }

    fn archive(
        &self,
        rows: Rows,
        store: &mut Store,
        import: &mut Import,
        on_event: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), archive::Error> {
        for row in &rows.described {
            on_event(&Event::Refused(row));
        }
        import.rows_read += rows.actions.len() as u64 + rows.refused;
        import.refused += rows.refused;
        store.record_import(import, &rows.actions)?;
        on_event(&Event::Archived {
            bytes: self.read.load(Ordering::Relaxed),
            length: self.length,
            rows: import.rows_read,
        });
        Ok(())
    }

    /// The number of new actions in the file, judged by those so far. A file of unknown length may be as long again.
    fn expected(&self, import: &Import) -> u64 {
        let read = self.read.load(Ordering::Relaxed).max(1);
        let length = self.length.unwrap_or(0).max(read.saturating_mul(2));
        let inserted = u128::from(import.recorded.inserted);
        let expected = inserted * u128::from(length) / u128::from(read);
        u64::try_from(expected).unwrap_or(u64::MAX)
    }
}

/// Another archive.
pub struct Archive {
    path: String,
    other: OtherArchive,
    sha256: String,
}

impl Archive {
    /// Opens another archive.
    ///
    /// # Errors
    /// When it is foreign, newer, too old or damaged.
    pub fn open(path: &Path, lock_wait: &LockWait) -> Result<Self, Error> {
        let name = path.display().to_string();
        let sha256 = source::sha256(path).map_err(|source| Error::Read {
            path: name.clone(),
            source,
        })?;
        Ok(Self {
            path: name,
            other: OtherArchive::open(path, lock_wait).map_err(Error::Archive)?,
            sha256,
        })
    }

    /// Archives the actions of the other archive, and what it knows about droplets and regions that are unknown here. A
    /// request to stop leaves whole transactions. The inner error is about the other archive.
    ///
    /// # Errors
    /// When an archive cannot be read or written. What was archived before is kept.
    pub fn import(
        mut self,
        store: &mut Store,
        clock: fn() -> Timestamp,
        cancellation: &Cancellation,
        on_event: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Result<Imported, Error>, archive::Error> {
        if let Some(reason) = store.conflict_with(&self.other)? {
            let path = self.path;
            return Ok(Err(Error::OtherAccount { path, reason }));
        }
        let mut import = Import::new(self.path.clone(), ImportKind::Archive, clock());
        let length = self.other.count()?;
        store.copy_before_actions(&self.other)?;
        store.expect_new_actions(length)?;
        while !cancellation.is_requested() {
            let actions = self.other.next_actions()?;
            if actions.is_empty() {
                store.copy_after_actions(&self.other)?;
                break;
            }
            import.rows_read += actions.len() as u64;
            store.record_import(&mut import, &actions)?;
            on_event(&Event::Archived {
                bytes: import.rows_read,
                length: Some(length),
                rows: import.rows_read,
            });
        }
        let end = (!cancellation.is_requested()).then_some(Ok(self.sha256));
        let imported = imported(self.path, ImportKind::Archive, &import, end);
        finish(store, &import, &imported, clock())?;
        Ok(Ok(imported))
    }
}

/// Notes the end of an import.
fn finish(
    store: &mut Store,
    import: &Import,
    imported: &Imported,
    now: Timestamp,
) -> Result<(), archive::Error> {
    let end = ImportEnd {
        sha256: imported.sha256.clone(),
        message: imported.message(),
    };
    store.finish_import(import, &end, now)
}

/// The result of an import. `end` is missing when a signal came.
fn imported(
    path: String,
    kind: ImportKind,
    import: &Import,
    end: Option<Result<String, String>>,
) -> Imported {
    let is_stopped = end.is_none();
    let (sha256, broken) = match end {
        Some(Ok(sha256)) => (Some(sha256), None),
        Some(Err(broken)) => {
            let rows = import.rows_read;
            (None, Some(format!("{broken}, after {rows} rows")))
        }
        None => (None, Some("the import was told to stop".to_owned())),
    };
    Imported {
        path,
        kind,
        sha256,
        rows_read: import.rows_read,
        recorded: import.recorded,
        refused: import.refused,
        broken,
        is_stopped,
    }
}

/// The next message; `None` after a request to stop, or when the reading thread is gone.
fn next(rows: &Receiver<Message>, cancellation: &Cancellation) -> Option<Message> {
    while !cancellation.is_requested() {
        match rows.recv_timeout(LOOK_EVERY) {
            Ok(message) => return Some(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}
