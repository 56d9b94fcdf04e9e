//! Exports the archive as Parquet files for query engines: all tables as they are at one moment.
//!
//! An action is in the file of the month in which it started. Each file has a hash of its rows in the archive, so a
//! second export encodes only the months whose rows differ. Rows are read through the index of start times and passed
//! on one by one, so memory does not grow with the archive.

mod finisher;
mod reader;
mod tables;

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::rows::RowsError;
use crate::archive;
use crate::core::cancellation::Cancellation;
use crate::output::lake::{self, Changes, CompleteSync, ExportedArchive, ExportedFile, Lake, Sink};
use crate::output::{ParquetWriter, Value};
use finisher::Finisher;
use reader::{Reader, Tally};
use tables::{ACTIONS, OTHERS, Table};

/// The month of the actions whose start is not known. Every engine reads it as a date and keeps it.
const NO_MONTH: &str = "1970-01-01";

/// An archive that cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be read.
    #[error(transparent)]
    Query(#[from] super::Error),
    /// The archive does not say whose it is.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] lake::Error),
    /// The folder holds the history of somebody else.
    #[error("{} holds another history: {conflict}", folder.display())]
    Other {
        /// The folder.
        folder: PathBuf,
        /// The difference.
        conflict: String,
    },
    /// A signal stopped the export.
    #[error("the export was stopped; the folder is as before")]
    Stopped,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Query(error.into())
    }
}

/// What an export did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exported {
    /// The number of actions in the archive.
    pub actions: u64,
    /// The files that changed.
    pub changes: Changes,
    /// The number of texts in the place of a time that are none. They are null in the files.
    pub no_times: u64,
}

/// The archive to export.
pub struct Source<'a> {
    /// Open for reading only.
    pub connection: &'a Connection,
    /// The name of the account: `account=NAME` is above the files of each table. `None` for a folder of one archive.
    pub account: Option<&'a str>,
    /// False when actions are missing in the archive.
    pub is_complete: bool,
}

/// Exports an archive to a folder, which then shows it as it was at one moment.
///
/// # Errors
/// When the folder is not one of an export, holds another history, or cannot be written, or when the archive cannot be
/// read. The folder then shows what it did before.
pub fn export(
    source: &Source<'_>,
    folder: &Path,
    cancellation: &Cancellation,
) -> Result<Exported, Error> {
    // The folder comes first: nobody can then put something newer into it than what is read.
    let lake = Lake::open(folder)?;
    let tx = source.connection.unchecked_transaction()?;
    let archive = exported_archive(source)?;
    refuse_other(&archive, &lake, folder)?;
    let account = |name| format!("/account={name}");
    let mut export = Export {
        reader: Reader {
            connection: &tx,
            cancellation,
        },
        account: source.account.map_or(String::new(), account),
        lake,
        finisher: Finisher::start(),
        no_times: 0,
    };
    let parts = export.parts()?;
    let (_, actions) = &parts[0];
    let actions = actions.iter().map(|file| file.rows).sum();
    let Export {
        mut lake, no_times, ..
    } = export;
    // Nothing more is read, so a sync need not wait for the disk.
    drop(tx);
    Ok(Exported {
        actions,
        no_times,
        changes: lake.publish(archive, parts)?,
    })
}

/// The last complete sync.
const COMPLETE: &str = "
SELECT id, started_at
  FROM sync_runs
 WHERE outcome = 'complete'
 ORDER BY id DESC
 LIMIT 1";

fn exported_archive(source: &Source<'_>) -> Result<ExportedArchive, Error> {
    let owner = archive::account(source.connection)?.unwrap_or_default();
    let complete_up_to = source.connection.query_row(COMPLETE, [], |row| {
        Ok(CompleteSync {
            sync_run: row.get("id")?,
            started_at: row.get("started_at")?,
        })
    });
    Ok(ExportedArchive {
        account: source.account.map(str::to_owned),
        team_uuid: owner.team_uuid,
        uuid: owner.uuid,
        complete_up_to: complete_up_to.optional()?,
        is_complete: source.is_complete,
    })
}

fn refuse_other(new: &ExportedArchive, lake: &Lake, folder: &Path) -> Result<(), Error> {
    let owner = |it: &ExportedArchive| archive::ArchivedAccount {
        team_uuid: it.team_uuid.clone(),
        uuid: it.uuid.clone(),
        ..archive::ArchivedAccount::default()
    };
    let there = lake.archive(new.account.as_deref())?;
    match there.and_then(|it| owner(new).conflict_with(&owner(it))) {
        Some(conflict) => Err(Error::Other {
            folder: folder.to_owned(),
            conflict,
        }),
        None => Ok(()),
    }
}

/// The rows of one file.
enum Chosen {
    All,
    /// The actions that started from this day on, until before the other.
    Started(String, String),
    /// The actions with these ids.
    Ids(Vec<i64>),
}

/// A file of a table, before it is known whether it changed.
struct File<'a> {
    table: &'a Table,
    path: String,
    rows: Chosen,
}

type Part = (String, Vec<ExportedFile>);

struct Export<'a> {
    reader: Reader<'a>,
    /// What is between the name of a table and its files.
    account: String,
    lake: Lake,
    finisher: Finisher,
    no_times: u64,
}

impl Export<'_> {
    /// All tables with all their files, the actions first.
    fn parts(&mut self) -> Result<Vec<Part>, Error> {
        let mut parts = vec![self.actions()?];
        for table in &OTHERS {
            parts.push(self.table(table)?);
        }
        let files = parts.iter_mut().flat_map(|(_, files)| files);
        for file in files.filter(|file| file.sha256.is_empty()) {
            (file.bytes, file.sha256) = self.finisher.next()?;
        }
        Ok(parts)
    }

    fn table(&mut self, table: &Table) -> Result<Part, Error> {
        let part = format!("{}{}", table.name, self.account);
        let file = File {
            table,
            path: format!("{part}/{}.parquet", table.name),
            rows: Chosen::All,
        };
        let file = self.file(&file, &mut Vec::new())?;
        Ok((part, file.into_iter().collect()))
    }

    fn actions(&mut self) -> Result<Part, Error> {
        let part = format!("actions{}", self.account);
        let file = |month: String, rows| File {
            table: &ACTIONS,
            path: format!("{part}/month={month}/actions.parquet"),
            rows,
        };
        let mut files = Vec::new();
        let mut without_month = self.reader.ids_out_of_months()?;
        let mut month = FIRST_MONTH;
        while let Some(first) = self.reader.first_start(&month)? {
            while month.next().to_string() <= first {
                month = month.next();
            }
            let rows = Chosen::Started(month.to_string(), month.next().to_string());
            files.extend(self.file(&file(month.to_string(), rows), &mut without_month)?);
            month = month.next();
        }
        // A table without any file is an error to most engines.
        if !without_month.is_empty() || files.is_empty() {
            without_month.sort_unstable();
            let file = file(NO_MONTH.to_owned(), Chosen::Ids(without_month));
            files.extend(self.file(&file, &mut Vec::new())?);
        }
        Ok((part, files))
    }

    /// Writes the file if its rows changed. The ids of rows that do not belong into it go to `odd`. `None` when no row
    /// does.
    fn file(&mut self, file: &File<'_>, odd: &mut Vec<i64>) -> Result<Option<ExportedFile>, Error> {
        if let Some(there) = self.lake.intact(&file.path).cloned() {
            let mut found = Vec::new();
            let read = self.reader.read(file, &mut found, &mut |_| Ok(()));
            let tally = read.map_err(|error| self.failure(file, error))?;
            if tally.sha256 == there.rows_sha256 {
                odd.append(&mut found);
                return Ok(Some(there));
            }
        }
        let (tally, writer) = self.filled(file, odd)?;
        if tally.rows == 0 && matches!(file.rows, Chosen::Started(..)) {
            self.lake.discard(&file.path)?;
            return Ok(None);
        }
        self.finisher.take((self.lake.path(&file.path), writer))?;
        Ok(Some(ExportedFile {
            path: file.path.clone(),
            rows: tally.rows,
            smallest_id: tally.smallest_id,
            largest_id: tally.largest_id,
            // What the finisher knows.
            bytes: 0,
            sha256: String::new(),
            rows_sha256: tally.sha256,
        }))
    }

    /// A new file with all its rows, before the last of them are encoded.
    fn filled(
        &mut self,
        file: &File<'_>,
        odd: &mut Vec<i64>,
    ) -> Result<(Tally, ParquetWriter<Sink>), Error> {
        let table = file.table;
        let sorted_by = match file.rows {
            Chosen::Ids(_) => &[0],
            _ => table.sorted_by,
        };
        let sink = self.lake.create(&file.path)?;
        let writer = ParquetWriter::new(sink, table.columns, sorted_by);
        let mut writer = writer.map_err(|error| self.failure(file, RowsError::Write(error)))?;
        let no_times = &mut self.no_times;
        let mut take = |read: &[Value<'_>]| writer.row(&table.typed(read, no_times));
        let tally = self.reader.read(file, odd, &mut take);
        let tally = tally.map_err(|error| self.failure(file, error))?;
        Ok((tally, writer))
    }

    /// What an error means to the user.
    fn failure(&self, file: &File<'_>, error: RowsError) -> Error {
        match error {
            RowsError::Write(_) if self.reader.cancellation.is_requested() => Error::Stopped,
            RowsError::Write(source) => Error::Folder(lake::Error::File {
                path: self.lake.path(&file.path),
                source,
            }),
            RowsError::Read(error) => error.into(),
        }
    }
}

/// A calendar month. Its text is its first day.
#[derive(Clone, Copy)]
struct Month {
    year: u16,
    month: u8,
}

/// The first month after [`NO_MONTH`].
const FIRST_MONTH: Month = Month {
    year: 1970,
    month: 2,
};

impl Month {
    fn next(self) -> Self {
        match self.month {
            12 => Self {
                year: self.year + 1,
                month: 1,
            },
            month => Self {
                month: month + 1,
                ..self
            },
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-01", self.year, self.month)
    }
}
