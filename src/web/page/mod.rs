//! The overview: a history as one document. Each chart is one file that takes an answer and draws it.
//!
//! `calendar`, `fleet` and `uptime` are charts, `months` has the charts by month, and `actions` is the table. The style and
//! the script only add to what is drawn here.

mod actions;
mod calendar;
mod fleet;
mod months;
mod uptime;

pub use fleet::Lane;

use maud::{Markup, html};

use super::document::{document, navigation};
use super::kept::Kept;
use crate::core::time::{CalendarUnit, Timestamp, Zone};
use crate::output::{counted, grouped};

/// The part of the history that the charts show.
#[derive(Clone, Debug)]
pub struct Window {
    /// The start.
    pub since: Timestamp,
    /// The end, which is not part of it.
    pub until: Timestamp,
    /// The zone of all times.
    pub zone: Zone,
}

/// A key figure: its name for programs, its label, and its value with a note about it.
pub type Figure = (&'static str, &'static str, String, Option<String>);

/// All that the overview shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The basis of the answers, as names and texts.
    pub basis: Vec<(&'static str, String)>,
    /// False when actions are missing.
    pub is_complete: bool,
    /// The window of the charts.
    pub window: Window,
    /// The key figures.
    pub figures: Vec<Figure>,
    /// The name of each report and its answer in one line.
    pub reports: Vec<(String, String)>,
    /// The answer of `stats --by day,type`.
    pub by_day: Kept,
    /// The answer of `stats --durations --by month,type`.
    pub durations: Kept,
    /// The droplets of the fleet.
    pub lanes: Vec<Lane>,
    /// The number of droplets, of which the fleet shows the busiest.
    pub droplets: u64,
    /// The number of further droplets whose history is not archived completely.
    pub unarchived: u64,
    /// The answer of `report downtime` about the droplets of the fleet.
    pub downtime: Kept,
    /// The failures, backups and resizes of the droplets of the fleet.
    pub marks: Kept,
    /// The answer of `report uptime --by month` about the droplets of the fleet.
    pub uptime: Kept,
    /// The newest actions.
    pub actions: Kept,
    /// The server's side of the page, if it is served.
    pub served: Option<Served>,
}

/// The parts of a page that only a server can have. Such a page has links too.
#[derive(Clone, Debug)]
pub struct Served {
    /// The chosen filters for the form, as names and texts.
    pub chosen: Vec<(String, String)>,
    /// The name and the address of each answer as JSON.
    pub json: Vec<(&'static str, String)>,
}

impl Overview {
    /// The document.
    #[must_use]
    pub fn document(&self) -> Markup {
        let window = &self.window;
        let is_linked = self.served.is_some();
        let last = window.until.saturating_add_seconds(-1);
        let [first, last] = [window.since, last].map(|at| day_text(at, window));
        let title = format!("Action history, {first} to {last}");
        let main = html! {
            @if is_linked { (navigation()) }
            h1 { (title) }
            @if let Some(served) = &self.served { (form(&served.chosen)) }
            (section("basis", "Basis", basis(&self.basis, self.is_complete)))
            (section("figures", "Key figures", figures(&self.figures, &self.reports, is_linked)))
            (section("calendar", "Calendar", calendar::calendar(&self.by_day, window)))
            (section("fleet", "Fleet", html! {
                @if self.droplets > self.lanes.len() as u64 {
                    p { "The " (self.lanes.len()) " droplets with the most actions, of " (grouped(self.droplets)) "." }
                }
                @if self.unarchived > 0 {
                    p { "The history of " (counted(self.unarchived, "more droplet")) " is not archived completely." }
                }
                (fleet::fleet(self))
            }))
            (section("failures", "Failures", months::failures(&self.by_day, window)))
            (section("durations", "Duration of backups and snapshots", months::durations(&self.durations, window)))
            (section("uptime", "Uptime", uptime::uptime(&self.lanes, &self.uptime, is_linked)))
            (section("actions", "Actions", actions::actions(&self.actions, self.by_day.sum("count"), &window.zone, is_linked)))
            @if let Some(served) = &self.served {
                p { "As JSON: " @for (name, address) in &served.json { a href=(address) { (name) } " " } }
            }
        };
        document(&title, &main)
    }
}

fn basis(basis: &[(&'static str, String)], is_complete: bool) -> Markup {
    html! {
        dl class=(if is_complete { "basis" } else { "basis incomplete" }) {
            @for (name, text) in basis { dt { (name) } dd { bdi { (text) } } }
        }
    }
}

fn figures(figures: &[Figure], reports: &[(String, String)], is_linked: bool) -> Markup {
    html! {
        dl .figures {
            @for (name, label, value, note) in figures {
                div data-figure=(name) {
                    dt { (label) }
                    dd { strong { (value) } @if let Some(note) = note { " " small { (note) } } }
                }
            }
        }
        @if !reports.is_empty() {
            h3 { "Reports" }
            ul #reports {
                @for (name, found) in reports {
                    li data-report=(name) {
                        @if is_linked { a href={ "/report/" (name) } { (name) } } @else { (name) }
                        ": " (found)
                    }
                }
            }
        }
    }
}

/// The fields of the form: the name of the flag, and an example.
const FIELDS: [(&str, &str); 8] = [
    ("droplet", "web-*"),
    ("tag", "prod"),
    ("type", "@power"),
    ("status", "errored"),
    ("region", "nyc3"),
    ("since", "90d"),
    ("until", "2026-07"),
    ("tz", "Europe/Berlin"),
];

/// The filters, with the names of the flags.
fn form(chosen: &[(String, String)]) -> Markup {
    let value = |field: &str| {
        let chosen = chosen.iter().filter(|(name, _)| name == field);
        let values: Vec<_> = chosen.map(|(_, value)| value.as_str()).collect();
        values.join(",")
    };
    // The form keeps a filter that has no field.
    let is_hidden = |name: &str| FIELDS.iter().all(|(field, _)| *field != name);
    html! {
        form .controls method="get" action="" role="search" aria-label="Filters" {
            @for (name, example) in FIELDS {
                label { (name) " " input name=(name) value=(value(name)) placeholder=(example) autocomplete="off"; }
            }
            @for (name, value) in chosen.iter().filter(|(name, _)| is_hidden(name)) {
                input type="hidden" name=(name) value=(value);
            }
            button { "Show" }
        }
    }
}

fn section(id: &str, title: &str, content: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (content)
        }
    }
}

/// A part that is wider than a small screen.
fn scrolled(label: &str, content: &Markup) -> Markup {
    html! { div .scroll tabindex="0" role="group" aria-label=(label) { (content) } }
}

/// A table behind a button, as another form of a chart.
fn as_table(caption: &str, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    let table = html! {
        table {
            caption .hidden { (caption) }
            thead { tr { @for heading in headings { th scope="col" { bdi { (heading) } } } } }
            tbody { @for row in rows { tr { @for cell in row { td { bdi { (cell) } } } } } }
        }
    };
    html! { details { summary { "As a table" } (scrolled(caption, &table)) } }
}

/// A drawing in a legend.
fn key(drawing: &Markup) -> Markup {
    html! { svg viewBox="0 0 20 24" aria-hidden="true" { (drawing) } " " }
}

/// Links to this address, if there is one.
fn linked(address: Option<String>, content: Markup) -> Markup {
    match address {
        Some(address) => html! { a href=(address) { (content) } },
        None => content,
    }
}

/// The day of an instant on the clocks of the window.
fn day_text(at: Timestamp, window: &Window) -> String {
    CalendarUnit::Day.text(CalendarUnit::Day.at(at, &window.zone))
}
