//! `archiver show`: prints everything that the archive knows about one action, for people or as JSON.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::str::FromStr;

use archiver::core::account::AccountName;
use archiver::core::model::ActionId;
use archiver::core::time::{Timestamp, Zone, duration_text};
use archiver::output::{grouped, visible, wrapped};
use archiver::query::status::counted;
use archiver::web::{self, Part};
use serde_json::value::RawValue;

use archiver::query::{
    self, Details, DropletDetails, Filter, ImportDetails, Offer, RegionDetails, SyncDetails,
};

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::pager;
use super::terminal::lead_of;
use super::union;

/// Flags of `archiver show`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The action's id
    #[arg(value_name = "ID")]
    id: ActionId,
    /// List every size that the region offers or offered
    #[arg(long)]
    sizes: bool,
    /// text, json or html
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: Form,
    /// The time zone in which times are shown: UTC, local, Europe/Berlin, +02:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: Zone,
    /// The answer is one of a server; html then has links to its other pages
    #[arg(long, hide = true)]
    linked: bool,
}

const AFTER_HELP: &str = "\
Examples:
  archiver show 2598691052
  archiver show 2598691052 --sizes -o json";

/// The format of the details.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For scripts: one object
    Json,
    /// A document for a browser
    Html,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let id = arguments.id;
    let answers = union::each(context, &Filter::default(), |own| {
        match query::show(&own.open_archive()?, id) {
            Err(query::Error::UnknownAction { .. }) => Ok(None),
            details => Ok(Some(details?)),
        }
    })?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    let (failed, known) = (answers.failed, answers.all.into_iter());
    let known = known.filter_map(|(account, details)| Some((account, details?)));
    let known: Vec<_> = known.collect();
    // A server sends a document even where no account that could be asked knows the action.
    let is_document = failed.is_some() && arguments.output != Form::Text;
    if is_document || !known.is_empty() {
        print(context, arguments, &known)?;
    }
    if !known.is_empty() {
        return Ok(failed.unwrap_or(Status::Done));
    }
    let failure = Failure::from(query::Error::UnknownAction { id });
    // On a server, it is a mistake in the address.
    let unknown = match arguments.linked {
        true => Status::Usage,
        false => failure.status,
    };
    let status = failed.unwrap_or(unknown);
    Err(Failure { status, ..failure })
}

/// Prints what each account knows.
fn print(
    context: &Context,
    arguments: &Arguments,
    known: &[(Option<AccountName>, Details)],
) -> Result<Status, Failure> {
    if arguments.output == Form::Json {
        return pager::print_json_of_each(context, known);
    }
    let parts = known.iter().flat_map(|(account, details)| {
        let sheet = Sheet {
            account: *account,
            zone: &arguments.tz,
            has_sizes: arguments.sizes,
            parts: Vec::new(),
        };
        sheet.of(details)
    });
    let parts: Vec<Part> = parts.collect();
    if arguments.output == Form::Html {
        let title = format!("Action {}", arguments.id);
        let document = web::sheet(&title, &parts, arguments.linked);
        return unless_closed(io::stdout().lock().write_all(document.as_bytes()));
    }
    let text = text(&parts, context.terminal.width);
    pager::print(context, |stdout| writeln!(stdout, "{}", text.trim_end()))
}

/// The width of the names of values, with the spaces around them.
const INDENT: usize = 15;

/// The parts as lines for a terminal.
fn text(parts: &[Part], width: Option<usize>) -> String {
    let mut text = String::new();
    for Part { heading, values } in parts {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", visible(heading));
        for (name, value) in values {
            let line = format!("  {name:<11}  {}", visible(value));
            let _ = writeln!(text, "{}", wrapped(&line, width, INDENT));
        }
    }
    text
}

/// Lines of a name and a value, under headings.
struct Sheet<'a> {
    /// The account, if there are several.
    account: Option<AccountName>,
    zone: &'a Zone,
    has_sizes: bool,
    parts: Vec<Part>,
}

impl Sheet<'_> {
    fn of(mut self, details: &Details) -> Vec<Part> {
        self.action(details);
        for droplet in &details.droplets {
            self.droplet(droplet);
        }
        if let Some(region) = &details.region {
            self.region(region);
        }
        self.heading("archive");
        let mut seen = "archived by";
        if let Some(import) = &details.imported {
            self.import(import);
            seen = "first sync";
        }
        match &details.first_seen {
            Some(sync) => self.sync(seen, sync),
            None => self.line(seen, Some("no sync has seen it: only the import knows it")),
        }
        if let Some(changed) = &details.changed {
            self.sync("changed by", changed);
        }
        self.parts
    }

    fn action(&mut self, details: &Details) {
        self.heading(&format!("{}action {}", lead_of(self.account), details.id));
        self.line("type", details.kind.as_deref());
        self.line("status", details.status.as_deref());
        self.time("started", details.started_at.as_deref());
        self.time("completed", details.completed_at.as_deref());
        self.line("took", details.duration_seconds.map(duration_text));
        self.line("usual", usual(details));
        let resource = match (&details.resource_type, details.resource_id) {
            (Some(kind), Some(id)) => Some(format!("{kind} {id}")),
            (Some(kind), None) => Some(kind.clone()),
            (None, id) => id.map(|id| id.to_string()),
        };
        self.line("resource", resource);
        self.line("region", details.region_slug.as_deref());
        self.line("extra", details.extra.as_deref().map(RawValue::get));
    }

    fn droplet(&mut self, droplet: &DropletDetails) {
        self.heading(&format!("droplet {}", droplet.id));
        self.line("name", droplet.name.as_deref());
        let former = &droplet.former_names;
        self.line("formerly", (!former.is_empty()).then(|| former.join(", ")));
        self.line("region", droplet.region_slug.as_deref());
        self.time("created", droplet.created_at.as_deref());
        self.time("found gone", droplet.gone_at.as_deref());
        self.line("extra", droplet.extra.as_deref().map(RawValue::get));
    }

    fn region(&mut self, region: &RegionDetails) {
        self.heading(&format!("region {}", region.slug));
        self.line("name", region.name.as_deref());
        let is_available = |available| if available { "yes" } else { "no" };
        self.line("available", region.available.map(is_available));
        self.time("first seen", Some(&region.first_seen_at));
        self.time("last seen", Some(&region.last_seen_at));
        self.offers("features", &region.features);
        if self.has_sizes {
            self.offers("sizes", &region.sizes);
        } else {
            self.line("sizes", summarised(&region.sizes));
        }
        self.line("extra", region.extra.as_deref().map(RawValue::get));
    }

    /// Puts offers with the same period on one line.
    fn offers(&mut self, name: &str, offers: &[Offer]) {
        let mut offers: Vec<&Offer> = offers.iter().collect();
        let period = |offer: &Offer| (offer.first_seen_at.clone(), offer.last_seen_at.clone());
        offers.sort_by_key(|offer| (!offer.is_current, period(offer)));
        for together in offers.chunk_by(|one, other| period(one) == period(other)) {
            let names: Vec<_> = together.iter().map(|offer| offer.name.as_str()).collect();
            let (first, last) = period(together[0]);
            let (first, last) = (self.shown(&first), self.shown(&last));
            let until = match together[0].is_current {
                true => String::new(),
                false => format!(" until {last}, and not since"),
            };
            self.line(name, Some(names.join(", ")));
            self.line("", Some(format!("since {first}{until}")));
        }
    }

    fn sync(&mut self, name: &str, sync: &SyncDetails) {
        let started = self.shown(&sync.started_at);
        let outcome = sync.outcome.as_deref().unwrap_or("it did not end");
        let text = format!("sync {} of {started}, {outcome}", sync.id);
        self.line(name, Some(text));
    }

    fn import(&mut self, import: &ImportDetails) {
        let (id, path) = (import.id, &import.path);
        let started = self.shown(&import.started_at);
        let text = format!("import {id} of {started}, {path}");
        self.line("archived by", Some(text));
    }

    fn heading(&mut self, text: &str) {
        self.parts.push(Part {
            heading: text.to_owned(),
            values: Vec::new(),
        });
    }

    /// Adds a line. An unknown value has no line.
    fn line(&mut self, name: &str, value: Option<impl Display>) {
        if let (Some(value), Some(part)) = (value, self.parts.last_mut()) {
            part.values.push((name.to_owned(), value.to_string()));
        }
    }

    fn time(&mut self, name: &str, time: Option<&str>) {
        let shown = time.map(|time| self.shown(time));
        self.line(name, shown);
    }

    fn shown(&self, time: &str) -> String {
        match Timestamp::from_str(time) {
            Ok(timestamp) => timestamp.in_zone(self.zone),
            Err(_) => time.to_owned(),
        }
    }
}

/// `9s for half of 1,203 such actions; this one took 4.2 times as long`
fn usual(details: &Details) -> Option<String> {
    let usual = details.usual.as_ref().filter(|usual| usual.actions > 1)?;
    let median = usual.median_seconds;
    let text = format!(
        "half of the {} take {} or less",
        counted(usual.actions, "completed action"),
        duration_text(median)
    );
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let times = |seconds: i64| seconds as f64 / median as f64;
    let compared = match details.duration_seconds {
        Some(took) if median > 0 && times(took) >= 1.5 => {
            format!("; this one took {:.1} times as long", times(took))
        }
        _ => String::new(),
    };
    Some(text + &compared)
}

/// `62 now, 12 formerly; --sizes lists them`
fn summarised(sizes: &[Offer]) -> Option<String> {
    let current = sizes.iter().filter(|size| size.is_current).count() as u64;
    let (former, current) = (grouped(sizes.len() as u64 - current), grouped(current));
    let text = format!("{current} now, {former} formerly; --sizes lists them");
    (!sizes.is_empty()).then_some(text)
}
