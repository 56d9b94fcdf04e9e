//! `archiver show`: prints everything that the archive knows about one action, for people or as JSON.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::str::FromStr;

use archiver::core::model::ActionId;
use archiver::core::time::{Timestamp, Zone, duration_text};
use archiver::output::visible;
use archiver::query::{self, Details, DropletDetails, Offer, RegionDetails, SyncDetails};

use super::Context;
use super::document::{self, DocumentFormat};
use super::exit::{Failure, Status, unless_closed};

/// Flags of `archiver show`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The action's id
    #[arg(value_name = "ID")]
    id: ActionId,
    /// text or json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: DocumentFormat,
    /// The time zone in which times are shown: UTC, local, Europe/Berlin, +02:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: Zone,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let details = query::show(&context.open_archive()?, arguments.id)?;
    match arguments.output {
        DocumentFormat::Text => {
            let text = Sheet::new(&arguments.tz).of(&details);
            unless_closed(writeln!(io::stdout(), "{}", text.trim_end()))
        }
        DocumentFormat::Json => document::print_json(&details),
    }
}

/// Lines of a name and a value, under headings.
struct Sheet<'a> {
    zone: &'a Zone,
    text: String,
}

impl<'a> Sheet<'a> {
    fn new(zone: &'a Zone) -> Self {
        Self {
            zone,
            text: String::new(),
        }
    }

    fn of(mut self, details: &Details) -> String {
        self.action(details);
        for droplet in &details.droplets {
            self.droplet(droplet);
        }
        if let Some(region) = &details.region {
            self.region(region);
        }
        self.heading("archive");
        self.sync("archived by", &details.first_seen);
        if let Some(changed) = &details.changed {
            self.sync("changed by", changed);
        }
        self.text
    }

    fn action(&mut self, details: &Details) {
        self.heading(&format!("action {}", details.id));
        self.line("type", details.kind.as_deref());
        self.line("status", details.status.as_deref());
        self.time("started", details.started_at.as_deref());
        self.time("completed", details.completed_at.as_deref());
        self.line("took", details.duration_seconds.map(duration_text));
        let resource = match (&details.resource_type, details.resource_id) {
            (Some(kind), Some(id)) => Some(format!("{kind} {id}")),
            (Some(kind), None) => Some(kind.clone()),
            (None, id) => id.map(|id| id.to_string()),
        };
        self.line("resource", resource);
        self.line("region", details.region_slug.as_deref());
        self.line("extra", details.extra.as_ref());
    }

    fn droplet(&mut self, droplet: &DropletDetails) {
        self.heading(&format!("droplet {}", droplet.id));
        self.line("name", droplet.name.as_deref());
        self.line("formerly", listed(&droplet.former_names));
        self.line("region", droplet.region_slug.as_deref());
        self.time("created", droplet.created_at.as_deref());
        self.time("found gone", droplet.gone_at.as_deref());
        self.line("extra", droplet.extra.as_ref());
    }

    fn region(&mut self, region: &RegionDetails) {
        self.heading(&format!("region {}", region.slug));
        self.line("name", region.name.as_deref());
        let is_available = |available| if available { "yes" } else { "no" };
        self.line("available", region.available.map(is_available));
        self.time("first seen", Some(&region.first_seen_at));
        self.time("last seen", Some(&region.last_seen_at));
        self.offers("features", &region.features);
        self.offers("sizes", &region.sizes);
        self.line("extra", region.extra.as_ref());
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
            let until = if together[0].is_current {
                String::new()
            } else {
                format!(" until {last}, and not since")
            };
            self.line(name, Some(names.join(", ")));
            self.line("", Some(format!("since {first}{until}")));
        }
    }

    fn sync(&mut self, name: &str, sync: &SyncDetails) {
        let started = self.shown(&sync.started_at);
        let outcome = sync.outcome.as_deref().unwrap_or("it did not end");
        self.line(
            name,
            Some(format!("sync {} of {started}, {outcome}", sync.id)),
        );
    }

    fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "{}", visible(text));
    }

    /// Adds a line. An unknown value has no line.
    fn line(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            let value = value.to_string();
            let _ = writeln!(self.text, "  {name:<11}  {}", visible(&value));
        }
    }

    fn time(&mut self, name: &str, time: Option<&str>) {
        let shown = time.map(|time| self.shown(time));
        self.line(name, shown);
    }

    fn shown(&self, time: &str) -> String {
        match Timestamp::from_str(time) {
            Ok(timestamp) => timestamp.in_zone(self.zone).to_string(),
            Err(_) => time.to_owned(),
        }
    }
}

fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}
