//! Decides whether and when to try a failed request again. The client does the waiting.
//!
//! Faults and limits have separate budgets. A fault (a broken connection, a 5xx, a body that does not decode) gets a
//! few tries with growing, jittered waits, and at most [`RetryPolicy::patience`] altogether, so that a stalled server
//! becomes an error within a minute. A 429 is not a fault but an instruction, and the wait follows its headers.
//! `retry-after` comes first. `ratelimit-reset` counts only for the hourly limit: it is the time when the *oldest*
//! request expires, so after a burst it would cause a wait of most of an hour. A wait that is too long for the minute
//! limit is reported with the time to come back, because an earlier request would get the same answer.

use std::time::Duration;

use super::pace::RateLimit;
use crate::core::time::Timestamp;

/// The rules for retries.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The most tries of one request that end in a fault, the first one included.
    pub attempts: u32,
    /// The wait after the first fault; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait between two tries after a fault.
    pub longest_wait: Duration,
    /// The total time of one request, including all tries and the waits after faults.
    pub patience: Duration,
    /// The most tries of one request that end in a 429.
    pub limited_attempts: u32,
    /// The longest `retry-after` that is waited for. The minute limit never needs more than 60 s. A longer value
    /// belongs to another limit, and is reported with the time to come back.
    pub longest_retry_after: Duration,
    /// The longest wait for the hourly limit. A longer wait is reported with the time to come back.
    pub longest_limit_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            patience: Duration::from_secs(40),
            limited_attempts: 8,
            longest_retry_after: Duration::from_secs(60),
            longest_limit_wait: Duration::from_secs(300),
        }
    }
}

/// The latest time to come back, from now. No limit of the API covers more than an hour, so larger headers are not
/// believed.
pub(super) const LONGEST_LIMIT_SECONDS: i64 = 3_600;

/// The tries of one request so far.
#[derive(Debug)]
pub(super) struct Tries<'p> {
    policy: &'p RetryPolicy,
    faults: u32,
    limits: u32,
    /// The time that counts against the patience, without the waits for limits.
    busy: Duration,
}

impl<'p> Tries<'p> {
    pub(super) fn new(policy: &'p RetryPolicy) -> Self {
        Self {
            policy,
            faults: 0,
            limits: 0,
            busy: Duration::ZERO,
        }
    }

    /// The number of failed tries.
    pub(super) fn failed(&self) -> u32 {
        self.faults + self.limits
    }

    /// The time that is left for the next try.
    pub(super) fn time_left(&self) -> Duration {
        self.policy.patience.saturating_sub(self.busy)
    }

    /// Records the duration of one more try.
    pub(super) fn took(&mut self, time: Duration) {
        self.busy += time;
    }

    /// The wait after one more fault; `None` when that was the last try.
    pub(super) fn after_fault(&mut self, jitter: f64) -> Option<Duration> {
        self.faults += 1;
        let wait = self.policy.after_fault(self.faults, self.busy, jitter)?;
        self.busy += wait;
        Some(wait)
    }

    /// The next step after one more 429.
    pub(super) fn after_limit(
        &mut self,
        limit: &RateLimit,
        now: Timestamp,
        jitter: f64,
    ) -> Limited {
        self.limits += 1;
        self.policy.after_limit(self.limits, limit, now, jitter)
    }
}

/// The next step after a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    /// Wait this long, then send the request again.
    Wait(Duration),
    /// The wait is too long: come back at this time.
    ComeBackAt(Timestamp),
}

impl RetryPolicy {
    /// The rules for an optional request: a few tries within 15 s, and one wait for a limit.
    pub(super) fn for_a_courtesy(&self) -> Self {
        Self {
            attempts: self.attempts.min(3),
            patience: self.patience.min(Duration::from_secs(15)),
            limited_attempts: self.limited_attempts.min(2),
            ..*self
        }
    }

    /// The wait after the `faults`-th fault of a request that has taken `elapsed` so far; `None` when no try is left.
    /// `jitter` is in `[0, 1)` and spreads the wait over its upper half.
    pub(super) fn after_fault(
        &self,
        faults: u32,
        elapsed: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        if faults >= self.attempts {
            return None;
        }
        let wait = self
            .backoff(faults, self.longest_wait)
            .mul_f64(0.5 + jitter / 2.0);
        (elapsed + wait < self.patience).then_some(wait)
    }

    /// The next step after the `answers`-th 429 to a request.
    pub(super) fn after_limit(
        &self,
        answers: u32,
        limit: &RateLimit,
        now: Timestamp,
        jitter: f64,
    ) -> Limited {
        let come_back = |wait: Duration| {
            let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
            Limited::ComeBackAt(now.saturating_add_seconds(seconds.clamp(1, LONGEST_LIMIT_SECONDS)))
        };
        let (wait, longest) = match (limit.retry_after_seconds, limit.remaining, limit.reset_at) {
            (Some(seconds), _, _) => {
                let asked = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                (asked.max(self.first_wait), self.longest_retry_after)
            }
            (None, Some(0) | None, Some(reset_at)) if reset_at > now => {
                // One second more: the header has whole seconds, and a slot is free only after the last one.
                let seconds = reset_at.epoch_seconds() - now.epoch_seconds() + 1;
                (
                    Duration::from_secs(seconds.unsigned_abs()),
                    self.longest_limit_wait,
                )
            }
            _ => {
                let wait = self.backoff(answers, self.longest_retry_after);
                (wait.mul_f64(0.5 + jitter / 2.0), self.longest_retry_after)
            }
        };
        if answers >= self.limited_attempts || wait > longest {
            come_back(wait)
        } else {
            Limited::Wait(wait)
        }
    }

    fn backoff(&self, times: u32, longest: Duration) -> Duration {
        let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
        self.first_wait.saturating_mul(doubled).min(longest)
    }
}

/// True when a status is a fault that is worth another try. A 429 is not a fault and is handled elsewhere.
pub(super) fn is_fault(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_epoch_seconds(seconds).unwrap()
    }

    fn limit(retry_after: Option<i64>, remaining: Option<u64>, reset: Option<i64>) -> RateLimit {
        RateLimit {
            limit: Some(5000),
            remaining,
            reset_at: reset.map(at),
            retry_after_seconds: retry_after,
        }
    }

    #[test]
    fn waits_grow_are_jittered_and_end() {
        let policy = RetryPolicy::default();
        let wait = |faults, jitter| {
            policy
                .after_fault(faults, Duration::ZERO, jitter)
                .map(|w| w.as_millis())
        };
        assert_eq!(wait(1, 0.0), Some(250));
        assert_eq!(wait(1, 0.999_999), Some(499));
        assert_eq!(wait(3, 0.0), Some(1_000));
        assert_eq!(wait(5, 0.0), Some(4_000));
        assert_eq!(wait(6, 0.0), None);
    }

    #[test]
    fn patience_ends_before_the_tries_do() {
        let policy = RetryPolicy::default();
        assert!(
            policy
                .after_fault(1, Duration::from_secs(39), 0.0)
                .is_some()
        );
        assert!(
            policy
                .after_fault(1, Duration::from_secs(40), 0.0)
                .is_none()
        );
    }

    #[test]
    fn retry_after_comes_first() {
        let policy = RetryPolicy::default();
        for (asked, expected_seconds) in [(12, 12.0), (60, 60.0), (0, 0.5), (-7, 0.5)] {
            let said = limit(Some(asked), Some(0), Some(3_600));
            let Limited::Wait(wait) = policy.after_limit(1, &said, at(0), 0.0) else {
                panic!("{asked}")
            };
            assert!(
                (wait.as_secs_f64() - expected_seconds).abs() < 1e-9,
                "{asked}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_retry_after_of_more_than_a_minute_is_a_time_to_come_back_within_the_hour() {
        let policy = RetryPolicy::default();
        for (asked, expected) in [(61, 61), (3_600, 3_600), (36_000, 3_600), (i64::MAX, 3_600)] {
            let said = limit(Some(asked), None, None);
            let limited = policy.after_limit(1, &said, at(0), 0.0);
            assert_eq!(limited, Limited::ComeBackAt(at(expected)), "{asked}");
        }
    }

    #[test]
    fn what_a_sync_can_do_without_waits_for_a_limit_once() {
        let policy = RetryPolicy::default().for_a_courtesy();
        let said = limit(Some(60), None, None);
        let wait = Limited::Wait(Duration::from_secs(60));
        assert_eq!(policy.after_limit(1, &said, at(0), 0.0), wait);
        let limited = policy.after_limit(2, &said, at(0), 0.0);
        assert_eq!(limited, Limited::ComeBackAt(at(60)));
    }

    #[test]
    fn the_reset_is_waited_for_on_the_hourly_limit_only() {
        let policy = RetryPolicy::default();
        let hourly = limit(None, Some(0), Some(30));
        assert_eq!(
            policy.after_limit(1, &hourly, at(0), 0.0),
            Limited::Wait(Duration::from_secs(31))
        );
        let burst = limit(None, Some(4_000), Some(3_000));
        assert_eq!(
            policy.after_limit(1, &burst, at(0), 0.0),
            Limited::Wait(Duration::from_millis(250))
        );
        let past = limit(None, Some(0), Some(-30));
        assert_eq!(
            policy.after_limit(1, &past, at(0), 0.0),
            Limited::Wait(Duration::from_millis(250))
        );
    }

    #[test]
    fn a_long_wait_becomes_a_time_to_come_back() {
        let policy = RetryPolicy::default();
        let hourly = limit(None, Some(0), Some(1_000));
        assert_eq!(
            policy.after_limit(1, &hourly, at(0), 0.0),
            Limited::ComeBackAt(at(1_001))
        );
        let stubborn = limit(Some(5), None, None);
        assert_eq!(
            policy.after_limit(8, &stubborn, at(0), 0.0),
            Limited::ComeBackAt(at(5))
        );
    }

    #[test]
    fn every_status_has_its_verdict() {
        let retried: Vec<u16> = (100..600).filter(|status| is_fault(*status)).collect();
        assert_eq!(retried.first(), Some(&408));
        assert_eq!(retried[1..], (500..600).collect::<Vec<u16>>());
    }
}
