//! The table of actions: the newest as plain HTML, and all of them as data for the script.
//!
//! The data is one list for each column, with small differences in place of ids and times, so that 50,000 actions take
//! about 1.5 MB.

use std::collections::HashMap;
use std::io;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::core::time::{Timestamp, Zone, duration_text};
use crate::output::{Heading, RowWriter, Value, grouped};

/// The number of rows that are shown without the script.
const STATIC: usize = 500;
/// The columns that the data is made of, as `archiver query` names them.
const COLUMNS: [&str; 9] = [
    "id",
    "started_at",
    "completed_at",
    "type",
    "status",
    "resource_id",
    "resource_type",
    "droplet_name",
    "region_slug",
];

/// The rows of `query`, newest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Actions {
    zone: String,
    total: u64,
    types: Names,
    statuses: Names,
    regions: Names,
    resources: Resources,
    offsets: Vec<(usize, i32)>,
    id: Ids,
    started: Vec<Option<i64>>,
    took: Vec<Option<i64>>,
    r#type: Vec<Option<usize>>,
    status: Vec<Option<usize>>,
    region: Vec<Option<usize>>,
    resource: Vec<Option<usize>>,
    #[serde(skip)]
    last: Last,
    #[serde(skip)]
    positions: [Option<usize>; COLUMNS.len()],
    #[serde(skip)]
    clock: Option<Zone>,
}

/// The ids. As data they are differences, or texts if JavaScript has no exact number for one of them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(into = "IdData")]
struct Ids(Vec<i64>);

#[derive(Serialize)]
#[serde(untagged)]
enum IdData {
    Differences(Vec<i64>),
    Texts(Vec<String>),
}

impl From<Ids> for IdData {
    fn from(Ids(ids): Ids) -> Self {
        /// `Number.MAX_SAFE_INTEGER`
        const GREATEST_EXACT: u64 = (1 << 53) - 1;
        if ids.iter().any(|id| id.unsigned_abs() > GREATEST_EXACT) {
            return Self::Texts(ids.iter().map(ToString::to_string).collect());
        }
        let before = std::iter::once(0).chain(ids.iter().copied());
        Self::Differences(
            ids.iter()
                .zip(before)
                .map(|(id, before)| id - before)
                .collect(),
        )
    }
}

/// The previous values, to which the next ones are differences.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    started: i64,
    offset: Option<i32>,
}

/// Each name once, in the order of its first row.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(into = "Vec<String>")]
struct Names {
    list: Vec<String>,
    places: HashMap<String, usize>,
}

/// The name, type and id of each resource once.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(into = "Vec<Resource>")]
struct Resources {
    list: Vec<Resource>,
    places: HashMap<Resource, usize>,
}

type Resource = (Option<String>, Option<String>, Option<i64>);

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.list
    }
}

impl From<Resources> for Vec<Resource> {
    fn from(resources: Resources) -> Self {
        resources.list
    }
}

impl Names {
    fn place(&mut self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        let place = self.list.len();
        self.list.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        Some(place)
    }
}

impl Resources {
    fn place(
        &mut self,
        (name, kind, id): (Option<&str>, Option<&str>, Option<i64>),
    ) -> Option<usize> {
        id.or(kind.map(|_| 0))?;
        let key = (name.map(str::to_owned), kind.map(str::to_owned), id);
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        let place = self.list.len();
        self.list.push(key.clone());
        self.places.insert(key, place);
        Some(place)
    }
}

impl Actions {
    /// `total` is the number of all matching actions, of which only the newest are here.
    #[must_use]
    pub fn new(zone: &Zone, total: u64) -> Self {
        Self {
            zone: zone.to_string(),
            clock: Some(zone.clone()),
            total,
            ..Self::default()
        }
    }

    fn push_start(&mut self, started: Option<Timestamp>) {
        let seconds = started.map(Timestamp::epoch_seconds);
        if let Some((started, zone)) = started.zip(self.clock.as_ref()) {
            let offset = zone.offset_seconds_at(started);
            if self.last.offset != Some(offset) {
                self.offsets.push((self.id.0.len(), offset));
                self.last.offset = Some(offset);
            }
        }
        self.started.push(seconds.map(|it| it - self.last.started));
        self.last.started = seconds.unwrap_or(self.last.started);
    }
}

impl RowWriter for Actions {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.positions = COLUMNS.map(|name| headings.iter().position(|it| it.name == name));
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let cell = |column: usize| {
            let position = self.positions.get(column).copied().flatten();
            position
                .and_then(|it| values.get(it))
                .copied()
                .unwrap_or(Value::Null)
        };
        let text = |column| match cell(column) {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let number = |column| match cell(column) {
            Value::Integer(number) => Some(number),
            _ => None,
        };
        let time = |column| text(column).and_then(|text| text.parse::<Timestamp>().ok());
        let (started, completed) = (time(1), time(2));
        let id = number(0).unwrap_or(0);
        let (kind, status, region) = (text(3), text(4), text(8));
        let resource = (text(7), text(6), number(5));
        self.push_start(started);
        let took = |(from, to): (Timestamp, Timestamp)| to.epoch_seconds() - from.epoch_seconds();
        self.took.push(started.zip(completed).map(took));
        self.id.0.push(id);
        self.r#type.push(self.types.place(kind));
        self.status.push(self.statuses.place(status));
        self.region.push(self.regions.place(region));
        self.resource.push(self.resources.place(resource));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The table with its filters, and the data.
pub(super) fn actions(actions: &Actions, is_linked: bool) -> Markup {
    let shown = actions.id.0.len() as u64;
    html! {
        @if shown < actions.total {
            p { "The newest " (grouped(shown)) " of " (grouped(actions.total)) " actions." }
        }
        (filters())
        p #shown role="status" { (first(actions)) }
        p .printed { "At most " (STATIC) " of them are printed." }
        div #action-table .scroll tabindex="0" role="group" aria-label="Actions" {
            table data-linked=[is_linked.then_some("/")] {
                thead { tr {
                    @for (index, title) in ["ID", "Started", "Type", "Status", "Took", "Resource", "Region"].iter().enumerate() {
                        th scope="col" data-column=(index) { (title) }
                    }
                } }
                tbody { (rows(actions, is_linked)) }
            }
        }
        script type="application/json" #rows { (PreEscaped(data(actions))) }
    }
}

/// Only the script makes these work, so they are hidden without it.
fn filters() -> Markup {
    html! {
        div #action-filters .controls hidden {
            label { "Text " input type="search" #filter-text autocomplete="off"; }
            label { "Droplet " input type="search" #filter-droplet list="droplet-names" autocomplete="off"; }
            datalist #droplet-names {}
            @for (id, label) in [("filter-type", "Type"), ("filter-status", "Status"), ("filter-region", "Region")] {
                label { (label) " " select id=(id) { option value="" { "any" } } }
            }
            button type="button" #download-csv { "Download CSV" }
        }
    }
}

fn first(actions: &Actions) -> String {
    let shown = actions.id.0.len().min(STATIC);
    format!(
        "{} of {} actions",
        grouped(shown as u64),
        grouped(actions.total)
    )
}

fn rows(actions: &Actions, is_linked: bool) -> Markup {
    let zone = actions.clock.clone().unwrap_or_else(Zone::utc);
    let mut started = 0;
    let listed = (0..actions.id.0.len().min(STATIC)).map(|index| {
        let id = actions.id.0[index];
        let at = actions.started[index].map(|it| started + it);
        started = at.unwrap_or(started);
        let at = at.and_then(|it| Timestamp::from_epoch_seconds(it).ok());
        (index, id, at)
    });
    html! {
        @for (index, id, at) in listed {
            @let status = name(&actions.statuses, actions.status[index]);
            tr {
                td { @if is_linked { a href={ "/show/" (id) } { (id) } } @else { (id) } }
                td { (at.map_or_else(String::new, |at| clock(at, &zone))) }
                td { bdi { (name(&actions.types, actions.r#type[index])) } }
                td class={ "status " (status_class(status)) } { bdi { (status) } }
                td { (took(actions.took[index], status)) }
                td { (resource(actions, index, is_linked)) }
                td { bdi { (name(&actions.regions, actions.region[index])) } }
            }
        }
    }
}

/// `2026-11-28 14:03:07` on the clocks of the zone.
fn clock(at: Timestamp, zone: &Zone) -> String {
    let text = at.in_zone(zone);
    text.get(..19).unwrap_or(&text).replacen('T', " ", 1)
}

fn name(names: &Names, place: Option<usize>) -> &str {
    place
        .and_then(|place| names.list.get(place))
        .map_or("", String::as_str)
}

fn status_class(status: &str) -> &str {
    match status {
        "errored" | "completed" | "in-progress" => status,
        _ => "other",
    }
}

fn took(seconds: Option<i64>, status: &str) -> String {
    match seconds {
        _ if status == "in-progress" => "in progress".to_owned(),
        Some(seconds @ 0..) => duration_text(seconds),
        _ => String::new(),
    }
}

fn resource(actions: &Actions, index: usize, is_linked: bool) -> Markup {
    let place = actions.resource.get(index).copied().flatten();
    let Some((name, kind, id)) = place.and_then(|place| actions.resources.list.get(place)) else {
        return html! {};
    };
    let id = id.map_or_else(String::new, |id| id.to_string());
    let text = match (name, kind) {
        (Some(name), _) => name.clone(),
        (None, Some(kind)) => format!("{kind} {id}"),
        (None, None) => id.clone(),
    };
    html! {
        @if is_linked && kind.as_deref() == Some("droplet") { a href={ "/timeline/" (id) } title=(text) { bdi { (text) } } }
        @else { bdi title=(text) { (text) } }
    }
}

/// The data as JSON that cannot end the element around it: `<` is an escape.
fn data(actions: &Actions) -> String {
    // Serializing lists of numbers and texts cannot fail.
    let json = serde_json::to_string(actions).unwrap_or_default();
    json.replace('<', "\\u003c")
}
