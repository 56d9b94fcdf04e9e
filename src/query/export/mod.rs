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

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::rows::RowsError;
use crate::archive;
use crate::core::cancellation::Cancellation;
use crate::output::lake::{self, Changes, CompleteSync, ExportedArchive, ExportedFile, Lake};
use crate::output::{ParquetWriter, Value};
use finisher::Finisher;
use reader::Reader;
use tables::{ACTIONS, OTHERS, Table};

/// The month of the actions whose start is not known. Every engine reads it as a date and keeps it.
const NO_MONTH: &str = "1970-01-01";

/// The actions that started before the first month, after the last one, or at an unknown time.
const OUT_OF_MONTHS: &str = "
WHERE id IN (SELECT id FROM actions WHERE started_at IS NULL
             UNION ALL SELECT id FROM actions WHERE started_at < ?1
             UNION ALL SELECT id FROM actions WHERE started_at >= ?2
             UNION ALL SELECT value FROM json_each(?3))";

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
        finisher: Finisher::default(),
        files: Vec::new(),
        no_times: 0,
    };
    export.write_files()?;
    let Export {
        mut lake,
        files,
        no_times,
        ..
    } = export;
    // Nothing more is read, so a sync need not wait for the disk.
    drop(tx);
    let actions = files.iter().filter(|it| it.path.starts_with(ACTIONS.name));
    Ok(Exported {
        actions: actions.map(|it| it.rows).sum(),
        no_times,
        changes: lake.publish(archive, files)?,
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

/// A file of a table, before it is known whether it changed.
struct File<'a> {
    table: &'a Table,
    path: String,
    /// Chooses the rows, between these bounds.
    condition: &'static str,
    bounds: Vec<String>,
    sorted_by: &'static [usize],
    /// True when each row has a start in this month.
    is_month: bool,
}

struct Export<'a> {
    reader: Reader<'a>,
    /// What is between the name of a table and its files.
    account: String,
    lake: Lake,
    finisher: Finisher,
    files: Vec<ExportedFile>,
    no_times: u64,
}

impl Export<'_> {
    fn write_files(&mut self) -> Result<(), Error> {
        self.write_actions()?;
        for table in &OTHERS {
            let file = File {
                table,
                path: format!("{0}{1}/{0}.parquet", table.name, self.account),
                condition: "",
                bounds: Vec::new(),
                sorted_by: table.sorted_by,
                is_month: false,
            };
            self.write(&file, &mut Vec::new())?;
        }
        self.files.extend(self.finisher.last()?);
        Ok(())
    }

    fn write_actions(&mut self) -> Result<(), Error> {
        let mut odd = Vec::new();
        let mut month = FIRST_MONTH;
        while let Some(first) = self.first_start(month)? {
            while month.next().to_string() <= first {
                month = month.next();
            }
            let file = File {
                table: &ACTIONS,
                path: self.month_path(&month.to_string()),
                condition: "WHERE started_at >= ?1 AND started_at < ?2",
                bounds: vec![month.to_string(), month.next().to_string()],
                sorted_by: ACTIONS.sorted_by,
                is_month: true,
            };
            self.write(&file, &mut odd)?;
            month = month.next();
        }
        let bounds = vec![
            FIRST_MONTH.to_string(),
            AFTER_LAST_MONTH.to_string(),
            serde_json::Value::from(odd).to_string(),
        ];
        let has_months = month.0 > FIRST_MONTH.0;
        let exists = format!("SELECT EXISTS (SELECT 1 FROM actions {OUT_OF_MONTHS})");
        let exists: bool =
            self.reader
                .connection
                .query_row(&exists, params_from_iter(&bounds), |row| row.get(0))?;
        // A table without any file is an error to most engines.
        if has_months && !exists {
            return Ok(());
        }
        let file = File {
            table: &ACTIONS,
            path: self.month_path(NO_MONTH),
            condition: OUT_OF_MONTHS,
            bounds,
            sorted_by: &[0],
            is_month: false,
        };
        self.write(&file, &mut Vec::new())
    }

    fn month_path(&self, month: &str) -> String {
        format!("actions{}/month={month}/actions.parquet", self.account)
    }

    /// The first start from this month on.
    fn first_start(&self, month: Month) -> Result<Option<String>, Error> {
        let sql = "SELECT min(started_at) FROM actions WHERE started_at >= ?1 AND started_at < ?2";
        let mut statement = self.reader.connection.prepare_cached(sql)?;
        let bounds = [month, AFTER_LAST_MONTH].map(|it| it.to_string());
        Ok(statement.query_row(bounds, |row| row.get(0))?)
    }

    /// Writes the file if its rows changed. The ids of rows that do not belong into it go to `odd`.
    fn write(&mut self, file: &File<'_>, odd: &mut Vec<i64>) -> Result<(), Error> {
        if let Some(there) = self.lake.intact(&file.path)?.cloned() {
            let known = odd.len();
            let read = self.reader.read(file, odd, &mut |_| Ok(()));
            if read.map_err(|error| self.failure(file, error))?.rows_sha256 == there.rows_sha256 {
                self.files.push(there);
                return Ok(());
            }
            odd.truncate(known);
        }
        let sink = self.lake.create(&file.path)?;
        let writer = ParquetWriter::new(sink, file.table.columns, file.sorted_by);
        let mut writer = writer.map_err(|error| self.failure(file, RowsError::Write(error)))?;
        let no_times = &mut self.no_times;
        let mut take = |read: &[Value<'_>]| writer.row(&file.table.typed(read, no_times));
        let read = self.reader.read(file, odd, &mut take);
        let read = read.map_err(|error| self.failure(file, error))?;
        self.files.extend(self.finisher.last()?);
        self.finisher
            .take(read, self.lake.path(&file.path), writer)?;
        Ok(())
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

/// A calendar month, as the number of months since January 1970. Its text is its first day.
#[derive(Clone, Copy)]
struct Month(u16);

/// The first month after [`NO_MONTH`].
const FIRST_MONTH: Month = Month(1);

/// June 2149, the first month that ClickHouse's type `Date` does not hold.
const AFTER_LAST_MONTH: Month = Month(179 * 12 + 5);

impl Month {
    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}-{:02}-01",
            1970 + self.0 / 12,
            self.0 % 12 + 1
        )
    }
}
