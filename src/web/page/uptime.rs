//! The share of time that each droplet was on, by month, with its bounds.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::output::Round;
use crate::web::kept::{DropletKey, Kept};

/// The bounds of one droplet in one month, in percent.
type Bounds = (f64, f64);

/// Shows the answer of `report uptime --by month`.
pub(super) fn uptime(uptime: &Kept, is_linked: bool) -> Markup {
    let mut months = BTreeSet::new();
    let mut droplets = BTreeMap::<DropletKey, (&str, BTreeMap<&str, Bounds>)>::new();
    for row in uptime.rows() {
        let bounds = row
            .real("uptime_min_percent")
            .zip(row.real("uptime_max_percent"));
        let id = row.droplet();
        if let (Some(id), Some(period), Some(bounds)) = (id, row.text("period"), bounds) {
            months.insert(period);
            let name = row.text("droplet_name").unwrap_or("");
            let droplet = droplets
                .entry(id)
                .or_insert_with(|| (name, BTreeMap::new()));
            droplet.1.insert(period, bounds);
        }
    }
    let mut droplets: Vec<_> = droplets.into_iter().collect();
    droplets.sort_by_cached_key(|(id, (name, _))| {
        // Of several accounts, it is called by its id and the account.
        let is_unnamed = name.is_empty() || name.starts_with(&id.1.to_string());
        (is_unnamed, *name, *id)
    });
    if droplets.is_empty() {
        return html! { p { "No droplet of this window has a known history." } };
    }
    html! {
        p {
            "Percent of the time that each droplet was on: at least and at most. "
            span .key.doubt { "maybe off" } " " span .key.down { "off for up to 5 %" } " " span .key.down.much { "off for longer" }
        }
        div .scroll tabindex="0" role="group" aria-label="Uptime by droplet and month" {
            table .uptime {
                caption .hidden { "Uptime by droplet and month, in percent" }
                thead { tr { th scope="col" { "Droplet" } @for month in months.iter().rev() { th scope="col" { (month) } } } }
                tbody {
                    @for (id, (name, bounds)) in &droplets {
                        tr {
                            th scope="row" {
                                @if is_linked { a href={ "/timeline/" (id.1) } { bdi { (label(name, id.1)) } } }
                                @else { bdi { (label(name, id.1)) } }
                            }
                            @for month in months.iter().rev() {
                                @match bounds.get(month) {
                                    Some(bounds) => td class=(class(*bounds)) { (in_words(*bounds)) },
                                    None => td {},
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn label(name: &str, id: i64) -> String {
    match name {
        "" => id.to_string(),
        name => name.to_owned(),
    }
}

/// `99.1–99.8`, or `100` where both bounds are the same.
fn in_words((least, most): Bounds) -> String {
    let (least, most) = (Round::Down.share(least), Round::Up.share(most));
    if (least - most).abs() < f64::EPSILON {
        return least.to_string();
    }
    format!("{least}–{most}")
}

/// By the upper bound: how certainly the droplet was off for a while.
fn class((least, most): Bounds) -> &'static str {
    match (least, most) {
        (99.9.., _) => "up",
        (_, 99.9..) => "doubt",
        (_, 95.0..) => "down",
        _ => "down much",
    }
}
