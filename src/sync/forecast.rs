//! Estimates the cost of a sync run without running it. The first page of each listing shows how much is missing.
//!
//! It writes nothing, and does not even create an archive. So the caller passes the archive's state as [`Known`],
//! because the archive may not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::droplet_list::DropletList;
use super::follow::Following;
use super::full_scan::may_be_cut;
use super::report::UnknownTag;
use super::session::Scope;
use crate::api::{self, Client, DropletSelection, PER_PAGE, Pace};
use crate::archive::{Followed, ListingKind};
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::DropletId;

/// The state of the archive.
#[derive(Debug, Default)]
pub struct Known {
    /// The coverage of each listing.
    pub coverage: BTreeMap<ListingKind, Coverage>,
    /// The followed droplets.
    pub followed: BTreeMap<DropletId, Followed>,
}

/// The cost of a sync run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The tags of the scope that no droplet has now.
    #[serde(skip)]
    pub unused_tags: Vec<UnknownTag>,
    /// The number of actions that are listed but not archived.
    pub actions: u64,
    /// The number of pages that hold them.
    pub pages: u64,
    /// The number of requests, including those for the names of droplets.
    pub requests: u64,
    /// The time for these requests at the given pace, in seconds.
    pub seconds: u64,
}

/// The requests besides pages: one for the account, and one for the names of droplets.
const OTHER_REQUESTS: u64 = 2;

/// Reads the first page of each listing of the scope, and adds up the missing actions.
///
/// # Errors
/// When a page cannot be read.
pub async fn forecast(
    client: &Client,
    scope: &Scope,
    pace: Pace,
    known: Known,
) -> Result<Forecast, api::Error> {
    let mut forecast = Forecast {
        requests: OTHER_REQUESTS,
        ..Forecast::default()
    };
    match scope {
        Scope::Account => {
            let total = client.account_actions(1).await?.total.unwrap_or(0);
            forecast.add(known.covered(&[ListingKind::Account]), 0, total);
        }
        Scope::Droplets { ids, tags } => {
            let mut ids = ids.clone();
            if !tags.is_empty() {
                ids.extend(with_tags(&mut forecast, client, tags).await?);
            }
            add_droplets(&mut forecast, client, ids, known).await?;
        }
    }
    forecast.seconds = pace.seconds_for(forecast.requests);
    Ok(forecast)
}

async fn add_droplets(
    forecast: &mut Forecast,
    client: &Client,
    ids: BTreeSet<DropletId>,
    mut known: Known,
) -> Result<(), api::Error> {
    let newest = match client.account_actions(1).await {
        Ok(page) => Some(page),
        Err(error) if error.is_forbidden() || error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let account_total = newest.as_ref().and_then(|page| page.total);
    known.followed.retain(|id, _| ids.contains(id));
    let followed = known.followed.clone();
    let following = Following::new(ids.clone(), followed, account_total);
    let mut own: BTreeSet<DropletId> = following.unfollowed().collect();
    let from = newest
        .as_ref()
        .and_then(|page| following.worthwhile_from(page));
    match (from, account_total) {
        (Some(from), Some(total)) => {
            let covered = known.covered(&[ListingKind::Account, ListingKind::Followed]);
            forecast.add(covered, from, total);
        }
        _ => {
            own = ids;
            // The request for the account's first page, which showed that following is not worthwhile.
            forecast.requests += 1;
        }
    }
    for id in own {
        let total = match client.droplet_actions(id, 1).await {
            Ok(page) => page.total.unwrap_or(0),
            Err(error) if error.is_not_found() => 0,
            Err(error) => return Err(error),
        };
        forecast.add(known.covered(&[ListingKind::Droplet(id)]), 0, total);
    }
    Ok(())
}

/// The droplets with these tags.
async fn with_tags(
    forecast: &mut Forecast,
    client: &Client,
    tags: &BTreeSet<String>,
) -> Result<Vec<DropletId>, api::Error> {
    let mut tagged = Vec::new();
    let mut seen = BTreeSet::new();
    for selection in [DropletSelection::AllButGpus, DropletSelection::Gpus] {
        let mut list = DropletList::default();
        while let Some(number) = list.next_page() {
            list.take(client.droplets(selection, number).await?);
        }
        seen.extend(list.tags().map(str::to_owned));
        tagged.extend(list.tagged_with(tags).map(|(id, _)| id));
        forecast.requests += list.pages();
    }
    if !seen.is_empty() {
        let unused = tags.difference(&seen);
        forecast.unused_tags = unused.map(|tag| UnknownTag::new(tag, &seen)).collect();
    }
    Ok(tagged)
}

impl Known {
    fn covered(&self, kinds: &[ListingKind]) -> Coverage {
        let known = kinds.iter().filter_map(|kind| self.coverage.get(kind));
        known
            .flat_map(|coverage| coverage.intervals().iter().copied())
            .collect()
    }
}

impl Forecast {
    /// Adds the missing part of `[from, total)`. The newest page is read in any case.
    fn add(&mut self, mut covered: Coverage, from: u64, total: u64) {
        let wanted = Interval::new(from.min(total), total);
        let missing = covered.count_missing(wanted);
        self.actions = self.actions.saturating_add(missing);
        covered.insert(Interval::of_page(1, PER_PAGE, total));
        let pages: u64 = covered
            .missing_of(wanted)
            .map(|gap| gap.len().div_ceil(PER_PAGE))
            .sum();
        // A server may state any total, so the sums must not overflow.
        let pages = pages.saturating_add(1);
        self.pages = self.pages.saturating_add(pages);
        // The page after a full one proves the end.
        let more = u64::from(missing > 0 && may_be_cut(total));
        self.requests = self.requests.saturating_add(pages).saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_says_the_most_there_can_be_overflows_nothing() {
        let mut forecast = Forecast::default();
        for _ in 0..300 {
            forecast.add(Coverage::new(), 0, u64::MAX);
        }
        assert_eq!(forecast.actions, u64::MAX);
    }

    #[test]
    fn what_is_missing_is_counted_in_actions_and_in_pages() {
        let covered: Coverage = [Interval::new(0, 1_000)].into_iter().collect();
        for (covered, from, total, actions, pages) in [
            (Coverage::new(), 0, 0, 0, 1),
            (Coverage::new(), 0, 52_292, 52_292, 262),
            (covered.clone(), 0, 1_000, 0, 1),
            (covered.clone(), 0, 1_150, 150, 1),
            (covered.clone(), 0, 1_450, 450, 3),
            (Coverage::new(), 900, 1_000, 100, 1),
            (Coverage::new(), 2_000, 1_000, 0, 1),
        ] {
            let mut forecast = Forecast::default();
            forecast.add(covered, from, total);
            assert_eq!(
                (forecast.actions, forecast.pages),
                (actions, pages),
                "{from} to {total}"
            );
        }
    }
}
