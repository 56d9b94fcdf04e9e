//! Keeps a frequent schedule from pinging more often than a dead man's switch listens: healthchecks.io drops more than
//! five pings a minute (<https://healthchecks.io/docs/http_api/>).

use std::time::{Duration, Instant};

use archiver::daemon::ping::Signal;

/// One start and one end in this time are four pings a minute.
const BETWEEN: Duration = Duration::from_secs(30);

/// Remembers when what was said last.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    last_start: Option<Instant>,
    last_end: Option<(Instant, Signal)>,
}

impl Throttle {
    /// Whether to say this now. What is other than the last time is always said.
    pub(super) fn lets_pass(&mut self, signal: Signal, now: Instant) -> bool {
        let is_recent = |at: Instant| now.duration_since(at) < BETWEEN;
        if signal == Signal::Start {
            let passes = !self.last_start.is_some_and(is_recent);
            if passes {
                self.last_start = Some(now);
            }
            return passes;
        }
        let is_repeated = |(at, last): (Instant, Signal)| last == signal && is_recent(at);
        let passes = !self.last_end.is_some_and(is_repeated);
        if passes {
            self.last_end = Some((now, signal));
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_of_seconds_pings_four_times_a_minute() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let mut pings = 0;
        for second in (0..600).step_by(2) {
            let now = start + Duration::from_secs(second);
            pings += u32::from(throttle.lets_pass(Signal::Start, now));
            pings += u32::from(throttle.lets_pass(Signal::Success, now));
        }
        assert_eq!(pings, 40);
    }

    #[test]
    fn a_change_is_said_at_once() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for (signal, passes) in [
            (Signal::Success, true),
            (Signal::Success, false),
            (Signal::Failure, true),
            (Signal::Failure, false),
            (Signal::Success, true),
        ] {
            assert_eq!(throttle.lets_pass(signal, now), passes, "{signal:?}");
        }
    }
}
