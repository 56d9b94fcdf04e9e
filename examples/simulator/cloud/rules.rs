//! Rules that assign faults to requests.

use std::ops::RangeInclusive;

use super::faults::Fault;
use super::http::Request;
use super::random::Random;

/// Breaks the answers to the matching requests: all requests, unless a method narrows the rule.
///
/// `FaultRule::new(Fault::Status(500)).page(3).times(1)` breaks page 3 once, so that a second try succeeds.
#[derive(Clone, Debug)]
pub struct FaultRule {
    faults: Vec<Fault>,
    path: Option<String>,
    pages: RangeInclusive<u64>,
    nth: u64,
    times: Option<u64>,
    probability: Option<f64>,
    random: Random,
    seen: u64,
    fired: u64,
}

impl FaultRule {
    /// A rule with this fault.
    pub fn new(fault: Fault) -> Self {
        Self::any_of(vec![fault])
    }

    /// A rule with one of these faults, another one each time.
    pub fn any_of(faults: Vec<Fault>) -> Self {
        Self {
            faults,
            path: None,
            pages: 0..=u64::MAX,
            nth: 1,
            times: None,
            probability: None,
            random: Random::new(7),
            seen: 0,
            fired: 0,
        }
    }

    /// The faults of a bad day, all worth a retry, for this share of the requests.
    pub fn mix(probability: f64, seed: u64) -> Self {
        let faults = vec![
            Fault::Status(500),
            Fault::Status(503),
            Fault::HtmlError(502),
            Fault::TooManyRequests {
                retry_after: Some("1".to_owned()),
                reset: None,
            },
            Fault::Reset,
            Fault::ResetInBody,
            Fault::CloseEarly,
            Fault::Truncated,
            Fault::CutJson,
            Fault::EmptyBody,
            Fault::BadGzip,
            Fault::HtmlBody200,
        ];
        Self::any_of(faults).probability(probability, seed)
    }

    /// Applies only to requests whose path and query contain this text.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Applies only to requests for this page. A request without the parameter is for page 1.
    #[must_use]
    pub fn page(mut self, page: u64) -> Self {
        self.pages = page..=page;
        self
    }

    /// Applies only to requests for this page and later ones.
    #[must_use]
    pub fn pages_from(mut self, page: u64) -> Self {
        self.pages = page..=u64::MAX;
        self
    }

    /// Applies to the n-th matching request, counted from 1, and only to that one, unless `times` follows.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self.times = self.times.or(Some(1));
        self
    }

    /// Applies at most this many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies only in this share of the cases, drawn from the seed.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.random = Random::new(seed);
        self
    }

    /// The fault for this request, if any.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Fault> {
        let page = request
            .parameter("page")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        let matches = self
            .path
            .as_ref()
            .is_none_or(|part| request.target.contains(part))
            && self.pages.contains(&page);
        if !matches {
            return None;
        }
        self.seen += 1;
        let due = self.seen >= self.nth
            && self.times.is_none_or(|times| self.fired < times)
            && self
                .probability
                .is_none_or(|probability| self.random.chance(probability));
        if !due {
            return None;
        }
        self.fired += 1;
        let choice = self.random.below(self.faults.len());
        self.faults.get(choice).cloned()
    }

    /// The number of answers that it broke so far.
    pub(super) fn fired(&self) -> u64 {
        self.fired
    }
}
