//! `archiver page`: writes the history as one HTML document. The answers are those of other commands;
//! `archives` asks the archives and chooses the droplets, `head` makes the basis and the figures.

mod archives;
mod head;

use std::cell::Cell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use archiver::core::account::AccountName;
use archiver::core::files::{Readers, replace_file};
use archiver::core::model::BACKUPS;
use archiver::core::time::{CalendarUnit, Timestamp, Zone};
use archiver::query::report::Library;
use archiver::query::stats::{Dimension, Measure};
use archiver::query::{self, Choice, Filter, TypeSelector};
use archiver::web::{Overview, Row, Window};

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::union;
use archives::{Archive, Found, ids};

/// Flags of `archiver page`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: FilterFlags,
    /// The file to write, or - for stdout; an existing file is replaced
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: PathBuf,
    /// The time zone in which times are read and shown: UTC, local, Europe/Berlin, +02:00
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "UTC",
        allow_hyphen_values = true,
        help_heading = "Output"
    )]
    tz: Zone,
    /// Link to the other pages of the server, and show a form
    #[arg(long, hide = true)]
    linked: bool,
}

const AFTER_HELP: &str = "\
Examples:
  archiver page -o history.html
  archiver page -o web.html --droplet 'web-*' --during 2026 --tz Europe/Berlin

The file needs no server, no network and no other file. It shows the whole history, or its last year if that is more \
than a million actions; --since chooses another start. The table has the newest 50,000 actions, the fleet the 100 \
droplets with the most actions, and the reports those of `archiver report --all`, about the droplets that a filter \
names.";

/// With more actions than this, the usual window is the last year.
const MANY_ACTIONS: u64 = 1_000_000;
const YEAR_SECONDS: i64 = 365 * 86_400;
/// The longest window of the charts, so that a wrong time does not stretch them over centuries.
const MOST_YEARS: i64 = 20;

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    library: &Library,
) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let filter = arguments.which.filter(now, &arguments.tz)?;
    let open = |own: &Context| Archive::open(own, &filter, now);
    let mut found = union::each(context, &filter, open)?;
    let (overview, status) = loop {
        let status = found.failed.unwrap_or(Status::Done);
        if found.all.is_empty() {
            return Ok(status);
        }
        let page = Page::new(context, arguments, (found, filter.clone(), now), library)?;
        match page.overview() {
            Ok(overview) => break (overview, status),
            Err(failure) => found = page.without_unreadable(failure)?,
        }
    };
    let text = overview.document().into_string();
    if arguments.output == Path::new("-") {
        return unless_closed(io::stdout().lock().write_all(text.as_bytes())).map(|_| status);
    }
    replace_file(&arguments.output, &text, Readers::Usual).map_err(|error| {
        Failure::failed(error.to_string()).with_hint("choose another file with -o")
    })?;
    if context.terminal.is_interactive {
        let path = arguments.output.display();
        context.terminal.note(&format!("wrote {path}"));
    }
    Ok(status)
}

/// The questions of one page.
struct Page<'a> {
    context: &'a Context,
    found: Found,
    /// The account whose archive was asked last, if there are several.
    asked: Cell<Option<AccountName>>,
    arguments: &'a Arguments,
    library: &'a Library,
    now: Timestamp,
    filter: Filter,
    window: Window,
}

impl<'a> Page<'a> {
    fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        (found, mut filter, now): (Found, Filter, Timestamp),
        library: &'a Library,
    ) -> Result<Self, Failure> {
        let facts = || found.all.iter().map(|(_, archive)| &archive.status.facts);
        let actions: u64 = facts().map(|facts| facts.actions).sum();
        let is_open = filter.since.is_none() && filter.until.is_none() && filter.overlap.is_none();
        if is_open && actions > MANY_ACTIONS {
            filter.since = Some(now.saturating_add_seconds(-YEAR_SECONDS));
        }
        let first = facts().filter_map(|facts| facts.first_action_at.as_deref()?.parse().ok());
        Ok(Self {
            context,
            arguments,
            library,
            now,
            window: window(&filter, first.min(), now, &arguments.tz)?,
            found,
            asked: Cell::default(),
            filter,
        })
    }

    /// Warns of probable mistakes in the filter, as all accounts see them.
    fn tell_slips(&self, found: u64) -> Result<(), Failure> {
        let slips = self.each().map(|archive| {
            let filter = archive.known(&self.filter);
            filter::slips(&archive.connection, &filter, found)
        });
        let slips = slips.collect::<Result<Vec<_>, _>>()?;
        self.context.terminal.warnings(&union::shared(&slips));
        Ok(())
    }

    fn overview(&self) -> Result<Overview, Failure> {
        let by_day = self.stats(&self.filter, &[DAY, Dimension::Type], Measure::Errors)?;
        let backups = narrowed_to(&self.filter, &BACKUPS);
        let chosen = |archive: &Archive| archive.chosen.clone();
        let lives = self.report("lifetimes", chosen, None)?;
        let downtime = self.report("downtime", chosen, Some(self.window.since))?;
        let lanes = self.lanes(&lives)?;
        let of_lanes = |archive: &Archive| Some(ids(&lanes, archive));
        let unarchived = self.each().map(|archive| {
            let chosen = archive.chosen.as_deref();
            query::not_archived(&archive.connection, chosen).map(|it| it.len() as u64)
        });
        let is_incomplete = |archive: &Archive| archive.context.basis.is_incomplete();
        let in_window = lives.rows().filter(|life| self.is_in_window(*life));
        let overview = Overview {
            basis: self.basis(),
            is_complete: self.found.missing.is_empty() && !self.each().any(is_incomplete),
            figures: self.figures(&by_day, &lives, &downtime)?,
            reports: self.digest()?,
            durations: self.stats(&backups, &[MONTH, Dimension::Type], Measure::Durations)?,
            droplets: in_window.count() as u64,
            unarchived: unarchived.sum::<Result<u64, query::Error>>()?,
            marks: self.marks(&lanes)?,
            uptime: self.report("uptime", of_lanes, Some(self.year()))?,
            actions: self.actions()?,
            window: self.window.clone(),
            served: self.arguments.linked.then(|| self.served()),
            by_day,
            lanes,
            downtime,
        };
        // Last, so that no warning comes twice when an archive cannot be read.
        self.tell_slips(overview.by_day.sum("count"))?;
        Ok(overview)
    }

    /// The start of the last twelve whole months of the window, or of the window.
    fn year(&self) -> Timestamp {
        let Window { since, until, zone } = &self.window;
        let year = until.saturating_add_seconds(-YEAR_SECONDS);
        let months = CalendarUnit::Month.between(year, *until, zone);
        let mut whole = months.into_iter().map(|(_, start, _)| start);
        let first = whole.find(|start| *start >= year);
        first.unwrap_or(year).max(*since)
    }

    /// True for a droplet that existed in the window, as far as that is known.
    fn is_in_window(&self, life: Row<'_>) -> bool {
        let Window { since, until, .. } = self.window;
        life.time("created_at").is_none_or(|at| at < until)
            && life.time("gone_at").is_none_or(|at| at >= since)
    }
}

const DAY: Dimension = Dimension::Started(CalendarUnit::Day);
const MONTH: Dimension = Dimension::Started(CalendarUnit::Month);

/// The window of the charts: from the first action on, unless the filter says otherwise.
fn window(
    filter: &Filter,
    first: Option<Timestamp>,
    now: Timestamp,
    zone: &Zone,
) -> Result<Window, Failure> {
    let since = filter.overlap.map(|(since, _)| since).or(filter.since);
    let until = filter.overlap.map(|(_, until)| until).or(filter.until);
    let is_over = |until: &Timestamp| *until <= now || since.is_some_and(|since| since >= now);
    let until = until.filter(is_over).unwrap_or(now);
    let earliest = until.saturating_add_seconds(-MOST_YEARS * YEAR_SECONDS);
    let first = first.filter(|first| *first < until);
    let since = since.max(first).unwrap_or(earliest).max(earliest);
    if since >= until {
        let failure = Failure::usage(format!("no time lies between {since} and {until}"));
        return Err(failure.with_hint("the window begins before it ends, and before now"));
    }
    Ok(Window {
        since,
        until,
        zone: zone.clone(),
    })
}

/// The filter with these types, unless it has types of its own.
fn narrowed_to(filter: &Filter, types: &[&str]) -> Filter {
    let mut narrowed = filter.clone();
    if narrowed.types.is_anything() {
        let types = types.iter().map(|name| (*name).to_owned());
        narrowed.types = Choice::any_of(types.map(TypeSelector::Type));
    }
    narrowed
}

/// The filter for the actions with this status, if it keeps them.
fn with_status(filter: &Filter, status: &str) -> Option<Filter> {
    filter.statuses.has(Some(status)).then(|| Filter {
        statuses: Choice::any_of([status.to_owned()]),
        ..filter.clone()
    })
}
