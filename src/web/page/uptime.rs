//! The share of time that each droplet was on, by month, with its bounds.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::fleet::Lane;
use super::{linked, scrolled};
use crate::output::Round;
use crate::web::kept::{DropletKey, Kept};

/// The bounds of one droplet in one month, in percent.
type Bounds = (f64, f64);
/// The bounds of each droplet.
type Month = BTreeMap<DropletKey, Bounds>;

/// Shows the answer of `report uptime --by month` about these droplets.
pub(super) fn uptime(lanes: &[Lane], uptime: &Kept, is_linked: bool) -> Markup {
    let mut months = BTreeMap::<&str, Month>::new();
    for row in uptime.rows() {
        let least = row.real("uptime_min_percent");
        let bounds = least.zip(row.real("uptime_max_percent"));
        let known = (row.droplet(), row.text("period"), bounds);
        if let (Some(droplet), Some(period), Some(bounds)) = known {
            months.entry(period).or_default().insert(droplet, bounds);
        }
    }
    if months.is_empty() {
        return html! { p { "No droplet of this window has a known history." } };
    }
    html! {
        p {
            "Percent of the time that each droplet was on: at least and at most. "
            span .key.doubt { "maybe off" } " " span .key.down { "off for up to 5 %" } " " span .key.down.much { "off for longer" }
        }
        (scrolled("Uptime by droplet and month", &table(lanes, &months, is_linked)))
    }
}

fn table(lanes: &[Lane], months: &BTreeMap<&str, Month>, is_linked: bool) -> Markup {
    let address = |lane: &Lane| is_linked.then(|| format!("/timeline/{}", lane.droplet.1));
    let is_known = |lane: &&Lane| months.values().any(|it| it.contains_key(&lane.droplet));
    html! {
        table .uptime {
            caption .hidden { "Uptime by droplet and month, in percent" }
            thead { tr { th scope="col" { "Droplet" } @for month in months.keys().rev() { th scope="col" { (month) } } } }
            tbody {
                @for lane in lanes.iter().filter(is_known) {
                    tr {
                        th scope="row" { (linked(address(lane), html! { bdi { (lane.name) } })) }
                        @for month in months.values().rev() {
                            @match month.get(&lane.droplet) {
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
