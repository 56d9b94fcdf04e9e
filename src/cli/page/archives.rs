//! The archives of a page, and the questions to all of them. Their answers become one.

use std::collections::BTreeMap;

use archiver::archive::LockState;
use archiver::core::account::AccountName;
use archiver::core::model::DropletId;
use archiver::core::time::Timestamp;
use archiver::output::{RowWriter as _, Value};
use archiver::query::report;
use archiver::query::stats::{Counts, Dimension, Measure, Question};
use archiver::query::{self, Column, Filter, status};
use archiver::web::Kept;
use rusqlite::Connection;

use super::Page;
use crate::cli::Context;
use crate::cli::exit::{Failure, Status};
use crate::cli::report_digest;
use crate::cli::union::{self, known};

/// The number of actions in the table.
const MOST_ROWS: usize = 50_000;
const COLUMNS: [Column; 9] = [
    Column::Id,
    Column::Status,
    Column::Type,
    Column::StartedAt,
    Column::CompletedAt,
    Column::ResourceId,
    Column::ResourceType,
    Column::RegionSlug,
    Column::DropletName,
];

/// One archive of a page.
pub(super) struct Archive {
    /// Its number among the archives.
    pub(super) place: i64,
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
            place: 0,
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
        let archives = (0..).zip(answers.all);
        let archives = archives.map(|(place, (_, archive))| Archive { place, ..archive });
        Ok(Self {
            archives: archives.collect(),
            missing: answers.missing,
            failed,
        })
    }
}

impl Page<'_> {
    /// The archives, each when it is asked.
    pub(super) fn each(&self) -> impl Iterator<Item = &Archive> {
        let archives = self.found.archives.iter();
        archives.inspect(|archive| self.asked.set(archive.account))
    }

    /// What is left without the archive that was asked last, whose failure is told.
    ///
    /// # Errors
    ///
    /// The failure, if it is not about one archive of several.
    pub(super) fn without_unreadable(self, failure: Failure) -> Result<Found, Failure> {
        use Status::{Partial, Unknown, Usage};
        let is_question = matches!(failure.status, Usage | Unknown | Partial);
        let Some(account) = self.asked.get().filter(|_| !is_question) else {
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
        let question = Question::new(by.to_vec(), self.arguments.tz.clone(), measure);
        let mut all: Option<Counts> = None;
        for archive in self.each() {
            let filter = archive.known(filter);
            let mut counts =
                Counts::read(&archive.connection, (&filter, self.now), &question, None)?;
            if let Some(others) = all {
                counts.add(others);
            }
            all = Some(counts);
        }
        let mut kept = Kept::default();
        all.map_or(Ok(()), |all| all.write(&question, &mut kept))?;
        Ok(kept)
    }

    /// The answer of a report about these droplets of each archive, or about all, from `since` to the end of the window.
    pub(super) fn report(
        &self,
        name: &str,
        droplets: impl Fn(&Archive) -> Option<Vec<DropletId>>,
        since: Option<Timestamp>,
    ) -> Result<Kept, Failure> {
        let report = self.library.get(name)?;
        let mut kept = Kept::default();
        for archive in self.each() {
            let droplets = droplets(archive);
            if droplets.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let mut written = BTreeMap::new();
            let mut set = |name: &str, value| written.insert(name.to_owned(), value);
            if let Some(since) = since {
                set("since", since.to_string());
                set("until", self.window.until.to_string());
            }
            if let Some(droplets) = droplets {
                set("droplet", report_digest::ids_text(&droplets));
            }
            let connection = &archive.connection;
            let context = report::Context {
                connection,
                now: self.now,
                zone: &self.arguments.tz,
                narrow: &|filter| filter,
            };
            let bound = report.bind(&written, &context)?;
            let mut answer = Kept::default();
            report::run(connection, report, &bound, &mut answer)?;
            kept.add(answer, archive.place, archive.account);
        }
        Ok(kept)
    }

    /// Adds the actions of an archive.
    pub(super) fn add_actions(
        &self,
        (archive, filter): (&Archive, &Filter),
        columns: &[Column],
        actions: &mut Kept,
    ) -> Result<(), Failure> {
        let mut answer = Kept::default();
        let headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
        answer.header(&headings).map_err(query::Error::Write)?;
        let visit = &mut |row: &[Value<'_>]| answer.row(row);
        query::actions(&archive.connection, filter, self.now, columns, visit)?;
        actions.add(answer, archive.place, archive.account);
        Ok(())
    }

    /// The newest actions.
    pub(super) fn actions(&self) -> Result<Kept, Failure> {
        let mut actions = Kept::default();
        for archive in self.each() {
            let newest = Filter {
                limit: Some(MOST_ROWS as u64),
                ..archive.known(&self.filter)
            };
            self.add_actions((archive, &newest), &COLUMNS, &mut actions)?;
            actions.keep_newest(MOST_ROWS);
        }
        Ok(actions)
    }

    /// The answers of the reports: about the droplets that the filter names, or about all. Of several accounts, those
    /// that have something are named.
    pub(super) fn digest(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut lines: Vec<(String, String)> = Vec::new();
        for archive in self.each() {
            let chosen = archive.chosen.as_deref();
            if chosen == Some(&[]) {
                continue;
            }
            let context = &archive.context;
            let zone = &self.arguments.tz;
            for (name, text) in report_digest::lines(context, self.library, zone, chosen) {
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
