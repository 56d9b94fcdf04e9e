//! The overview: a history as one document. Each chart is one file that takes an answer and draws it.
//!
//! `figures` is the head of the page, `calendar`, `fleet`, `failures`, `durations` and `uptime` are charts, `actions` is
//! the table, and `chart` is the frame of charts by month. The style and the script only add to what is drawn here.

mod actions;
mod calendar;
mod chart;
mod durations;
mod failures;
mod figures;
mod fleet;
mod uptime;

pub use figures::Figure;
pub use fleet::Lane;

use maud::{Markup, html};

use super::document::{document, navigation};
use super::kept::Kept;
use crate::core::time::{CalendarUnit, Timestamp, Zone};
use crate::output::grouped;

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
        let until = window.until.saturating_add_seconds(-1);
        let title = format!(
            "Action history, {} to {}",
            day_text(window.since, window),
            day_text(until, window)
        );
        let main = html! {
            @if is_linked { (navigation()) }
            h1 { (title) }
            @if let Some(served) = &self.served { (figures::form(&served.chosen)) }
            (section("basis", "Basis", figures::basis(&self.basis, self.is_complete)))
            (section("figures", "Key figures", figures::figures(&self.figures, &self.reports, is_linked)))
            (section("calendar", "Calendar", calendar::calendar(&self.by_day, window)))
            (section("fleet", "Fleet", html! {
                @if self.droplets > self.lanes.len() as u64 {
                    p { "The " (self.lanes.len()) " droplets with the most actions, of " (grouped(self.droplets)) "." }
                }
                @if self.unarchived > 0 {
                    p { "The history of " (plural(self.unarchived, "more droplet")) " is not archived completely." }
                }
                (fleet::fleet(&self.lanes, &self.downtime, &self.marks, window, is_linked))
            }))
            (section("failures", "Failures", failures::failures(&self.by_day, window)))
            (section("durations", "Duration of backups and snapshots", durations::durations(&self.durations, window)))
            (section("uptime", "Uptime", uptime::uptime(&self.uptime, is_linked)))
            (section("actions", "Actions", actions::actions(&self.actions, self.by_day.sum("count"), &window.zone, is_linked)))
            @if let Some(served) = &self.served {
                p { "As JSON: " @for (name, address) in &served.json { a href=(address) { (name) } " " } }
            }
        };
        document(&title, &main)
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

/// `1 action`, `2,345 actions`.
fn plural(number: u64, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {noun}{end}", grouped(number))
}

/// The day of an instant on the clocks of the window.
fn day_text(at: Timestamp, window: &Window) -> String {
    CalendarUnit::Day.text(CalendarUnit::Day.at(at, &window.zone))
}

impl Window {
    /// The length in seconds.
    fn seconds(&self) -> i64 {
        self.until.epoch_seconds() - self.since.epoch_seconds()
    }
}
