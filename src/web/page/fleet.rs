//! The fleet: one lane for each droplet, with its life, its outages and its marks.
//!
//! The drawing of a lane is stretched to the width of the page, so it has no text. Names and times are HTML.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Lane, Mark, MarkKind, Window, as_table, day_text, plural};
use crate::core::time::{Timestamp, duration_text};
use crate::web::kept::{DropletKey, Kept};

/// The width of a lane in its own unit. The height is 24.
const WIDTH: i64 = 100_000;
/// Marks of one kind that are nearer than this are one mark, so that a lane has at most 2,000 of each.
const NEAREST: i64 = WIDTH / 2_000;

/// When a droplet was off.
struct Outage {
    from: Timestamp,
    to: Timestamp,
    is_estimate: bool,
}

/// Draws the lanes. `downtime` is the answer of `report downtime` about their droplets.
pub(super) fn fleet(
    lanes: &[Lane],
    downtime: &Kept,
    marks: &[Mark],
    window: &Window,
    is_linked: bool,
) -> Markup {
    let outages = outages(downtime, window);
    let mut marks_of = HashMap::<DropletKey, Vec<&Mark>>::new();
    for mark in marks {
        marks_of.entry(mark.droplet).or_default().push(mark);
    }
    let none = Vec::new();
    let of = |lane: &Lane| {
        let outages = outages.get(&lane.droplet).map_or(&[][..], Vec::as_slice);
        (
            outages,
            marks_of.get(&lane.droplet).unwrap_or(&none).as_slice(),
        )
    };
    html! {
        (legend())
        div .controls hidden {
            button type="button" #zoom-in { "Zoom in" }
            button type="button" #zoom-out { "Zoom out" }
            button type="button" #zoom-reset { "Whole window" }
        }
        (axis(window))
        div #lanes data-from=(window.since.epoch_seconds()) data-to=(window.until.epoch_seconds()) {
            @for lane in lanes {
                @let (outages, marks) = of(lane);
                div .lane tabindex="0" role="group" data-droplet=(lane.droplet.1)
                    aria-label=(in_words(lane, outages, marks, window)) {
                    span .lane-name title=(lane.name) {
                        @if is_linked { a href={ "/timeline/" (lane.droplet.1) } { bdi { (lane.name) } } }
                        @else { bdi { (lane.name) } }
                    }
                    svg .life viewBox=(format!("0 0 {WIDTH} 24")) preserveAspectRatio="none" aria-hidden="true" {
                        (life(lane, outages, marks, window))
                    }
                }
            }
        }
        p #fleet-detail .detail aria-live="polite" {}
        (as_table("Droplets", &["Droplet", "Created", "Gone", "Outages", "Off", "Failures", "Backups", "Resizes"],
            lanes.iter().map(|lane| {
                let (outages, marks) = of(lane);
                row(lane, outages, marks, window)
            })))
    }
}

fn outages(downtime: &Kept, window: &Window) -> BTreeMap<DropletKey, Vec<Outage>> {
    let mut outages = BTreeMap::<DropletKey, Vec<Outage>>::new();
    for row in downtime.rows() {
        if let (Some(droplet), Some(from)) = (row.droplet(), row.time("off_at")) {
            outages.entry(droplet).or_default().push(Outage {
                from: window.since.max(from),
                to: window
                    .until
                    .min(row.time("ended_at").unwrap_or(window.until)),
                is_estimate: row.text("certainty") != Some("certain"),
            });
        }
    }
    outages
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
                li {
                    svg viewBox="0 0 20 24" aria-hidden="true" { path class=(class) d=(path) {} }
                    " " (label)
                }
            }
        }
    }
}

/// The start of each year, or of each month of a short window.
fn axis(window: &Window) -> Markup {
    let is_long = window.seconds() > 3 * 365 * 86_400;
    let ticks = window.ticks(if is_long { 12 } else { 14 });
    html! {
        div #fleet-axis aria-hidden="true" {
            svg {
                @for (label, at) in ticks {
                    text x=(format!("{:.2}%", window.share(at) * 100.0)) y="12" { (label) }
                }
            }
        }
    }
}

/// The x of an instant.
fn x(at: Timestamp, window: &Window) -> i64 {
    let from = window.since.epoch_seconds();
    let seconds = window.seconds().max(1);
    let offset = (at.epoch_seconds() - from).clamp(0, seconds);
    i64::try_from(i128::from(offset) * i128::from(WIDTH) / i128::from(seconds)).unwrap_or(0)
}

fn life(lane: &Lane, outages: &[Outage], marks: &[&Mark], window: &Window) -> Markup {
    let from = lane.created_at.map_or(0, |at| x(at, window));
    let to = lane.gone_at.map_or(WIDTH, |at| x(at, window));
    let band = |outages: Vec<&Outage>| {
        let mut path = String::new();
        for outage in outages {
            let (from, to) = (x(outage.from, window), x(outage.to, window));
            // Writing to a string cannot fail.
            let _ = write!(path, "M{from} 4h{}v16H{from}z", (to - from).max(1));
        }
        path
    };
    let (estimated, certain): (Vec<_>, Vec<_>) = outages.iter().partition(|it| it.is_estimate);
    html! {
        @if from < to { path .alive d=(format!("M{from} 9H{to}v6H{from}z")) {} }
        @if !certain.is_empty() { path .outage d=(band(certain)) {} }
        @if !estimated.is_empty() { path .outage.estimated d=(band(estimated)) {} }
        @for (kind, class, line) in [
            (MarkKind::Resize, "resizes", "2v20"),
            (MarkKind::Backup, "backups", "14v10"),
            (MarkKind::Failure, "failures", "0v10"),
        ] {
            @let path = lines(marks, kind, line, window);
            @if !path.is_empty() { path class=(class) vector-effect="non-scaling-stroke" d=(path) {} }
        }
    }
}

/// One upright line for each mark of this kind. The marks are sorted by time.
fn lines(marks: &[&Mark], kind: MarkKind, line: &str, window: &Window) -> String {
    let mut path = String::new();
    let mut last = None;
    for mark in marks.iter().filter(|mark| mark.kind == kind) {
        let x = x(mark.at, window);
        if last.is_none_or(|last: i64| (x - last).abs() >= NEAREST) {
            last = Some(x);
            // Writing to a string cannot fail.
            let _ = write!(path, "M{x} {line}");
        }
    }
    path
}

fn number(marks: &[&Mark], kind: MarkKind) -> u64 {
    marks.iter().filter(|mark| mark.kind == kind).count() as u64
}

fn off_seconds(outages: &[Outage]) -> i64 {
    let seconds = |outage: &Outage| outage.to.epoch_seconds() - outage.from.epoch_seconds();
    outages.iter().map(|outage| seconds(outage).max(0)).sum()
}

fn in_words(lane: &Lane, outages: &[Outage], marks: &[&Mark], window: &Window) -> String {
    let mut text = lane.name.clone();
    if let Some(at) = lane.created_at {
        text += &format!(", created {}", day_text(at, window));
    }
    if let Some(at) = lane.gone_at {
        text += &format!(", gone {}", day_text(at, window));
    }
    text += &format!(": {}", plural(outages.len() as u64, "outage"));
    if !outages.is_empty() {
        text += &format!(" of {}", duration_text(off_seconds(outages)));
    }
    let failures = plural(number(marks, MarkKind::Failure), "failed action");
    let backups = plural(number(marks, MarkKind::Backup), "backup");
    text + &format!(", {failures}, {backups}")
}

fn row(lane: &Lane, outages: &[Outage], marks: &[&Mark], window: &Window) -> Vec<String> {
    let day = |at: Option<Timestamp>| at.map_or_else(String::new, |at| day_text(at, window));
    vec![
        lane.name.clone(),
        day(lane.created_at),
        day(lane.gone_at),
        outages.len().to_string(),
        duration_text(off_seconds(outages)),
        number(marks, MarkKind::Failure).to_string(),
        number(marks, MarkKind::Backup).to_string(),
        number(marks, MarkKind::Resize).to_string(),
    ]
}
