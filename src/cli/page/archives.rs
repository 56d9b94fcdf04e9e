//! The archives of a page, and the questions to all of them. Their answers become one.

use std::collections::BTreeMap;
use std::io;

use archiver::archive::LockState;
use archiver::core::account::AccountName;
use archiver::core::model::DropletId;
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter, Value};
use archiver::query::report;
use archiver::query::stats::{Counts, Dimension, Measure, Question};
use archiver::query::{self, Column, Filter, status};
use archiver::web::{ACCOUNT, Actions, Kept};
use rusqlite::Connection;

use super::Page;
use crate::cli::Context;
use crate::cli::exit::{Failure, Status};
use crate::cli::order::Kept as KeptValue;
use crate::cli::report_digest;
use crate::cli::union::{self, known};

/// One archive of a page.
pub(super) struct Archive {
    /// The account, if there are several.
    pub(super) account: Option<AccountName>,
    pub(super) context: Context,
    pub(super) connection: Connection,
    pub(super) status: status::Status,
    /// The droplets that the filter names; `None` for all.
    pub(super) chosen: Option<Vec<DropletId>>,
}

impl Archive {
    pub(super) fn open(
        context: &Context,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let connection = context.open_archive()?;
        let lock = LockState::of(&context.archive_path()?);
        Ok(Self {
            account: context.member.as_ref().and_then(|_| context.account()),
            context: context.clone(),
            status: status::read(&connection, &lock, now, None)?,
            chosen: query::droplets_kept(&connection, &known(context, filter.clone()))?,
            connection,
        })
    }

    /// The filter without what only other accounts know.
    pub(super) fn known(&self, filter: &Filter) -> Filter {
        known(&self.context, filter.clone())
    }
}

/// The archives of a page, and the accounts that are not in it.
pub(super) struct Found {
    pub(super) archives: Vec<Archive>,
    /// Each account that cannot be read, and why.
    pub(super) missing: Vec<(AccountName, String)>,
    /// The exit status if there is one.
    pub(super) failed: Option<Status>,
}

impl Found {
    pub(super) fn by(context: &Context, filter: &Filter, now: Timestamp) -> Result<Self, Failure> {
        let open = |own: &Context| Archive::open(own, filter, now);
        let answers = union::each(context, filter, open)?;
        let failed = answers.failed;
        let archives = answers.all.into_iter().map(|(_, archive)| archive);
        Ok(Self {
            archives: archives.collect(),
            missing: answers.missing,
            failed,
        })
    }
}

/// False for a mistake in the question.
fn is_of_archive(failure: &Failure) -> bool {
    !matches!(
        failure.status,
        Status::Usage | Status::Unknown | Status::Partial
    )
}

/// Adds the account to the rows of its answer: its number as a column, and its name behind each droplet. A resource
/// without a name is called by its id.
struct WithAccount<'a> {
    writer: &'a mut dyn RowWriter,
    place: i64,
    account: Option<AccountName>,
    columns: Columns,
}

/// The places of the columns with the name, the id and the type of the resource.
#[derive(Default)]
struct Columns {
    name: Option<usize>,
    id: Option<usize>,
    kind: Option<usize>,
}

impl Columns {
    fn of(headings: &[Heading<'_>]) -> Self {
        let place = |names: &[&str]| headings.iter().position(|it| names.contains(&it.name));
        Self {
            name: place(&["droplet_name"]),
            id: place(&["droplet_id", "resource_id"]),
            kind: place(&["resource_type"]),
        }
    }

    /// The name of the resource, or what it is called without one.
    fn call(&self, values: &[Value<'_>]) -> Option<String> {
        let value = |place: Option<usize>| place.and_then(|place| values.get(place));
        match (value(self.name)?, value(self.id), value(self.kind)) {
            (Value::Text(name), ..) if !name.trim().is_empty() => Some((*name).to_owned()),
            (_, Some(Value::Integer(id)), Some(Value::Text(kind))) if *kind != "droplet" => {
                Some(format!("{kind} {id}"))
            }
            (_, Some(Value::Integer(id)), _) => Some(id.to_string()),
            _ => None,
        }
    }
}

impl RowWriter for WithAccount<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.columns = Columns::of(headings);
        let mut headings = headings.to_vec();
        headings.push(Heading::plain(ACCOUNT));
        self.writer.header(&headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let called = self.columns.call(values);
        let called = called.zip(self.account);
        let called = called.map(|(name, account)| format!("{name} ({account})"));
        let mut values = values.to_vec();
        values.push(Value::Integer(self.place));
        let name = self.columns.name.and_then(|name| values.get_mut(name));
        if let (Some(name), Some(called)) = (name, &called) {
            *name = Value::Text(called);
        }
        self.writer.row(&values)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.finish()
    }
}

impl Page<'_> {
    /// The archives with their numbers, each when it is asked.
    pub(super) fn each(&self) -> impl Iterator<Item = (i64, &Archive)> {
        let numbered = (0..).zip(&self.found.archives);
        numbered.inspect(|(_, archive)| self.asked.set(archive.account))
    }

    /// What is left without the archive that was asked last, whose failure is told.
    ///
    /// # Errors
    ///
    /// The failure, if it is not about one archive of several.
    pub(super) fn without_unreadable(self, failure: Failure) -> Result<Found, Failure> {
        let Some(account) = self.asked.get().filter(|_| is_of_archive(&failure)) else {
            return Err(failure);
        };
        self.context.terminal.of_account(account).failure(&failure);
        let mut found = self.found;
        found.archives.retain(|it| it.account != Some(account));
        found.failed = Some(match found.archives.is_empty() {
            true => failure.status,
            false => Status::Partial,
        });
        found.missing.push((account, failure.message));
        Ok(found)
    }

    pub(super) fn stats(
        &self,
        filter: &Filter,
        by: &[Dimension],
        measure: Measure,
    ) -> Result<Kept, Failure> {
        let question = Question::new(by.to_vec(), self.zone.clone(), measure);
        let mut all: Option<Counts> = None;
        for (_, archive) in self.each() {
            let filter = archive.known(filter);
            let counts = Counts::read(&archive.connection, (&filter, self.now), &question, None)?;
            match &mut all {
                Some(all) => all.add(counts),
                None => all = Some(counts),
            }
        }
        let mut kept = Kept::default();
        if let Some(all) = all {
            all.write(&question, &mut kept)?;
        }
        Ok(kept)
    }

    /// The answer of a report about these droplets of each archive, or about all, from `since` to the end of the window.
    pub(super) fn report(
        &self,
        name: &str,
        droplets: impl Fn(i64, &Archive) -> Option<Vec<DropletId>>,
        since: Option<Timestamp>,
    ) -> Result<Kept, Failure> {
        let report = self.library.get(name)?;
        let mut kept = Kept::default();
        for (place, archive) in self.each() {
            let droplets = droplets(place, archive);
            if droplets.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let mut written = BTreeMap::new();
            if let Some(since) = since {
                written.insert("since".to_owned(), since.to_string());
                written.insert("until".to_owned(), self.window.until.to_string());
            }
            if let Some(droplets) = droplets {
                written.insert("droplet".to_owned(), report_digest::ids_text(&droplets));
            }
            let (connection, now, zone) = (&archive.connection, self.now, self.zone);
            let context = report::Context {
                connection,
                now,
                zone,
            };
            let bound = report.bind(&written, &context)?;
            let mut writer = WithAccount {
                writer: &mut kept,
                place,
                account: archive.account,
                columns: Columns::default(),
            };
            report::run(connection, report, &bound, &mut writer)?;
        }
        Ok(kept)
    }

    /// The newest actions.
    pub(super) fn actions(&self, total: u64) -> Result<Actions, Failure> {
        let columns = Column::FOR_PROGRAMS;
        let headings = columns.map(Column::heading);
        let newest = |archive: &Archive| Filter {
            limit: Some(MOST_ROWS as u64),
            reverse: true,
            ..archive.known(&self.filter)
        };
        let mut actions = Actions::new(self.zone, total);
        if let [only] = self.found.archives.as_slice()
            && only.account.is_none()
        {
            actions.header(&headings).map_err(query::Error::Write)?;
            let visit = &mut |row: &[Value<'_>]| actions.row(row);
            query::actions(&only.connection, &newest(only), self.now, &columns, visit)?;
            return Ok(actions);
        }
        let mut rows = Newest::default();
        for (place, archive) in self.each() {
            let mut writer = WithAccount {
                writer: &mut rows,
                place,
                account: archive.account,
                columns: Columns::default(),
            };
            writer.header(&headings).map_err(query::Error::Write)?;
            let visit = &mut |row: &[Value<'_>]| writer.row(row);
            let filter = newest(archive);
            query::actions(&archive.connection, &filter, self.now, &columns, visit)?;
            rows.sort();
        }
        rows.write(&mut actions).map_err(query::Error::Write)?;
        Ok(actions)
    }

    /// The answers of the reports: about the droplets that the filter names, or about all. Of several accounts, those
    /// that have something are named.
    pub(super) fn digest(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut lines: Vec<(String, String)> = Vec::new();
        for (_, archive) in self.each() {
            let chosen = archive.chosen.as_deref();
            if chosen == Some(&[]) {
                continue;
            }
            let context = &archive.context;
            for (name, text) in report_digest::lines(context, self.library, self.zone, chosen) {
                let is_none = text.starts_with("none");
                let told = match archive.account {
                    Some(account) if !is_none => format!("{account}: {text}"),
                    _ => text,
                };
                match lines.iter_mut().find(|(known, _)| *known == name) {
                    None => lines.push((name, told)),
                    Some((_, known)) if known.starts_with("none") => *known = told,
                    Some((_, known)) if !is_none => *known = format!("{known}; {told}"),
                    Some(_) => {}
                }
            }
        }
        Ok(lines)
    }
}

/// The number of actions in the table.
const MOST_ROWS: usize = 50_000;

/// The newest rows of several answers.
#[derive(Default)]
struct Newest {
    headings: Vec<String>,
    rows: Vec<Vec<KeptValue>>,
}

impl Newest {
    /// Keeps the newest rows, the newest first.
    fn sort(&mut self) {
        let place = |name: &str| self.headings.iter().position(|it| it == name).unwrap_or(0);
        let keys = [place("started_at"), place("id")];
        self.rows.sort_by(|one, other| {
            let by = keys.map(|key| other[key].compare(&one[key]));
            by[0].then(by[1])
        });
        self.rows.truncate(MOST_ROWS);
    }

    fn write(&self, writer: &mut dyn RowWriter) -> io::Result<()> {
        let headings: Vec<_> = self.headings.iter().map(|it| Heading::named(it)).collect();
        writer.header(&headings)?;
        self.rows.iter().try_for_each(|row| {
            let values: Vec<_> = row.iter().map(KeptValue::value).collect();
            writer.row(&values)
        })
    }
}

impl RowWriter for Newest {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.headings = headings.iter().map(|it| it.name.to_owned()).collect();
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows.push(values.iter().map(KeptValue::of).collect());
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
