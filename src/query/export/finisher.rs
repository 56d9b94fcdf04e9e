//! Encodes the last rows of a file in a thread of its own, while the rows of the next file are read.

use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use crate::core::threads;
use crate::output::ParquetWriter;
use crate::output::lake::{self, ExportedFile, Sink};

type Finished = Result<ExportedFile, lake::Error>;

/// One file at a time: more of them would only take memory.
#[derive(Default)]
pub(super) struct Finisher(Option<JoinHandle<Finished>>);

impl Finisher {
    /// Takes a file that has all its rows. The one before is then [finished](Self::last).
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn take(
        &mut self,
        mut file: ExportedFile,
        path: PathBuf,
        mut writer: ParquetWriter<Sink>,
    ) -> Result<(), lake::Error> {
        let name = path.clone();
        let work = move || match writer.finish() {
            Ok(sink) => {
                (file.bytes, file.sha256) = sink.written();
                Ok(file)
            }
            Err(source) => Err(lake::Error::File { path, source }),
        };
        let thread = thread::Builder::new().spawn(work);
        let thread = thread.map_err(|error| lake::Error::File {
            path: name,
            source: threads::refused(error),
        });
        self.0 = Some(thread?);
        Ok(())
    }

    /// Waits for the last file. `None` when there is none.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn last(&mut self) -> Result<Option<ExportedFile>, lake::Error> {
        let ended = |_| lake::Error::File {
            path: PathBuf::from("the files"),
            source: io::Error::other("their thread has ended"),
        };
        match self.0.take() {
            Some(thread) => thread.join().map_err(ended)?.map(Some),
            None => Ok(None),
        }
    }
}
