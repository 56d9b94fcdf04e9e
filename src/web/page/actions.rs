//! The table of actions: the newest as plain HTML, and all of them as data for the script.
//!
//! The data is one list for each column, with places in lists of names, so that 50,000 actions take less than 3 MB.

use std::collections::HashMap;
use std::hash::Hash;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::linked;
use crate::core::time::{Timestamp, Zone, duration_text};
use crate::output::grouped;
use crate::web::kept::{Kept, Row};

/// The number of rows that are shown without the script.
const STATIC: usize = 500;

/// The name, type and id of a resource.
type Resource<'a> = (Option<&'a str>, Option<&'a str>, Option<i64>);

/// The data of the script: a list for each column.
#[derive(Default, Serialize)]
struct Data<'a> {
    zone: String,
    /// Texts, because JavaScript has no exact number for a large one.
    id: Vec<String>,
    /// In seconds since 1970.
    started: Vec<Option<i64>>,
    /// The offset of the zone then.
    offset: Vec<i32>,
    took: Vec<Option<i64>>,
    r#type: Names<&'a str>,
    status: Names<&'a str>,
    region: Names<&'a str>,
    resource: Names<Resource<'a>>,
}

/// A column of names: each name once, in the order of its first row, and its place there for each row.
#[derive(Default, Serialize)]
struct Names<T> {
    names: Vec<T>,
    rows: Vec<Option<usize>>,
    #[serde(skip)]
    places: HashMap<T, usize>,
}

impl<T: Copy + Eq + Hash> Names<T> {
    fn push(&mut self, name: Option<T>) {
        let place = name.map(|name| {
            *self.places.entry(name).or_insert_with(|| {
                self.names.push(name);
                self.names.len() - 1
            })
        });
        self.rows.push(place);
    }
}

impl<'a> Data<'a> {
    fn new(rows: &'a Kept, zone: &Zone) -> Self {
        let mut data = Self {
            zone: zone.to_string(),
            ..Self::default()
        };
        for row in rows.rows() {
            let started = row.time("started_at");
            let offset = started.map(|at| zone.offset_seconds_at(at));
            data.id.push(id(row));
            data.started.push(started.map(Timestamp::epoch_seconds));
            data.offset.push(offset.unwrap_or(0));
            data.took.push(took(row));
            data.r#type.push(row.text("type"));
            data.status.push(row.text("status"));
            data.region.push(row.text("region_slug"));
            data.resource.push(resource(row));
        }
        data
    }

    /// JSON that cannot end the element around it: `<` is an escape.
    fn json(&self) -> String {
        // Serializing lists of numbers and texts cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c")
    }
}

/// The table with its filters, and the data. `all` is the number of the matching actions, of which `rows` are the newest.
pub(super) fn actions(rows: &Kept, all: u64, zone: &Zone, is_linked: bool) -> Markup {
    const TITLES: [&str; 7] = [
        "ID", "Started", "Type", "Status", "Took", "Resource", "Region",
    ];
    let shown = rows.rows().count();
    html! {
        @if (shown as u64) < all {
            p { "The newest " (grouped(shown as u64)) " of " (grouped(all)) " actions." }
        }
        (filters())
        p #shown role="status" { (grouped(shown.min(STATIC) as u64)) " of " (grouped(all)) " actions" }
        p .printed { "At most " (STATIC) " of them are printed." }
        div #action-table .scroll tabindex="0" role="group" aria-label="Actions" {
            table data-linked=[is_linked.then_some("/")] {
                thead { tr {
                    @for (index, title) in TITLES.iter().enumerate() {
                        th scope="col" data-column=(index) { (title) }
                    }
                } }
                tbody { @for row in rows.rows().take(STATIC) { (line(row, zone, is_linked)) } }
            }
        }
        script type="application/json" #rows { (PreEscaped(Data::new(rows, zone).json())) }
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

fn id(row: Row<'_>) -> String {
    row.integer("id").unwrap_or(0).to_string()
}

/// In seconds.
fn took(row: Row<'_>) -> Option<i64> {
    let end = row.time("completed_at")?.epoch_seconds();
    Some(end - row.time("started_at")?.epoch_seconds())
}

fn resource(row: Row<'_>) -> Option<Resource<'_>> {
    let (kind, id) = (row.text("resource_type"), row.integer("resource_id"));
    (kind.is_some() || id.is_some()).then(|| (row.text("droplet_name"), kind, id))
}

fn line(row: Row<'_>, zone: &Zone, is_linked: bool) -> Markup {
    let text = |column| row.text(column).unwrap_or("");
    let class = match text("status") {
        status @ ("errored" | "completed" | "in-progress") => status,
        _ => "other",
    };
    let took = match took(row) {
        _ if class == "in-progress" => "in progress".to_owned(),
        Some(seconds @ 0..) => duration_text(seconds),
        _ => String::new(),
    };
    let address = is_linked.then(|| format!("/show/{}", id(row)));
    let started = row.time("started_at").map(|at| clock(at, zone));
    html! {
        tr {
            td { (linked(address, html! { (id(row)) })) }
            td { (started.unwrap_or_default()) }
            td { bdi { (text("type")) } }
            td class={ "status " (class) } { bdi { (text("status")) } }
            td { (took) }
            td { @if let Some(resource) = resource(row) { (resource_cell(resource, is_linked)) } }
            td { bdi { (text("region_slug")) } }
        }
    }
}

/// `2026-11-28 14:03:07` on the clocks of the zone.
fn clock(at: Timestamp, zone: &Zone) -> String {
    let text = at.in_zone(zone);
    text.get(..19).unwrap_or(&text).replacen('T', " ", 1)
}

fn resource_cell((name, kind, id): Resource<'_>, is_linked: bool) -> Markup {
    let id = id.map_or_else(String::new, |id| id.to_string());
    let text = match (name, kind) {
        (Some(name), _) => name.to_owned(),
        (None, Some(kind)) => format!("{kind} {id}"),
        (None, None) => id.clone(),
    };
    let is_linked = is_linked && kind == Some("droplet");
    let address = is_linked.then(|| format!("/timeline/{id}"));
    linked(address, html! { bdi title=(text) { (text) } })
}
