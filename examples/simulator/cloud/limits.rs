//! Both limits on the rate of requests: sliding windows, in which each request counts from its own time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A number of requests per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of requests; `None` for no limit.
    pub requests: Option<u32>,
    /// The time for which a request counts.
    pub window: Duration,
}

/// The decision of the limits about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Within,
    /// The limit per minute is reached, for this many seconds.
    MinuteExceeded(u64),
    HourExceeded,
}

/// The requests that still count.
#[derive(Debug, Default)]
pub(super) struct RateLimits {
    hour: VecDeque<Instant>,
    minute: VecDeque<Instant>,
}

impl RateLimits {
    /// Counts a request, unless it exceeds a limit.
    pub(super) fn admit(&mut self, hourly: Limit, minute: Limit, now: Instant) -> Verdict {
        let hour_wait = wait(&mut self.hour, hourly, now);
        if hour_wait.is_some() {
            return Verdict::HourExceeded;
        }
        if let Some(wait) = wait(&mut self.minute, minute, now) {
            return Verdict::MinuteExceeded(whole_seconds(wait).max(1));
        }
        self.hour.push_back(now);
        self.minute.push_back(now);
        Verdict::Within
    }

    /// The `ratelimit-*` headers. They describe the hourly limit; without that limit, there are none.
    pub(super) fn headers(
        &self,
        hourly: Limit,
        now: Instant,
        since_epoch: Duration,
    ) -> Vec<(String, String)> {
        let Some(requests) = hourly.requests else {
            return Vec::new();
        };
        let remaining = (requests as usize).saturating_sub(self.hour.len());
        let oldest = self.hour.front().copied().unwrap_or(now);
        let left = (oldest + hourly.window).saturating_duration_since(now);
        let reset = whole_seconds(since_epoch + left);
        vec![
            ("ratelimit-limit".to_owned(), requests.to_string()),
            ("ratelimit-remaining".to_owned(), remaining.to_string()),
            ("ratelimit-reset".to_owned(), reset.to_string()),
        ]
    }

    pub(super) fn forget(&mut self) {
        self.hour.clear();
        self.minute.clear();
    }
}

/// The wait until one more request is allowed; `None` when it is allowed now.
fn wait(times: &mut VecDeque<Instant>, limit: Limit, now: Instant) -> Option<Duration> {
    let counts = |time: &Instant| now.saturating_duration_since(*time) < limit.window;
    while times.front().is_some_and(|time| !counts(time)) {
        times.pop_front();
    }
    let Some(requests) = limit.requests else {
        times.clear();
        return None;
    };
    let surplus = (times.len() + 1)
        .checked_sub(requests as usize)
        .filter(|surplus| *surplus > 0)?;
    let Some(blocking) = times.get(surplus - 1) else {
        return Some(limit.window);
    };
    Some((*blocking + limit.window).saturating_duration_since(now))
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
