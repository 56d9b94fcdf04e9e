//! The archives of a page, and the questions to all of them. Their answers become one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use archiver::archive::LockState;
use archiver::core::account::AccountName;
use archiver::core::model::{BACKUPS, DropletId};
use archiver::core::time::Timestamp;
use archiver::output::{RowWriter as _, Value};
use archiver::query::report;
use archiver::query::stats::{Counts, Dimension, Measure, Question};
use archiver::query::{self, Choice, Column, DropletSelector, Filter, status};
use archiver::web::{Kept, Lane, Row};
use rusqlite::Connection;

use super::{Page, narrowed_to, with_status};
use crate::cli::Context;
use crate::cli::exit::{Failure, Status};
use crate::cli::report_digest;
use crate::cli::union::{Answers, known};

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

/// The number of droplets in the fleet.
const MOST_LANES: usize = 100;

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
            account: context.terminal.account,
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
pub(super) type Found = Answers<Archive>;

impl Page<'_> {
    /// The archives, each when it is asked.
    pub(super) fn each(&self) -> impl Iterator<Item = &Archive> {
        let archives = self.found.all.iter().map(|(_, archive)| archive);
        archives.inspect(|archive| self.asked.set(archive.account))
    }

    /// The archives without the one that was asked last. Tells its failure.
    ///
    /// # Errors
    ///
    /// The failure, if it is not about one archive of several.
    pub(super) fn without_unreadable(self, failure: Failure) -> Result<Found, Failure> {
        let Some(account) = self.asked.get() else {
            return Err(failure);
        };
        (self.context.terminal.of_account(Some(account))).failure(&failure);
        let mut found = self.found;
        found.all.retain(|(it, _)| *it != Some(account));
        found.failed = Some(match found.all.is_empty() {
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
        let question = Question {
            by: by.to_vec(),
            zone: self.arguments.tz.clone(),
            measure,
            ..Question::default()
        };
        let mut all = Counts::default();
        for archive in self.each() {
            let asked = (&archive.known(filter), self.now);
            all.add(Counts::read(&archive.connection, asked, &question, None)?);
        }
        let mut kept = Kept::default();
        all.write(&question, &mut kept)?;
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
        let window = since.map(|since| [("since", since), ("until", self.window.until)]);
        let texts = window.into_iter().flatten();
        let texts: BTreeMap<_, _> = texts
            .map(|(name, time)| (name.to_owned(), time.to_string()))
            .collect();
        let mut kept = Kept::default();
        for archive in self.each() {
            let droplets = droplets(archive);
            if droplets.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let context = report::Context {
                connection: &archive.connection,
                now: self.now,
                zone: &self.arguments.tz,
                narrow: &|filter| filter,
            };
            let (about, texts) = (droplets.as_deref(), texts.clone());
            let mut answer = Kept::default();
            report_digest::run_about(about, report, &context, texts, &mut answer)?;
            kept.add(answer, archive.account);
        }
        Ok(kept)
    }

    /// Adds the actions of an archive.
    pub(super) fn add_actions(
        &self,
        archive: &Archive,
        filter: &Filter,
        actions: &mut Kept,
    ) -> Result<(), Failure> {
        let mut answer = Kept::default();
        let headings = COLUMNS.map(Column::heading);
        answer.header(&headings).map_err(query::Error::Write)?;
        let visit = &mut |row: &[Value<'_>]| answer.row(&row[..COLUMNS.len()]);
        query::actions(&archive.connection, filter, self.now, &COLUMNS, visit)?;
        actions.add(answer, archive.account);
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
            self.add_actions(archive, &newest, &mut actions)?;
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

    /// The droplets with the most actions in the window, by name.
    pub(super) fn lanes(&self, lives: &Kept) -> Result<Vec<Lane>, Failure> {
        let lives = lives.rows().filter(|life| self.is_in_window(*life));
        let mut lanes: Vec<Lane> = lives.filter_map(lane).collect();
        if lanes.len() > MOST_LANES {
            let by = [Dimension::Droplet];
            let counts = self.stats(&self.filter, &by, Measure::Errors)?;
            let count = |row: Row<'_>| (row.integer("droplet_id"), row.count("count"));
            let counts: HashMap<_, _> = counts.rows().map(count).collect();
            lanes.sort_by_key(|lane| Reverse(counts.get(&Some(lane.droplet.1)).copied()));
            lanes.truncate(MOST_LANES);
        }
        // A droplet without a name is called by its id, and comes last.
        lanes.sort_by_cached_key(|lane| {
            let is_unnamed = lane.name.starts_with(&lane.droplet.1.to_string());
            (is_unnamed, lane.name.clone(), lane.droplet)
        });
        tell_apart(&mut lanes);
        Ok(lanes)
    }

    /// The failures, backups and resizes of these droplets.
    pub(super) fn marks(&self, lanes: &[Lane]) -> Result<Kept, Failure> {
        let mut marks = Kept::default();
        for archive in self.each() {
            let droplets = ids(lanes, archive);
            // A filter without droplets would ask for all of them.
            if droplets.is_empty() {
                continue;
            }
            let of_lanes = Filter {
                droplets: Choice::any_of(droplets.into_iter().map(DropletSelector::Id)),
                ..archive.known(&self.filter)
            };
            if let Some(failed) = with_status(&of_lanes, "errored") {
                self.add_actions(archive, &failed, &mut marks)?;
            }
            let mut others = narrowed_to(&of_lanes, &[&BACKUPS[..], &["resize"]].concat());
            others.statuses.none_of.push("errored".to_owned());
            self.add_actions(archive, &others, &mut marks)?;
        }
        Ok(marks)
    }
}

/// The ids of the droplets of one archive.
pub(super) fn ids(lanes: &[Lane], archive: &Archive) -> Vec<DropletId> {
    let droplets = lanes.iter().map(|lane| lane.droplet);
    let own = droplets.filter(|(account, _)| *account == archive.account);
    own.map(|(_, id)| id).collect()
}

/// Adds the id to a name that several of the droplets have. The lanes are sorted by name.
fn tell_apart(lanes: &mut [Lane]) {
    for same in lanes.chunk_by_mut(|one, other| one.name == other.name) {
        if same.len() > 1 {
            for lane in same {
                lane.name = format!("{} ({})", lane.name, lane.droplet.1);
            }
        }
    }
}

/// The lane of a row of `report lifetimes`.
fn lane(row: Row<'_>) -> Option<Lane> {
    Some(Lane {
        droplet: row.droplet()?,
        name: row.called()?,
        created_at: row.time("created_at"),
        gone_at: row.time("gone_at"),
    })
}
