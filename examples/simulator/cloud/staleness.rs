//! Answers that are older than the account: replicas that lag behind, and caches that keep pages.
//!
//! Only listings of actions are stale, those of droplets included. One action by its own address, the list of droplets
//! and whether a droplet exists are always as they are now.

use std::collections::HashMap;

use super::http::{Answer, Request};
use super::options::Options;
use super::random::Random;

/// The servers behind the API, each of which lags behind by so many actions of the account: those are not there yet,
/// neither in the account's listing nor in those of their droplets. What was removed is removed everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// How far each of them lags; none at all when empty.
    pub lags: Vec<usize>,
    /// The first one answers for page 1, the second for page 2, the last for all that follow; otherwise chance decides.
    pub by_page: bool,
}

impl Replicas {
    /// Any of these for each request.
    pub fn at_random(lags: &[usize]) -> Self {
        Self {
            lags: lags.to_vec(),
            by_page: false,
        }
    }

    /// One for each page, the last of them for all pages that follow.
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
    /// How many actions old an answer is when it is put there: any of these.
    pub ages: Vec<usize>,
    /// How many further requests get it before it is made anew.
    pub keeps: u32,
    /// Earlier pages are never kept.
    pub from_page: usize,
}

/// What is kept, and the chance by which answers age.
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

    /// Forgets the pages that are kept.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// The answer that was kept for this request, or how many actions old a new one is.
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

    /// Keeps a new answer, where there is a cache.
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
    /// The cache that keeps this page.
    fn caches(&self, page: usize) -> Option<&PageCache> {
        self.cache.as_ref().filter(|cache| page >= cache.from_page)
    }
}
