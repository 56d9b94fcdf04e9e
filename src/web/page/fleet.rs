//! The fleet: one lane for each droplet, with its life, its outages and its marks.
//!
//! The drawing of a lane is stretched to the width of the page, so it has no text. Names and times are HTML.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Overview, Window, as_table, day_text, key, linked};
use crate::core::model::BACKUPS;
use crate::core::time::{CalendarUnit, Timestamp, duration_text};
use crate::output::counted;
use crate::web::kept::{DropletKey, Kept};

/// The width of a lane in its own unit. The height is 24.
const WIDTH: i64 = 100_000;
/// Marks of one kind that are nearer than this are one mark, so that a lane has at most 2,000 of each.
const NEAREST: i64 = WIDTH / 2_000;

/// A droplet of the fleet.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The droplet.
    pub droplet: DropletKey,
    /// The latest name, or the id; and the account, if there are several.
    pub name: String,
    /// The time of its creation.
    pub created_at: Option<Timestamp>,
    /// The time since when it is gone.
    pub gone_at: Option<Timestamp>,
}

/// The events of a droplet.
#[derive(Default)]
struct Events {
    /// The certain outages, and the estimated ones.
    outages: [Vec<Outage>; 2],
    /// The times of each kind of action, in the order of [`KINDS`].
    marks: [Vec<Timestamp>; 3],
}

/// The actions that a lane shows: the class, and the line of each.
const KINDS: [(&str, &str); 3] = [
    ("resizes", "2v20"),
    ("backups", "14v10"),
    ("failures", "0v10"),
];

/// When a droplet was off.
type Outage = (Timestamp, Timestamp);

/// Draws the lanes.
pub(super) fn fleet(page: &Overview) -> Markup {
    let (window, is_linked) = (&page.window, page.served.is_some());
    let mut events = events(&page.downtime, &page.marks, window);
    let mut of_lane = |lane: &Lane| events.remove(&lane.droplet).unwrap_or_default();
    let lanes: Vec<_> = (page.lanes.iter().map(|lane| (lane, of_lane(lane)))).collect();
    let headings = [
        "Droplet", "Created", "Gone", "Outages", "Off", "Failures", "Backups", "Resizes",
    ];
    let rows = lanes.iter().map(|(lane, events)| events.row(lane, window));
    html! {
        (legend())
        div .controls hidden {
            button type="button" #zoom-in { "Zoom in" }
            button type="button" #zoom-out { "Zoom out" }
            button type="button" #zoom-reset { "Whole window" }
        }
        (axis(window))
        div #lanes data-from=(window.since.epoch_seconds()) data-to=(window.until.epoch_seconds()) {
            @for (lane, events) in &lanes { (events.drawn(lane, window, is_linked)) }
        }
        p #fleet-detail .detail aria-live="polite" {}
        (as_table("Droplets", &headings, rows))
    }
}

fn events(downtime: &Kept, marks: &Kept, window: &Window) -> BTreeMap<DropletKey, Events> {
    let mut all = BTreeMap::<_, Events>::new();
    for row in downtime.rows() {
        if let (Some(droplet), Some(from)) = (row.droplet(), row.time("off_at")) {
            let to = row.time("ended_at").unwrap_or(window.until);
            let outage = (window.since.max(from), window.until.min(to));
            all.entry(droplet).or_default().outages[usize::from(row.is_estimate())].push(outage);
        }
    }
    for row in marks.rows() {
        let kind = match (row.text("type"), row.text("status")) {
            (_, Some("errored")) => 2,
            (Some("resize"), _) => 0,
            (Some(kind), _) if BACKUPS.contains(&kind) => 1,
            _ => continue,
        };
        if let (Some(droplet), Some(at)) = (row.droplet(), row.time("started_at")) {
            all.entry(droplet).or_default().marks[kind].push(at);
        }
    }
    for times in all.values_mut().flat_map(|events| &mut events.marks) {
        times.sort();
    }
    all
}

fn legend() -> Markup {
    const KINDS: [(&str, &str, &str); 6] = [
        ("alive", "M0 9h20v6h-20z", "exists"),
        ("outage", "M0 4h20v16h-20z", "off"),
        ("outage estimated", "M0 4h20v16h-20z", "off, estimated"),
        ("failures", "M10 0v10", "failed action"),
        ("backups", "M10 14v10", "backup or snapshot"),
        ("resizes", "M10 2v20", "resize"),
    ];
    html! {
        ul .legend {
            @for (class, path, label) in KINDS {
                li { (key(&html! { path class=(class) d=(path) {} })) (label) }
            }
        }
    }
}

/// The starts of days, months or years, of as many as have room.
fn axis(window: &Window) -> Markup {
    const MOST: usize = 14;
    let units = [CalendarUnit::Day, CalendarUnit::Month, CalendarUnit::Year];
    let periods = units.map(|unit| {
        let mut periods = unit.between(window.since, window.until, &window.zone);
        periods.retain(|(_, start, _)| *start >= window.since);
        periods
    });
    let periods = periods.into_iter().find(|it| it.len() <= MOST);
    html! {
        div #fleet-axis aria-hidden="true" {
            svg {
                @for (label, start, _) in periods.unwrap_or_default() {
                    text x=(format!("{:.2}%", x(start, window) as f64 * 100.0 / WIDTH as f64)) y="12" { (label) }
                }
            }
        }
    }
}

fn x(at: Timestamp, window: &Window) -> i64 {
    let since = window.since.epoch_seconds();
    let seconds = (window.until.epoch_seconds() - since).max(1);
    let offset = (at.epoch_seconds() - since).clamp(0, seconds);
    // The window has at most 20 years.
    offset * WIDTH / seconds
}

impl Events {
    fn drawn(&self, lane: &Lane, window: &Window, is_linked: bool) -> Markup {
        let (id, name) = (lane.droplet.1, &lane.name);
        let address = is_linked.then(|| format!("/timeline/{id}"));
        html! {
            div .lane tabindex="0" role="group" data-droplet=(id) aria-label=(self.in_words(lane, window)) {
                span .lane-name title=(name) { (linked(address, html! { bdi { (name) } })) }
                svg .life viewBox=(format!("0 0 {WIDTH} 24")) preserveAspectRatio="none" aria-hidden="true" {
                    (self.life(lane, window))
                }
            }
        }
    }

    fn life(&self, lane: &Lane, window: &Window) -> Markup {
        let from = lane.created_at.map_or(0, |at| x(at, window));
        let to = lane.gone_at.map_or(WIDTH, |at| x(at, window));
        html! {
            @if from < to { path .alive d=(format!("M{from} 9H{to}v6H{from}z")) {} }
            @for (class, outages) in ["outage", "outage estimated"].iter().zip(&self.outages) {
                @let path = bands(outages, window);
                @if !path.is_empty() { path class=(class) d=(path) {} }
            }
            @for ((class, line), times) in KINDS.iter().zip(&self.marks) {
                @let path = lines(times, line, window);
                @if !path.is_empty() { path class=(class) vector-effect="non-scaling-stroke" d=(path) {} }
            }
        }
    }

    /// The number of outages, and how long they were together.
    fn off(&self) -> (usize, String) {
        let outages = self.outages.iter().flatten();
        let seconds = |(from, to): &Outage| (to.epoch_seconds() - from.epoch_seconds()).max(0);
        let seconds = outages.clone().map(seconds).sum();
        (outages.count(), duration_text(seconds))
    }

    fn in_words(&self, lane: &Lane, window: &Window) -> String {
        let mut text = lane.name.clone();
        for (word, at) in [("created", lane.created_at), ("gone", lane.gone_at)] {
            if let Some(at) = at {
                text += &format!(", {word} {}", day_text(at, window));
            }
        }
        let (outages, off) = self.off();
        text += &format!(": {}", counted(outages as u64, "outage"));
        if outages > 0 {
            text += &format!(" of {off}");
        }
        let [_, backups, failures] = &self.marks;
        let failures = counted(failures.len() as u64, "failed action");
        let backups = counted(backups.len() as u64, "backup");
        text + &format!(", {failures}, {backups}")
    }

    fn row(&self, lane: &Lane, window: &Window) -> Vec<String> {
        let day = |at: Option<Timestamp>| at.map_or_else(String::new, |at| day_text(at, window));
        let [resizes, backups, failures] = &self.marks;
        let (outages, off) = self.off();
        vec![
            lane.name.clone(),
            day(lane.created_at),
            day(lane.gone_at),
            outages.to_string(),
            off,
            failures.len().to_string(),
            backups.len().to_string(),
            resizes.len().to_string(),
        ]
    }
}

fn bands(outages: &[Outage], window: &Window) -> String {
    let band = |(from, to): &Outage| {
        let (from, to) = (x(*from, window), x(*to, window));
        format!("M{from} 4h{}v16H{from}z", (to - from).max(1))
    };
    outages.iter().map(band).collect()
}

/// One upright line for each time. The times are sorted.
fn lines(times: &[Timestamp], line: &str, window: &Window) -> String {
    let mut places: Vec<_> = times.iter().map(|at| x(*at, window)).collect();
    places.dedup_by(|x, last| *x - *last < NEAREST);
    places.iter().map(|x| format!("M{x} {line}")).collect()
}
