//! The share of time that each droplet was on, by month, with its bounds.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::{linked, scrolled};
use crate::output::Round;
use crate::web::kept::{DropletKey, Kept};

/// The bounds of one droplet in one month, in percent.
type Bounds = (f64, f64);
/// The name of a droplet, or its id, and its bounds by month.
type Droplet<'a> = (String, BTreeMap<&'a str, Bounds>);

/// Shows the answer of `report uptime --by month`.
pub(super) fn uptime(uptime: &Kept, is_linked: bool) -> Markup {
    let mut months = BTreeSet::new();
    let mut droplets = BTreeMap::<DropletKey, Droplet<'_>>::new();
    for row in uptime.rows() {
        let least = row.real("uptime_min_percent");
        let bounds = least.zip(row.real("uptime_max_percent"));
        if let (Some(id), Some(period), Some(bounds)) = (row.droplet(), row.text("period"), bounds)
        {
            months.insert(period);
            let droplet = droplets.entry(id);
            let empty = || (row.called().unwrap_or_default(), BTreeMap::new());
            droplet.or_insert_with(empty).1.insert(period, bounds);
        }
    }
    let mut droplets: Vec<_> = droplets.into_iter().collect();
    if droplets.is_empty() {
        return html! { p { "No droplet of this window has a known history." } };
    }
    // A droplet without a name is called by its id, and comes last.
    droplets.sort_by_cached_key(|(id, (name, _))| {
        (name.starts_with(&id.1.to_string()), name.clone(), *id)
    });
    html! {
        p {
            "Percent of the time that each droplet was on: at least and at most. "
            span .key.doubt { "maybe off" } " " span .key.down { "off for up to 5 %" } " " span .key.down.much { "off for longer" }
        }
        (scrolled("Uptime by droplet and month", &table(&months, &droplets, is_linked)))
    }
}

fn table(
    months: &BTreeSet<&str>,
    droplets: &[(DropletKey, Droplet<'_>)],
    is_linked: bool,
) -> Markup {
    let address = |id: i64| is_linked.then(|| format!("/timeline/{id}"));
    html! {
        table .uptime {
            caption .hidden { "Uptime by droplet and month, in percent" }
            thead { tr { th scope="col" { "Droplet" } @for month in months.iter().rev() { th scope="col" { (month) } } } }
            tbody {
                @for ((_, id), (name, bounds)) in droplets {
                    tr {
                        th scope="row" { (linked(address(*id), html! { bdi { (name) } })) }
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
