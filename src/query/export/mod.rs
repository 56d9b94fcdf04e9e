//! Exports the archive as Parquet files for query engines: all tables as they are at one moment.
//!
//! An action is in the file of the month in which it started. The same rows make the same bytes. So a second export
//! encodes the rows of a file that is there without writing them, and writes the file only if the bytes differ. Rows are
//! read through the index of start times and passed on one by one, so memory does not grow with the archive.

mod tables;

use std::io;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use rusqlite::{Connection, Transaction, params_from_iter};

use super::rows::{from_json, visit_rows};
use crate::archive::{self, ArchivedAccount};
use crate::core::cancellation::Cancellation;
use crate::output::lake::{self, Changes, ExportedArchive, ExportedFile, Lake, Sink};
use crate::output::{ParquetWriter, Value};
use tables::{ACTIONS, OTHERS, Table};

/// The month of the actions whose start is not known. Every engine reads it as a date and keeps it.
const NO_MONTH: &str = "1970-01-01";

/// The first month after [`NO_MONTH`], and June 2149, the first one that ClickHouse's type `Date` does not hold.
const MONTHS: [Date; 2] = [date(1970, 2, 1), date(2149, 6, 1)];

/// The actions that started before the first month, after the last one, or at an unknown time.
const OUT_OF_MONTHS: &str = "
WHERE id IN (SELECT id FROM actions WHERE started_at IS NULL
             UNION ALL SELECT id FROM actions WHERE started_at < ?1
             UNION ALL SELECT id FROM actions WHERE started_at >= ?2)";

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
    /// A signal stopped the export.
    #[error("the export was stopped; the folder is as before")]
    Stopped,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Query(error.into())
    }
}

/// The result of an export.
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
    let archive = exported_archive(source, &lake, folder)?;
    let account = |name| format!("/account={name}");
    let mut export = Export {
        tx,
        cancellation,
        account: source.account.map_or(String::new(), account),
        lake,
        files: Vec::new(),
        no_times: 0,
    };
    export.write_actions()?;
    for table in &OTHERS {
        export.write(&File {
            table,
            path: format!("{0}{1}/{0}.parquet", table.name, export.account),
            condition: "",
            bounds: Vec::new(),
        })?;
    }
    // Nothing more is read, so a sync need not wait for the disk.
    drop(export.tx);
    let actions = export.files.iter();
    let actions = actions.filter(|it| it.path.starts_with(ACTIONS.name));
    Ok(Exported {
        actions: actions.map(|it| it.rows).sum(),
        no_times: export.no_times,
        changes: export.lake.publish(archive, export.files)?,
    })
}

/// The last complete sync.
const COMPLETE: &str = "
SELECT json_object('sync_run', id, 'started_at', started_at)
  FROM sync_runs
 WHERE outcome = 'complete'
 ORDER BY id DESC
 LIMIT 1";

/// Describes the archive. Refuses a folder that holds the history of somebody else.
fn exported_archive(
    source: &Source<'_>,
    lake: &Lake,
    folder: &Path,
) -> Result<ExportedArchive, Error> {
    let owner = archive::account(source.connection)?.unwrap_or_default();
    let there = lake.archive(source.account)?;
    let conflict = there.and_then(|there| {
        owner.conflict_with(&ArchivedAccount {
            team_uuid: there.team_uuid.clone(),
            uuid: there.uuid.clone(),
            ..ArchivedAccount::default()
        })
    });
    if let Some(conflict) = conflict {
        let message = format!("{} holds another history: {conflict}", folder.display());
        let hint = "choose another folder, or another name with --as";
        return Err(lake::Error::refused(message, hint).into());
    }
    Ok(ExportedArchive {
        account: source.account.map(str::to_owned),
        team_uuid: owner.team_uuid,
        uuid: owner.uuid,
        complete_up_to: from_json(source.connection, COMPLETE, [])?,
        is_complete: source.is_complete,
    })
}

/// A file of a table.
struct File {
    table: &'static Table,
    path: String,
    /// Chooses the rows, between these bounds.
    condition: &'static str,
    bounds: Vec<String>,
}

struct Export<'a> {
    tx: Transaction<'a>,
    cancellation: &'a Cancellation,
    /// The part of a path between the name of a table and its files.
    account: String,
    lake: Lake,
    files: Vec<ExportedFile>,
    no_times: u64,
}

impl Export<'_> {
    fn write_actions(&mut self) -> Result<(), Error> {
        let next = |month: Date| month.saturating_add(1.month());
        let mut month = MONTHS[0];
        while let Some(first) = self.first_start(month)? {
            while next(month).to_string() <= first {
                month = next(month);
            }
            self.write(&File {
                table: &ACTIONS,
                path: self.month_path(&month.to_string()),
                condition: "WHERE started_at >= ?1 AND started_at < ?2",
                bounds: vec![month.to_string(), next(month).to_string()],
            })?;
            month = next(month);
        }
        let bounds = MONTHS.map(|it| it.to_string());
        let exists = format!("SELECT EXISTS (SELECT 1 FROM actions {OUT_OF_MONTHS})");
        let exists: bool = self
            .tx
            .query_row(&exists, params_from_iter(&bounds), |row| row.get(0))?;
        // A table without any file is an error to most engines.
        if month > MONTHS[0] && !exists {
            return Ok(());
        }
        self.write(&File {
            table: &ACTIONS,
            path: self.month_path(NO_MONTH),
            condition: OUT_OF_MONTHS,
            bounds: bounds.into(),
        })
    }

    fn month_path(&self, month: &str) -> String {
        format!("actions{}/month={month}/actions.parquet", self.account)
    }

    /// The first start from this month on.
    fn first_start(&self, month: Date) -> Result<Option<String>, Error> {
        let sql = "SELECT min(started_at) FROM actions WHERE started_at >= ?1 AND started_at < ?2";
        let mut statement = self.tx.prepare_cached(sql)?;
        let bounds = [month, MONTHS[1]].map(|it| it.to_string());
        Ok(statement.query_row(bounds, |row| row.get(0))?)
    }

    /// Encodes the file, and writes it if it is not in its place with the same bytes.
    fn write(&mut self, file: &File) -> Result<(), Error> {
        let in_place = self.lake.intact(&file.path)?.cloned();
        let sink = match in_place {
            Some(_) => Sink::new(Box::new(io::sink())),
            None => self.lake.create(&file.path)?,
        };
        let (mut encoded, mut no_times) = self.encode(file, sink)?;
        if in_place.is_some_and(|it| it.sha256 != encoded.sha256) {
            let sink = self.lake.create(&file.path)?;
            (encoded, no_times) = self.encode(file, sink)?;
        }
        self.files.push(encoded);
        self.no_times += no_times;
        Ok(())
    }

    /// Encodes the rows of a file. Also returns the number of texts in the place of a time that are none.
    fn encode(&self, file: &File, sink: Sink) -> Result<(ExportedFile, u64), Error> {
        let unwritten = |source| {
            let path = self.lake.path(&file.path);
            Error::Folder(lake::Error::File { path, source })
        };
        let columns = file.table.columns();
        let mut writer = ParquetWriter::new(sink, &columns).map_err(unwritten)?;
        let mut read = ExportedFile {
            path: file.path.clone(),
            ..ExportedFile::default()
        };
        let mut no_times = 0;
        let sql = file.table.select(file.condition);
        let mut statement = self.tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&file.bounds))?;
        visit_rows(&mut rows, columns.len(), Error::from, |cells| {
            if read.rows.is_multiple_of(4_096) && self.cancellation.is_requested() {
                return Err(Error::Stopped);
            }
            read.rows += 1;
            if let Some(&Value::Integer(id)) = cells.first() {
                read.smallest_id = read.smallest_id.min(Some(id)).or(Some(id));
                read.largest_id = read.largest_id.max(Some(id));
            }
            let cells = file.table.typed(&columns, cells, &mut no_times);
            writer.row(&cells).map_err(unwritten)
        })?;
        let written = writer.finish().map_err(unwritten)?;
        (read.bytes, read.sha256) = written.result();
        Ok((read, no_times))
    }
}
