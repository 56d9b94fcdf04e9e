//! Imports the actions of a file: a dump, saved answers of the API, JSON lines, or another archive.
//!
//! The contents tell what a [`Dump`] is. A text is read by a thread of its own. [`Dump::import`] archives the rows in
//! batches, one transaction each. The archive is not needed, and not touched, before a file has shown its first action.
//!
//! The files: `reader` unpacks and hashes the bytes, and decodes the rows that `splitter` finds in them.

mod reader;
mod splitter;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

pub use reader::MOST_DESCRIBED;

use crate::archive::{self, LockWait, OtherArchive, Store};
use crate::archive::{Import, ImportKind};
use crate::core::cancellation::Cancellation;
use crate::core::files::Hashed;
use crate::core::model::Action;
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
    contents: Contents,
    first: Rows,
    /// The bytes of a text that were read, or the actions of another archive.
    read: Arc<AtomicU64>,
    /// The value of `read` at the end; 0 if it is not known.
    length: u64,
}

enum Contents {
    Text(Receiver<Message>),
    Archive(Box<OtherArchive>, String),
}

/// The reason why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, has no action, or has those of another account. The text names the file.
    #[error("{0}")]
    Refused(String),
    /// The file is an archive that cannot be used.
    #[error(transparent)]
    Unusable(archive::Error),
    /// A signal came before the first action.
    #[error("stopped before an action of {0} was read; nothing of it was imported")]
    Stopped(String),
    /// The archive that the actions go to cannot be written. What was archived before is kept.
    #[error(transparent)]
    Write(archive::Error),
}

impl Error {
    fn unreadable(path: &str, error: &io::Error) -> Self {
        Self::Refused(format!("cannot read {path}: {error}"))
    }
}

/// The progress of an import.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The part of the file that was read: bytes, or actions of another archive.
    pub read: u64,
    /// The whole file; 0 if its length is not known.
    pub length: u64,
    /// The rows that were read.
    pub rows: u64,
    /// The lines of new rows that are no actions, with the reasons. Only the first [`MOST_DESCRIBED`] ones of a file are
    /// described.
    pub refused: &'a [String],
}

impl Dump {
    /// Opens a file, or stdin for `-`, and reads it until its first action.
    ///
    /// # Errors
    /// When it cannot be read, or has no action.
    pub fn open(
        path: &Path,
        lock_wait: &LockWait,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        let name = path.display().to_string();
        if name == "-" {
            return Self::text(name, 0, io::stdin(), cancellation);
        }
        let failed = |error| Error::unreadable(&name, &error);
        // Waits for the writer of a pipe.
        let mut file = File::open(path).map_err(failed)?;
        if reader::is_database(&mut file).map_err(failed)? {
            // Not for an archive that this process has open: closing the file drops all locks on it.
            let mut file = Hashed::new(file);
            io::copy(&mut file, &mut io::sink()).map_err(failed)?;
            let other = OtherArchive::open(path, lock_wait).map_err(Error::Unusable)?;
            return Self::archive(name, other, file.result().1);
        }
        // 0 for a pipe.
        let length = file.metadata().map_err(failed)?.len();
        Self::text(name, length, file, cancellation)
    }

    fn text(
        path: String,
        length: u64,
        file: impl Read + Send + 'static,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        let (sender, messages) = sync_channel(WAITING);
        let file = Hashed::new(file);
        let read = file.counter();
        threads::spawn(move || reader::read(file, &sender))
            .map_err(|error| Error::unreadable(&path, &error))?;
        match next(&messages, cancellation) {
            Some(Message::Rows(first)) => Ok(Self {
                path,
                contents: Contents::Text(messages),
                first,
                read,
                length,
            }),
            Some(Message::End { broken, .. }) => Err(Error::Refused(format!(
                "{path} is not a dump of actions: {}",
                broken.unwrap_or_default()
            ))),
            None => Err(Error::Stopped(path)),
        }
    }

    fn archive(path: String, mut other: OtherArchive, sha256: String) -> Result<Self, Error> {
        Ok(Self {
            path,
            first: rows_of(other.next_actions().map_err(Error::Unusable)?),
            length: other.count(),
            read: Arc::default(),
            contents: Contents::Archive(Box::new(other), sha256),
        })
    }

    /// Archives the actions of the file, and what another archive knows about droplets and regions that are unknown
    /// here. A request to stop leaves whole transactions. Also returns whether it came to its end.
    ///
    /// # Errors
    /// When it belongs to another account, or the archive cannot be written.
    pub fn import(
        mut self,
        store: &mut Store,
        clock: fn() -> Timestamp,
        cancellation: &Cancellation,
        on_progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<(Import, bool), Error> {
        if let Contents::Archive(other, _) = &self.contents
            && let Some(reason) = store.share_account(other).map_err(Error::Write)?
        {
            let path = self.path;
            return Err(Error::Refused(format!("{path} is not imported: {reason}")));
        }
        let rows = std::mem::take(&mut self.first);
        let mut import = Import::new(self.path.clone(), rows.kind, clock());
        let mut message = Some(Message::Rows(rows));
        while let Some(Message::Rows(rows)) = message {
            let recorded = self.record(rows, store, &mut import, on_progress);
            recorded.map_err(Error::Write)?;
            message = self.next(cancellation, store);
        }
        let mut missing = Vec::new();
        let is_stopped = message.is_none();
        match message {
            Some(Message::End { sha256, broken }) => {
                import.sha256 = sha256;
                missing.extend(broken);
            }
            _ => missing.push("the import was told to stop".to_owned()),
        }
        match import.refused {
            0 => {}
            1 => missing.push("1 row is not an action".to_owned()),
            count => missing.push(format!("{count} rows are not actions")),
        }
        import.message = (!missing.is_empty()).then(|| missing.join("; "));
        let finished = store.finish_import(&mut import, clock());
        finished.map_err(Error::Write)?;
        Ok((import, !is_stopped))
    }

    /// The next message; `None` after a request to stop.
    fn next(&mut self, cancellation: &Cancellation, store: &mut Store) -> Option<Message> {
        let (other, sha256) = match &mut self.contents {
            Contents::Text(messages) => return next(messages, cancellation),
            Contents::Archive(..) if cancellation.is_requested() => return None,
            Contents::Archive(other, sha256) => (other, sha256),
        };
        let broken = match other.next_actions() {
            Ok(actions) if actions.is_empty() => store.copy_beside_actions(other).err(),
            Ok(actions) => return Some(Message::Rows(rows_of(actions))),
            Err(error) => Some(error),
        };
        Some(Message::End {
            sha256: Some(std::mem::take(sha256)),
            broken: broken.map(|error| error.to_string()),
        })
    }

    fn record(
        &self,
        rows: Rows,
        store: &mut Store,
        import: &mut Import,
        on_progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<(), archive::Error> {
        let actions = rows.actions.len() as u64;
        if let Contents::Archive(..) = self.contents {
            self.read.fetch_add(actions, Ordering::Relaxed);
        }
        import.rows_read += actions + rows.refused;
        import.refused += rows.refused;
        store.record_import(import, &rows.actions)?;
        on_progress(&Progress {
            read: self.read.load(Ordering::Relaxed),
            length: self.length,
            rows: import.rows_read,
            refused: &rows.described,
        });
        store.expect_new_actions(self.expected(import))
    }

    /// The number of new actions in the file, judged by those so far. A file of unknown length may be as long again.
    fn expected(&self, import: &Import) -> u64 {
        let read = self.read.load(Ordering::Relaxed).max(1);
        let length = self.length.max(read.saturating_mul(2));
        let inserted = u128::from(import.recorded.inserted);
        let expected = inserted * u128::from(length) / u128::from(read);
        u64::try_from(expected).unwrap_or(u64::MAX)
    }
}

/// Actions of another archive.
fn rows_of(actions: Vec<Action>) -> Rows {
    Rows {
        kind: ImportKind::Archive,
        actions,
        ..Rows::default()
    }
}

/// The next message; `None` after a request to stop, or when the reading thread is gone.
fn next(messages: &Receiver<Message>, cancellation: &Cancellation) -> Option<Message> {
    while !cancellation.is_requested() {
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(message) => return Some(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}
