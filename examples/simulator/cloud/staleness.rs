//! Answers that are older than the account: replicas that lag, and caches that keep pages.
//!
//! Only listings of actions are stale, those of droplets included. A single action by its own URL, the list of droplets
//! and the existence of a droplet are always current.

use std::collections::HashMap;

use super::http::{Answer, Request};
use super::options::Options;
use super::random::Random;

/// The servers behind the API. A replica does not have the newest actions of the account, as many as its lag: neither
/// the account's listing nor those of the droplets show them. A removed action is removed on all replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// The lag of each replica in actions; no replicas when empty.
    pub lags: Vec<usize>,
    /// True when the first replica answers for page 1, the second for page 2, and the last for all later pages;
    /// otherwise random.
    pub by_page: bool,
}

impl Replicas {
    /// A random replica for each request.
    pub fn at_random(lags: &[usize]) -> Self {
        Self {
            lags: lags.to_vec(),
            by_page: false,
        }
    }

    /// One replica for each page, the last of them for all later pages.
    pub fn by_page(lags: &[usize]) -> Self {
        Self {
            lags: lags.to_vec(),
            by_page: true,
        }
    }

    fn lag(&self, page: usize, random: &mut Random) -> usize {
        let last = self.lags.len().saturating_sub(1);
        let replica = if self.by_page {
            (page - 1).min(last)
        } else {
            random.below(self.lags.len())
        };
        self.lags.get(replica).copied().unwrap_or_default()
    }
}

/// Keeps whole answers, each for exactly one path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCache {
    /// The age of an answer in actions when it is cached: a random one of these.
    pub ages: Vec<usize>,
    /// The number of further requests that get the cached answer before it is renewed.
    pub keeps: u32,
    /// The first page that is cached.
    pub from_page: usize,
}

/// The cached answers, and the random numbers for their age.
#[derive(Debug)]
pub(super) struct Staleness {
    random: Random,
    kept: HashMap<String, (Answer, u32)>,
}

impl Staleness {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0x1a99),
            kept: HashMap::new(),
        }
    }

    /// Clears the cache.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// The cached answer to this request, or the age in actions of a new answer.
    pub(super) fn answer(
        &mut self,
        request: &Request,
        options: &Options,
        may_be_kept: bool,
    ) -> Result<Answer, usize> {
        let page = request.page();
        let lag = options.replicas.lag(page, &mut self.random);
        let Some(cache) = options.caches(page).filter(|_| may_be_kept) else {
            return Err(lag);
        };
        if let Some((answer, left)) = self.kept.get_mut(&request.target)
            && *left > 0
        {
            *left -= 1;
            return Ok(answer.clone());
        }
        let age = self.random.below(cache.ages.len());
        Err(lag + cache.ages.get(age).copied().unwrap_or_default())
    }

    /// Stores a new answer, if a cache exists.
    pub(super) fn keep(&mut self, request: &Request, options: &Options, answer: &Answer) {
        if let Some(cache) = options.caches(request.page())
            && answer.status == 200
        {
            let kept = (answer.clone(), cache.keeps);
            self.kept.insert(request.target.clone(), kept);
        }
    }
}

impl Options {
    /// The cache for this page.
    fn caches(&self, page: usize) -> Option<&PageCache> {
        self.cache.as_ref().filter(|cache| page >= cache.from_page)
    }
}
