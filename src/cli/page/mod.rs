//! `archiver page`: writes the history as one HTML document. The answers are those of other commands;
//! `fleet` chooses the droplets.

mod fleet;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use archiver::archive::LockState;
use archiver::core::model::DropletId;
use archiver::core::replace::{Readers, replace_file};
use archiver::core::time::{CalendarUnit, Timestamp, Zone, duration_text};
use archiver::output::{RowWriter, grouped};
use archiver::query::report::{self, Library};
use archiver::query::stats::{self, Dimension, Measure};
use archiver::query::status;
use archiver::query::{self, Choice, Column, Filter, TypeSelector};
use archiver::web::{Actions, Figure, Kept, Overview, Row, Served, Window};
use rusqlite::Connection;

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::report_digest;
use super::written::Written;

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

/// The number of actions in the table.
const MOST_ROWS: u64 = 50_000;
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
    let connection = context.open_archive()?;
    let page = Page::new(context, arguments, &connection, library)?;
    let overview = page.overview()?;
    let found = overview.by_day.sum("count");
    let slips = filter::slips(&connection, (&page.filter, page.now), found)?;
    drop(page);
    drop(connection);
    context.terminal.warnings(&slips);
    let text = overview.document().into_string();
    if arguments.output == Path::new("-") {
        return unless_closed(io::stdout().lock().write_all(text.as_bytes()));
    }
    replace_file(&arguments.output, &text, Readers::Usual).map_err(|error| {
        Failure::failed(error.to_string()).with_hint("choose another file with -o")
    })?;
    if context.terminal.is_interactive {
        let path = arguments.output.display();
        context.terminal.note(&format!("wrote {path}"));
    }
    Ok(Status::Done)
}

/// The questions of one page.
struct Page<'a> {
    context: &'a Context,
    connection: &'a Connection,
    zone: &'a Zone,
    now: Timestamp,
    status: status::Status,
    filter: Filter,
    window: Window,
    library: &'a Library,
    /// The droplets that the filter names; `None` for all.
    chosen: Option<Vec<DropletId>>,
    is_linked: bool,
}

impl<'a> Page<'a> {
    fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        connection: &'a Connection,
        library: &'a Library,
    ) -> Result<Self, Failure> {
        let (now, zone) = (Timestamp::now(), &arguments.tz);
        let lock = LockState::of(&context.archive_path()?);
        let status = status::read(connection, &lock, now, None)?;
        let mut filter = arguments.which.filter(now, zone)?;
        let is_open = filter.since.is_none() && filter.until.is_none() && filter.overlap.is_none();
        if is_open && status.facts.actions > MANY_ACTIONS {
            filter.since = Some(now.saturating_add_seconds(-YEAR_SECONDS));
        }
        let first = status.facts.first_action_at.as_deref();
        let first = first.and_then(|first| first.parse().ok());
        Ok(Self {
            context,
            connection,
            zone,
            now,
            status,
            library,
            chosen: query::droplets_kept(connection, &filter)?,
            window: window(&filter, first, now, zone)?,
            filter,
            is_linked: arguments.linked,
        })
    }

    fn overview(&self) -> Result<Overview, Failure> {
        let by_day = self.stats(&self.filter, &[DAY, Dimension::Type], Measure::Errors)?;
        let backups = narrowed_to(&self.filter, &["backup", "snapshot"]);
        let durations = self.stats(&backups, &[MONTH, Dimension::Type], Measure::Durations)?;
        let chosen = self.chosen.as_deref();
        let lives = self.report("lifetimes", chosen, None)?;
        let downtime = self.report("downtime", chosen, Some(self.window.since))?;
        let lanes = self.lanes(&lives)?;
        let ids: Vec<_> = lanes.iter().map(|lane| lane.droplet_id).collect();
        let uptime = self.report("uptime", Some(&ids), Some(self.year()))?;
        Ok(Overview {
            basis: self.basis(),
            is_complete: !self.context.basis.is_incomplete(),
            figures: self.figures(&by_day, &lives, &downtime)?,
            reports: self.digest()?,
            marks: self.marks(&ids)?,
            actions: self.actions(by_day.sum("count"))?,
            window: self.window.clone(),
            by_day,
            durations,
            droplets: lives.rows().filter(|life| self.is_in_window(*life)).count() as u64,
            unarchived: query::not_archived(self.connection, chosen)?.len() as u64,
            lanes,
            downtime,
            uptime,
            served: self.is_linked.then(|| self.served()),
        })
    }

    /// The start of the last twelve whole months of the window, or of the window.
    fn year(&self) -> Timestamp {
        let Window { since, until, zone } = &self.window;
        let year = until.saturating_add_seconds(-YEAR_SECONDS);
        let months = CalendarUnit::Month.between(year, *until, zone);
        let whole = months.into_iter().map(|(_, start, _)| start);
        whole
            .into_iter()
            .find(|start| *start >= year)
            .unwrap_or(year)
            .max(*since)
    }

    /// True for a droplet that existed in the window, as far as that is known.
    fn is_in_window(&self, life: Row<'_>) -> bool {
        life.time("created_at")
            .is_none_or(|at| at < self.window.until)
            && life
                .time("gone_at")
                .is_none_or(|at| at >= self.window.since)
    }

    /// The answers of the reports: about the droplets that the filter names, or about all.
    fn digest(&self) -> Result<Vec<(String, String)>, Failure> {
        match self.chosen.as_deref() {
            Some([]) => Ok(Vec::new()),
            chosen => report_digest::lines(self.context, self.library, self.zone, chosen),
        }
    }

    fn served(&self) -> Served {
        let written = &self.context.written;
        let json = [
            ("actions", "query", None),
            ("numbers by day", "stats", Some("day,type")),
            ("droplets", "last", None),
        ];
        let address = |(name, command, by): (_, &str, Option<&str>)| {
            let mut flags = written.flags.clone();
            flags.extend(by.map(|by| ("by".to_owned(), by.to_owned())));
            let words = vec![command.to_owned()];
            (name, Written { words, flags }.json_address())
        };
        let mut json = json.map(address).to_vec();
        json.push(("reports", "/report.json?all".to_owned()));
        json.push(("status", "/status.json".to_owned()));
        Served {
            chosen: written.asked().cloned().collect(),
            json,
        }
    }

    fn stats(&self, filter: &Filter, by: &[Dimension], measure: Measure) -> Result<Kept, Failure> {
        let question = stats::Question::new(by.to_vec(), self.zone.clone(), measure);
        let mut kept = Kept::default();
        stats::stats(self.connection, filter, self.now, &question, &mut kept)?;
        Ok(kept)
    }

    /// The answer of a report about these droplets, or about all, from `since` to the end of the window.
    fn report(
        &self,
        name: &str,
        droplets: Option<&[DropletId]>,
        since: Option<Timestamp>,
    ) -> Result<Kept, Failure> {
        let mut kept = Kept::default();
        if droplets.is_some_and(<[_]>::is_empty) {
            return Ok(kept);
        }
        let report = self.library.get(name)?;
        let mut written = BTreeMap::new();
        if let Some(since) = since {
            written.insert("since".to_owned(), since.to_string());
            written.insert("until".to_owned(), self.window.until.to_string());
        }
        if let Some(droplets) = droplets {
            written.insert("droplet".to_owned(), report_digest::ids_text(droplets));
        }
        let (connection, now, zone) = (self.connection, self.now, self.zone);
        let context = report::Context {
            connection,
            now,
            zone,
        };
        let bound = report.bind(&written, &context)?;
        report::run(connection, report, &bound, &mut kept)?;
        Ok(kept)
    }

    fn actions(&self, total: u64) -> Result<Actions, Failure> {
        let columns = Column::FOR_PROGRAMS;
        let mut actions = Actions::new(self.zone, total);
        let headings = columns.map(Column::heading);
        actions.header(&headings).map_err(query::Error::Write)?;
        let newest = Filter {
            limit: Some(MOST_ROWS),
            reverse: true,
            ..self.filter.clone()
        };
        query::actions(self.connection, &newest, self.now, &columns, &mut |row| {
            actions.row(row)
        })?;
        Ok(actions)
    }

    fn basis(&self) -> Vec<(&'static str, String)> {
        let shown = |at: Timestamp| at.in_zone(self.zone).to_string();
        let fresh = self.status.verdict.fresh_at.as_deref();
        let fresh = fresh
            .and_then(|at| at.parse().ok())
            .map_or("never".to_owned(), shown);
        let window = &self.window;
        let mut basis = vec![
            (
                "Archive",
                format!("{} (when written)", self.status.verdict.text),
            ),
            ("Last complete sync", fresh),
            (
                "Window",
                format!("{} to {}", shown(window.since), shown(window.until)),
            ),
            ("Time zone", self.zone.to_string()),
        ];
        let chosen = self.context.written.filters();
        if !chosen.is_empty() {
            basis.push(("Filters", chosen));
        }
        if !is_about_droplets(&self.filter) {
            let text =
                "droplets, downtime, uptime and reports, which are about all actions of a droplet";
            basis.push(("Not filtered", text.to_owned()));
        }
        basis.push(("Written", shown(self.now)));
        basis
    }

    fn open_actions(&self) -> Result<u64, Failure> {
        let statuses = &self.filter.statuses;
        let is_open = |status: &String| status == "in-progress";
        let is_wanted = statuses.any_of.is_empty() || statuses.any_of.iter().any(is_open);
        if !is_wanted || statuses.none_of.iter().any(is_open) {
            return Ok(0);
        }
        let open = Filter {
            statuses: Choice::any_of(["in-progress".to_owned()]),
            ..self.filter.clone()
        };
        Ok(query::count(self.connection, &open, self.now)?)
    }

    fn figures(
        &self,
        by_day: &Kept,
        lives: &Kept,
        downtime: &Kept,
    ) -> Result<Vec<Figure>, Failure> {
        let (actions, failures) = (by_day.sum("count"), by_day.sum("errored"));
        let Window { since, until, .. } = self.window;
        let is_alive = |life: &Row<'_>| {
            self.is_in_window(*life)
                && life.time("gone_at").is_none_or(|at| at >= until)
                && !matches!(life.text("state"), Some("unlisted"))
        };
        let is_destroyed = |life: &Row<'_>| {
            life.text("state") == Some("gone")
                && life
                    .time("gone_at")
                    .is_none_or(|at| at >= since && at < until)
        };
        let living = lives.rows().filter(is_alive).count() as u64;
        let gone = lives.rows().filter(is_destroyed).count() as u64;
        let is_estimate = |row: &Row<'_>| row.text("certainty") != Some("certain");
        let estimated = downtime.rows().filter(is_estimate);
        let estimated = estimated.filter_map(|row| row.integer("downtime_seconds"));
        let estimated: u64 = estimated.map(i64::unsigned_abs).sum();
        let all = downtime.sum("downtime_seconds");
        let text = |seconds: u64| duration_text(i64::try_from(seconds).unwrap_or(i64::MAX));
        let open = self.open_actions()?;
        let figure = |name, label, value, note| Figure {
            name,
            label,
            value,
            note,
        };
        let rate = (actions > 0).then(|| {
            let tenths = (failures * 2_000 / actions).div_ceil(2);
            format!("{}.{} %", tenths / 10, tenths % 10)
        });
        let estimate = (estimated > 0).then(|| format!("{} of it estimated", text(estimated)));
        Ok(vec![
            figure("actions", "Actions", grouped(actions), None),
            figure("failures", "Failures", grouped(failures), rate),
            figure("droplets", "Living droplets", grouped(living), None),
            figure("destroyed", "Destroyed droplets", grouped(gone), None),
            figure("downtime", "Downtime", text(all), estimate),
            figure("in-progress", "In progress", grouped(open), None),
        ])
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
    let (since, until) = match filter.overlap {
        Some((since, until)) => (Some(since), Some(until)),
        None => (filter.since, filter.until),
    };
    let is_over = |until: &Timestamp| *until <= now || since.is_some_and(|since| since >= now);
    let until = until.filter(is_over).unwrap_or(now);
    let earliest = until.saturating_add_seconds(-MOST_YEARS * YEAR_SECONDS);
    let first = first.filter(|first| *first < until);
    let since = since.max(first).unwrap_or(earliest).max(earliest);
    if since >= until {
        let text = format!("no time lies between {since} and {until}");
        return Err(
            Failure::usage(text).with_hint("the window begins before it ends, and before now")
        );
    }
    Ok(Window {
        since,
        until,
        zone: zone.clone(),
    })
}

/// False for a filter that has conditions on actions.
fn is_about_droplets(filter: &Filter) -> bool {
    let Filter {
        types,
        statuses,
        regions,
        resource_types,
        ids,
        ..
    } = filter;
    types.is_anything()
        && [statuses, regions, resource_types]
            .iter()
            .all(|it| it.is_anything())
        && ids.is_empty()
        && filter.min_duration_seconds.is_none()
        && filter.max_duration_seconds.is_none()
        && filter.seen_since.is_none()
}

/// The filter with these types, unless it has types of its own.
fn narrowed_to(filter: &Filter, types: &[&str]) -> Filter {
    let mut narrowed = filter.clone();
    if narrowed.types.is_anything() {
        let types = types
            .iter()
            .map(|name| TypeSelector::Type((*name).to_owned()));
        narrowed.types = Choice::any_of(types);
    }
    narrowed
}
