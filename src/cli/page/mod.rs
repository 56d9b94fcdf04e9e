//! `archiver page`: writes the history as one HTML document. The answers are those of other commands;
//! `fleet` chooses the droplets, `archives` asks the archives.

mod archives;
mod fleet;

use std::cell::Cell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use archiver::core::account::AccountName;
use archiver::core::replace::{Readers, replace_file};
use archiver::core::time::{CalendarUnit, Timestamp, Zone, duration_text};
use archiver::output::grouped;
use archiver::query::report::Library;
use archiver::query::stats::{Dimension, Measure};
use archiver::query::{self, Choice, Filter, TypeSelector};
use archiver::web::{Figure, Kept, Overview, Row, Served, Window};

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::outcome;
use super::written::Written;
use archives::{Archive, Found};
use fleet::ids;

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
    let (now, zone) = (Timestamp::now(), &arguments.tz);
    let filter = arguments.which.filter(now, zone)?;
    let mut found = Found::by(context, &filter, now)?;
    let (overview, status) = loop {
        let status = found.failed.unwrap_or(Status::Done);
        if found.archives.is_empty() {
            return Ok(status);
        }
        let page = Page::new(context, arguments, (found, filter.clone(), now), library)?;
        match page.overview().and_then(|it| Ok((page.slips(&it)?, it))) {
            Ok((slips, overview)) => {
                context.terminal.warnings(&slips);
                break (overview, status);
            }
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
    zone: &'a Zone,
    now: Timestamp,
    filter: Filter,
    window: Window,
    library: &'a Library,
    is_linked: bool,
}

impl<'a> Page<'a> {
    fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        (found, mut filter, now): (Found, Filter, Timestamp),
        library: &'a Library,
    ) -> Result<Self, Failure> {
        let zone = &arguments.tz;
        let facts = || found.archives.iter().map(|archive| &archive.status.facts);
        let actions: u64 = facts().map(|facts| facts.actions).sum();
        let is_open = filter.since.is_none() && filter.until.is_none() && filter.overlap.is_none();
        if is_open && actions > MANY_ACTIONS {
            filter.since = Some(now.saturating_add_seconds(-YEAR_SECONDS));
        }
        let first = facts().filter_map(|facts| facts.first_action_at.as_deref()?.parse().ok());
        Ok(Self {
            context,
            zone,
            now,
            library,
            window: window(&filter, first.min(), now, zone)?,
            found,
            asked: Cell::default(),
            filter,
            is_linked: arguments.linked,
        })
    }

    /// Probable mistakes in the filter, as all accounts see them.
    fn slips(&self, overview: &Overview) -> Result<Vec<String>, Failure> {
        let found = overview.by_day.sum("count");
        let slips = self.each().map(|(_, archive)| {
            let filter = archive.known(&self.filter);
            filter::slips(&archive.connection, (&filter, self.now), found)
        });
        Ok(outcome::shared(&slips.collect::<Result<Vec<_>, _>>()?))
    }

    fn overview(&self) -> Result<Overview, Failure> {
        let by_day = self.stats(&self.filter, &[DAY, Dimension::Type], Measure::Errors)?;
        let backups = narrowed_to(&self.filter, &["backup", "snapshot"]);
        let durations = self.stats(&backups, &[MONTH, Dimension::Type], Measure::Durations)?;
        let chosen = |_, archive: &Archive| archive.chosen.clone();
        let lives = self.report("lifetimes", chosen, None)?;
        let downtime = self.report("downtime", chosen, Some(self.window.since))?;
        let lanes = self.lanes(&lives)?;
        let of_lanes = |place, _: &Archive| Some(ids(&lanes, place));
        let uptime = self.report("uptime", of_lanes, Some(self.year()))?;
        let unarchived = self.each().map(|(_, archive)| {
            query::not_archived(&archive.connection, archive.chosen.as_deref())
        });
        let unarchived = unarchived.map(|it| Ok(it?.len() as u64));
        let is_incomplete = |archive: &Archive| archive.context.basis.is_incomplete();
        Ok(Overview {
            basis: self.basis(),
            is_complete: self.found.missing.is_empty()
                && !self.found.archives.iter().any(is_incomplete),
            figures: self.figures(&by_day, &lives, &downtime)?,
            reports: self.digest()?,
            marks: self.marks(&lanes)?,
            actions: self.actions(by_day.sum("count"))?,
            window: self.window.clone(),
            by_day,
            durations,
            droplets: lives.rows().filter(|life| self.is_in_window(*life)).count() as u64,
            unarchived: unarchived.sum::<Result<u64, query::Error>>()?,
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

    fn basis(&self) -> Vec<(&'static str, String)> {
        let shown = |at: Timestamp| at.in_zone(self.zone);
        let fresh = self.found.archives.iter().map(|archive| {
            let fresh_at = archive.status.verdict.fresh_at.as_deref();
            fresh_at.and_then(|at| at.parse::<Timestamp>().ok())
        });
        // Without any for one account, there is none for all.
        let fresh = fresh.min().flatten().map_or("never".to_owned(), shown);
        let window = &self.window;
        let archives = self.found.archives.iter().map(|archive| {
            let account = archive.account.map(|account| format!("{account}: "));
            let account = account.unwrap_or_default();
            let verdict = &archive.status.verdict.text;
            ("Archive", format!("{account}{verdict} (when written)"))
        });
        let missing = self.found.missing.iter();
        let missing = missing.map(|(account, why)| ("Not included", format!("{account}: {why}")));
        let mut basis: Vec<_> = archives.chain(missing).collect();
        basis.extend([
            ("Last complete sync", fresh),
            (
                "Window",
                format!("{} to {}", shown(window.since), shown(window.until)),
            ),
            ("Time zone", self.zone.to_string()),
        ]);
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
        let count = |(_, archive): (i64, &Archive)| {
            let open = archive.known(&open);
            query::count(&archive.connection, &open, self.now)
        };
        Ok(self.each().map(count).sum::<Result<u64, _>>()?)
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
