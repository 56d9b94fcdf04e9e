//! Encodes the last rows of a file in a thread of its own, while the rows of the next file are read.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::core::threads;
use crate::output::ParquetWriter;
use crate::output::lake::{self, Sink};

/// A file that has all its rows, and its path.
pub(super) type Filled = (PathBuf, ParquetWriter<Sink>);
/// The length and the hash of a file.
pub(super) type Written = Result<(u64, String), lake::Error>;

/// The thread, and what it has done.
pub(super) struct Finisher {
    work: Result<SyncSender<Filled>, Sender<Written>>,
    done: Receiver<Written>,
    written: VecDeque<(u64, String)>,
}

impl Finisher {
    pub(super) fn start() -> Self {
        // One file is encoded and one is read: more of them would only take memory.
        let (work, files) = sync_channel(0);
        let (results, done) = channel();
        let own = results.clone();
        let run = move || {
            for file in files {
                if results.send(finished(file)).is_err() {
                    break;
                }
            }
        };
        Self {
            // Where the system refuses threads, this one does the work.
            work: threads::spawn(run).map(|()| work).map_err(|_| own),
            done,
            written: VecDeque::new(),
        }
    }

    /// Takes a file. Waits while the one before is encoded.
    ///
    /// # Errors
    /// When an earlier file could not be written.
    pub(super) fn take(&mut self, file: Filled) -> Result<(), lake::Error> {
        while let Ok(written) = self.done.try_recv() {
            self.written.push_back(written?);
        }
        // What cannot be sent is missed by `next`.
        match &self.work {
            Ok(thread) => drop(thread.send(file)),
            Err(own) => drop(own.send(finished(file))),
        }
        Ok(())
    }

    /// The next file, in the order in which they were taken.
    pub(super) fn next(&mut self) -> Written {
        let ended = |_| lake::Error::File {
            path: PathBuf::from("the files"),
            source: io::Error::other("their thread has ended"),
        };
        match self.written.pop_front() {
            Some(written) => Ok(written),
            None => self.done.recv().map_err(ended)?,
        }
    }
}

fn finished((path, mut writer): Filled) -> Written {
    match writer.finish() {
        Ok(sink) => Ok(sink.written()),
        Err(source) => Err(lake::Error::File { path, source }),
    }
}
