//! Keeps requests under the API's limits, so that the API never has to refuse one.
//!
//! Both limits are sliding windows: a request counts for a minute, and for an hour, from its own time. So a log of sent
//! requests keeps the pace: the next request goes out when the request that fills a window has left it. The code takes
//! the time as an argument and never sleeps, so a test of a whole day takes milliseconds.

use crate::core::threads::lock;
use crate::core::time::Timestamp;
use reqwest::header::HeaderMap;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The number of requests that may be sent in a minute and in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The API allows 250.
    pub requests_per_minute: u32,
    /// The API allows 5,000.
    pub requests_per_hour: u32,
    /// The hourly requests that are left to other programs with the same token.
    pub reserve: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            requests_per_minute: 250,
            requests_per_hour: 5_000,
            reserve: 0,
        }
    }
}

impl Pace {
    /// The time until the last of `requests` requests is sent, in seconds.
    #[must_use]
    pub fn seconds_for(&self, requests: u64) -> u64 {
        let earlier = requests.saturating_sub(1);
        let per_hour = u64::from(self.requests_per_hour.max(1));
        let per_minute = u64::from(self.requests_per_minute.max(1));
        let hours = earlier / per_hour;
        hours * HOUR.as_secs() + (earlier % per_hour) / per_minute * MINUTE.as_secs()
    }

    /// The wait until a request no longer uses up the reserve, by the latest answer; `None` when no wait is needed.
    pub(super) fn wait_for_reserve(&self, limit: &RateLimit, now: Timestamp) -> Option<Duration> {
        let remaining = limit.remaining.filter(|_| self.reserve > 0)?;
        let reset_at = limit.reset_at.filter(|reset_at| *reset_at >= now)?;
        // One second more: the header has whole seconds, and the oldest request expires within the last one.
        let seconds = (reset_at.epoch_seconds() - now.epoch_seconds() + 1).unsigned_abs();
        (remaining <= u64::from(self.reserve)).then_some(Duration::from_secs(seconds))
    }
}

/// The limit that makes a request wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many requests a minute.
    Minute(u32),
    /// So many requests an hour.
    Hour(u32),
    /// So many requests of the hour are left to others.
    Reserve(u32),
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute(requests) => write!(formatter, "{requests} requests a minute"),
            Self::Hour(requests) => write!(formatter, "{requests} requests an hour"),
            Self::Reserve(requests) => write!(formatter, "{requests} requests left to others"),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// The server counts arrivals, the pacer counts departures. A slow request and a fast one after it arrive closer
/// together than they left. So each window is longer by this time, 0.8 % of the shorter window.
const ARRIVAL_SPREAD: Duration = Duration::from_millis(500);

/// Decides when the next request may go out, under both limits.
///
/// It keeps the times of past and planned departures. It reads no clock and never sleeps.
#[derive(Debug)]
pub struct Pacer {
    pace: Pace,
    sent: VecDeque<Instant>,
}

/// One pace for several clients of the same token, one after the other or at once. Clones share it.
#[derive(Clone, Debug)]
pub struct SharedPacer {
    pace: Pace,
    pacer: Arc<Mutex<Pacer>>,
}

impl SharedPacer {
    /// A new pacer: nothing was sent yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            pacer: Arc::new(Mutex::new(Pacer::new(pace))),
        }
    }

    /// The pace that it keeps.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Reserves the next departure, and tells which limit sets its time.
    pub(super) fn next_departure(&self, now: Instant) -> (Instant, Limit) {
        let mut pacer = lock(&self.pacer);
        pacer.next_departure_under(now)
    }
}

impl Pacer {
    /// A new pacer: nothing was sent yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            sent: VecDeque::new(),
        }
    }

    /// Reserves the next departure and returns its time: `now`, or later. The caller sends the request then.
    pub fn next_departure(&mut self, now: Instant) -> Instant {
        self.next_departure_under(now).0
    }

    fn next_departure_under(&mut self, now: Instant) -> (Instant, Limit) {
        let (per_minute, per_hour) = (self.pace.requests_per_minute, self.pace.requests_per_hour);
        let mut departure = self.sent.back().map_or(now, |last| now.max(*last));
        let mut reason = Limit::Minute(per_minute);
        for (requests, window, limit) in [
            (per_minute, MINUTE, Limit::Minute(per_minute)),
            (per_hour, HOUR, Limit::Hour(per_hour)),
        ] {
            let most = usize::try_from(requests.max(1)).unwrap_or(usize::MAX);
            if let Some(filling) = self
                .sent
                .len()
                .checked_sub(most)
                .and_then(|index| self.sent.get(index))
            {
                let free = *filling + window + ARRIVAL_SPREAD;
                if free > departure {
                    (departure, reason) = (free, limit);
                }
            }
        }
        self.sent.push_back(departure);
        let remembered = self
            .pace
            .requests_per_minute
            .max(self.pace.requests_per_hour)
            .max(1);
        while self.sent.len() > usize::try_from(remembered).unwrap_or(usize::MAX) {
            self.sent.pop_front();
        }
        (departure, reason)
    }
}

/// The limits in one answer. Every part may be absent, zero or in the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// The number of requests per hour.
    pub limit: Option<u64>,
    /// The number of requests that are left in this hour.
    pub remaining: Option<u64>,
    /// The time when the oldest counted request no longer counts.
    pub reset_at: Option<Timestamp>,
    /// The wait before the next try; negative when the server's date has passed.
    #[serde(skip)]
    pub retry_after_seconds: Option<i64>,
}

impl RateLimit {
    /// Reads the headers and leaves out invalid values. A `retry-after` date is measured from `now`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        Self {
            limit: text("ratelimit-limit").and_then(|value| value.parse().ok()),
            remaining: text("ratelimit-remaining").and_then(|value| value.parse().ok()),
            reset_at: text("ratelimit-reset")
                .and_then(|value| value.parse().ok())
                .and_then(|seconds| Timestamp::from_epoch_seconds(seconds).ok()),
            retry_after_seconds: text("retry-after").and_then(|value| retry_after(value, now)),
        }
    }
}

/// Seconds, or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<i64> {
    if let Ok(seconds) = value.parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    Some(date.as_second() - now.epoch_seconds())
}

#[cfg(test)]
mod tests {
    use super::super::pace_simulation::simulate;
    use super::*;

    /// The largest number of departures inside any window of this length.
    fn busiest(departures: &[Instant], window: Duration) -> usize {
        let mut first = 0;
        departures
            .iter()
            .enumerate()
            .map(|(index, departure)| {
                while *departure - departures[first] >= window {
                    first += 1;
                }
                index - first + 1
            })
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn no_window_ever_holds_more_than_its_limit() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Pace::default());
        let mut now = start;
        let departures: Vec<_> = (0..12_500)
            .map(|_| {
                now = pacer.next_departure(now);
                now
            })
            .collect();
        assert_eq!(busiest(&departures, MINUTE), 250);
        assert_eq!(busiest(&departures, HOUR), 5_000);
        // 12,500 requests need two full hours and then ten minutes; measured from the first to the last.
        let floor_seconds = 2.0 * 3_600.0 + 9.0 * 60.0;
        let took_seconds = (now - start).as_secs_f64();
        assert!(
            took_seconds <= floor_seconds * 1.03,
            "{took_seconds} of {floor_seconds}"
        );
    }

    #[test]
    fn requests_that_overtake_one_another_are_never_refused_and_are_hardly_slower_than_the_limits()
    {
        const REQUESTS: u64 = 12_500;
        let floor_seconds = Pace::default().seconds_for(REQUESTS);
        for seed in 0..8 {
            let outcome = simulate(REQUESTS, 4, seed);
            assert_eq!((outcome.answered, outcome.refused), (REQUESTS, 0), "{seed}");
            let took = outcome.took.as_secs_f64() / floor_seconds as f64;
            assert!((1.0..=1.03).contains(&took), "{took} times the floor");
        }
    }

    #[test]
    fn the_time_for_many_requests_is_known_beforehand() {
        let pace = Pace::default();
        for (requests, seconds) in [
            (0, 0),
            (1, 0),
            (250, 0),
            (251, 60),
            (5_000, 19 * 60),
            (5_001, 3_600),
        ] {
            assert_eq!(pace.seconds_for(requests), seconds, "{requests}");
        }
    }

    #[test]
    fn a_burst_below_the_limit_is_not_delayed() {
        let now = Instant::now();
        let mut pacer = Pacer::new(Pace {
            requests_per_minute: 3,
            requests_per_hour: 100,
            reserve: 0,
        });
        assert!((0..3).all(|_| pacer.next_departure(now) == now));
        assert!(pacer.next_departure(now) > now + MINUTE);
    }

    #[test]
    fn a_request_that_waits_knows_which_limit_is_full() {
        let now = Instant::now();
        for (requests_per_minute, requests_per_hour, expected) in
            [(2, 9, Limit::Minute(2)), (9, 2, Limit::Hour(2))]
        {
            let mut pacer = Pacer::new(Pace {
                requests_per_minute,
                requests_per_hour,
                reserve: 0,
            });
            let limits = [now; 3].map(|now| pacer.next_departure_under(now).1);
            assert_eq!(limits[2], expected);
        }
    }

    #[test]
    fn the_reserve_is_left_to_others_until_the_oldest_request_expires() {
        let at = |seconds| Timestamp::from_epoch_seconds(seconds).unwrap();
        let limit = |remaining, reset| RateLimit {
            remaining: Some(remaining),
            reset_at: Some(at(reset)),
            ..RateLimit::default()
        };
        let pace = Pace {
            reserve: 500,
            ..Pace::default()
        };
        assert_eq!(pace.wait_for_reserve(&limit(501, 60), at(0)), None);
        assert_eq!(
            pace.wait_for_reserve(&limit(500, 60), at(0)),
            Some(Duration::from_secs(61))
        );
        assert_eq!(pace.wait_for_reserve(&limit(500, 60), at(61)), None);
        assert_eq!(Pace::default().wait_for_reserve(&limit(0, 60), at(0)), None);
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse().unwrap(),
                    reqwest::header::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2015-10-21T07:28:00Z".parse().unwrap();
        for (value, expected) in [
            ("12", Some(12)),
            (" 0 ", Some(0)),
            ("-5", Some(-5)),
            ("36000", Some(36_000)),
            ("Wed, 21 Oct 2015 07:29:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(-60)),
            ("soon", None),
            ("", None),
        ] {
            let limit = RateLimit::from_headers(&headers(&[("retry-after", value)]), now);
            assert_eq!(limit.retry_after_seconds, expected, "{value:?}");
        }
    }

    #[test]
    fn nonsense_is_as_good_as_absent() {
        let now = Timestamp::from_epoch_seconds(0).unwrap();
        let nonsense = [
            ("ratelimit-limit", "many"),
            ("ratelimit-remaining", "-1"),
            ("ratelimit-reset", "9e99"),
        ];
        assert_eq!(
            RateLimit::from_headers(&headers(&nonsense), now),
            RateLimit::default()
        );
        let sense = [
            ("ratelimit-limit", "5000"),
            ("ratelimit-remaining", "4816"),
            ("ratelimit-reset", "1444931833"),
        ];
        let limit = RateLimit::from_headers(&headers(&sense), now);
        assert_eq!((limit.limit, limit.remaining), (Some(5000), Some(4816)));
        assert_eq!(limit.reset_at.unwrap().to_string(), "2015-10-15T17:57:13Z");
    }
}
