//! Answers that contradict each other although each of them was true once: replicas that lag, caches of pages, removed
//! actions, and 404s for droplets that exist.
//!
//! It has its own random numbers, so that a seed makes the same story with it and without it.

use crate::cloud::{Cloud, Fault, FaultRule, Order, PageCache, Random, Replicas};

/// The lags of the replicas, in actions: one of these lists.
const LAGS: [&[usize]; 4] = [&[0, 1], &[0, 7], &[0, 2, 150], &[0, 300]];
/// The age of a page when it is cached, in actions: one of these lists.
const AGES: [&[usize]; 3] = [&[0], &[0, 7], &[0, 40, 300]];

/// The staleness of the answers in a story.
pub(super) struct Staleness {
    random: Random,
    is_there: bool,
}

impl Staleness {
    /// Two of three seeds have stale answers, when the caller wants them.
    pub(super) fn of(seed: u64, is_wanted: bool) -> Self {
        let mut random = Random::new(seed ^ 0x57a1e);
        let is_there = random.chance(0.67) && is_wanted;
        Self { random, is_there }
    }

    /// True when answers may contradict each other in this story.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// True when the token may read only the listings of droplets.
    pub(super) fn narrows_the_token(&mut self) -> bool {
        self.is_there && self.random.chance(0.3)
    }

    /// True when a sync makes a full scan, whatever is archived.
    pub(super) fn is_read_again(&mut self) -> bool {
        self.is_there && self.random.chance(0.15)
    }

    /// True when the last sync makes a full scan, in any story.
    pub(super) fn ends_with_full(&mut self) -> bool {
        self.random.chance(0.4)
    }

    /// Makes the answers to one sync stale, and returns a description. `droplets` are those whose own listings a sync
    /// may read.
    pub(super) fn worsen(&mut self, cloud: &Cloud, droplets: &[i64]) -> Vec<String> {
        if !self.is_there {
            return Vec::new();
        }
        let random = &mut self.random;
        let mut words = Vec::new();
        if random.chance(0.5) {
            let replicas = replicas(random);
            words.push(format!("{replicas:?}"));
            cloud.change(|options| options.replicas = replicas);
        }
        if random.chance(0.3) {
            let cache = cache(random);
            words.push(format!("{cache:?}"));
            cloud.change(|options| options.cache = Some(cache));
        }
        let (removal, not_found) = (removal(random, cloud), not_found(random, droplets));
        let removal = removal.filter(|_| random.chance(0.25));
        let not_found = not_found.filter(|_| random.chance(0.4));
        let mut order = Order::default();
        cloud.change(|options| order = options.order);
        // In another order, a removal while other actions arrive moves an action to a page that was read already, and
        // no total shows it.
        let removal = removal.filter(|_| order == Order::NewestFirst);
        for (said, rule) in removal.into_iter().chain(not_found) {
            words.push(said);
            cloud.break_with(rule);
        }
        words
    }

    /// Removes a few actions between two syncs, and returns a description.
    pub(super) fn removes(&mut self, cloud: &Cloud) -> Vec<String> {
        if !self.is_there {
            return Vec::new();
        }
        let random = &mut self.random;
        let many = [0, 0, 0, 1, 3][random.below(5)];
        let removals = (0..many).filter_map(|_| {
            let id = any_action(random, cloud)?;
            cloud.remove_action(id);
            Some(format!("action {id} is removed"))
        });
        removals.collect()
    }

    /// Ends stale answers: every answer shows the current account. Removed actions stay removed.
    pub(super) fn ends(cloud: &Cloud) {
        cloud.change(|options| {
            options.replicas = Replicas::default();
            options.cache = None;
        });
    }
}

fn replicas(random: &mut Random) -> Replicas {
    let lags = LAGS[random.below(LAGS.len())];
    if random.chance(0.3) {
        Replicas::by_page(lags)
    } else {
        Replicas::at_random(lags)
    }
}

fn cache(random: &mut Random) -> PageCache {
    PageCache {
        ages: AGES[random.below(AGES.len())].to_vec(),
        keeps: 1 + random.below(12) as u32,
        from_page: 1 + random.below(3),
    }
}

fn any_action(random: &mut Random, cloud: &Cloud) -> Option<i64> {
    let actions = cloud.actions();
    Some(actions.get(random.below(actions.len()))?.id)
}

/// A rule that removes an action while a sync reads the listings.
fn removal(random: &mut Random, cloud: &Cloud) -> Option<(String, FaultRule)> {
    let (id, nth) = (any_action(random, cloud)?, 1 + random.below(8) as u64);
    let rule = FaultRule::new(Fault::RemoveAction(Some(id)));
    let words = format!("action {id} is removed before request {nth} for a listing");
    Some((words, rule.path("/actions?").nth(nth)))
}

/// A rule that answers 404 for the listing, or the further pages, of a droplet that exists.
fn not_found(random: &mut Random, droplets: &[i64]) -> Option<(String, FaultRule)> {
    let id = droplets.get(random.below(droplets.len()))?;
    let page = 1 + random.below(4) as u64;
    let times = [1, 2, 3, u64::MAX][random.below(4)];
    let rule = FaultRule::new(Fault::Status(404)).path(&format!("/droplets/{id}/actions?"));
    let words = if times == u64::MAX {
        format!("droplet {id}: 404 from page {page} on, always")
    } else {
        format!("droplet {id}: 404 from page {page} on, {times} times")
    };
    Some((words, rule.pages_from(page).times(times)))
}
