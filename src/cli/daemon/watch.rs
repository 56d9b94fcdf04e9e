//! The state of the daemon, as it is shown to Prometheus, health checks and the service manager.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use archiver::core::threads::lock;
use archiver::core::time::{Timestamp, duration_text};
use archiver::daemon::exporter::Condition;
use archiver::daemon::metrics::{DaemonFigures, Figures, Ticks};
use archiver::daemon::ping::Signal;
use archiver::daemon::{Ending, Event, Reason};
use archiver::query::status::ago;

/// The daemon checks its plan about every second, so a silence of this length is a fault.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Shared between the daemon, its syncs and its server.
pub(super) struct Watch {
    clock: fn() -> Timestamp,
    state: Mutex<State>,
}

/// The known state.
struct State {
    figures: Figures,
    daemon: DaemonFigures,
    max_age_seconds: i64,
    last_beat: Instant,
    /// The path where an archive was seen. It must exist there from then on.
    archive: Option<PathBuf>,
    is_archive_gone: bool,
    throttle: Throttle,
}

impl Watch {
    pub(super) fn new(clock: fn() -> Timestamp, has_pings: bool, max_age_seconds: i64) -> Self {
        let state = State {
            figures: Figures::default(),
            daemon: DaemonFigures {
                started_at: clock(),
                ticks: Ticks::default(),
                running_since: None,
                next_tick_at: None,
                consecutive_failures: 0,
                pings_failed: has_pings.then_some(0),
                is_token_refused: false,
            },
            max_age_seconds,
            last_beat: Instant::now(),
            archive: None,
            is_archive_gone: false,
            throttle: Throttle::default(),
        };
        Self {
            clock,
            state: Mutex::new(state),
        }
    }

    /// Updates the state from an event.
    pub(super) fn observe(&self, event: Event) {
        let mut state = self.state();
        state.last_beat = Instant::now();
        let now = (self.clock)();
        let daemon = &mut state.daemon;
        match event {
            Event::Started { reason, missed, .. } => {
                let ticks = &mut daemon.ticks;
                match reason {
                    Reason::Tick => ticks.run += 1,
                    Reason::First | Reason::MadeUp => ticks.made_up += 1,
                    Reason::Retry => ticks.retry += 1,
                }
                ticks.skipped += u64::from(missed);
                daemon.running_since = Some(now);
            }
            Event::Skipped { .. } => daemon.ticks.skipped += 1,
            Event::Ended {
                failures, ending, ..
            } => {
                daemon.running_since = None;
                daemon.consecutive_failures = u64::from(failures);
                daemon.is_token_refused &= ending == Ending::Hopeless;
            }
            Event::PlannedAnew { .. } => {}
            Event::Waiting { next } => daemon.next_tick_at = next,
        }
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.state().daemon.running_since.is_some()
    }

    /// Applies a new configuration.
    pub(super) fn reload(&self, has_pings: bool, max_age_seconds: i64) {
        let mut state = self.state();
        state.max_age_seconds = max_age_seconds;
        let failed = state.daemon.pings_failed.unwrap_or(0);
        state.daemon.pings_failed = has_pings.then_some(failed);
    }

    /// Records that an archive exists.
    pub(super) fn saw(&self, archive: PathBuf) {
        self.state().archive = Some(archive);
    }

    pub(super) fn has_seen(&self, archive: &Path) -> bool {
        self.state().archive.as_deref() == Some(archive)
    }

    /// True when the throttle lets this ping pass.
    pub(super) fn lets_ping_pass(&self, signal: Signal) -> bool {
        self.state().throttle.lets_pass(signal, Instant::now())
    }

    pub(super) fn ping_failed(&self) {
        if let Some(failed) = &mut self.state().daemon.pings_failed {
            *failed += 1;
        }
    }

    pub(super) fn token_is_refused(&self, is_refused: bool) {
        self.state().daemon.is_token_refused = is_refused;
    }

    pub(super) fn archive_is_gone(&self, is_gone: bool) {
        self.state().is_archive_gone = is_gone;
    }

    /// A copy of the figures of the archive. The update works on a copy, because reading takes time.
    pub(super) fn figures(&self) -> Figures {
        self.state().figures.clone()
    }

    pub(super) fn put(&self, figures: Figures) {
        self.state().figures = figures;
    }

    /// All figures, as of one moment.
    pub(super) fn seen(&self) -> (Figures, DaemonFigures) {
        let state = self.state();
        (state.figures.clone(), state.daemon)
    }

    /// The current activity, in one line.
    pub(super) fn in_words(&self) -> String {
        let state = self.state();
        let daemon = &state.daemon;
        let fresh = match state.figures.totals.fresh_at() {
            Some(at) => format!("last complete sync began {at}"),
            None => "no sync was complete yet".to_owned(),
        };
        let doing = match (daemon.running_since, daemon.next_tick_at) {
            (Some(since), _) => format!("syncing since {since}"),
            (None, Some(next)) => format!("next sync at {next}"),
            (None, None) => "no sync is planned".to_owned(),
        };
        match daemon.consecutive_failures {
            0 => format!("{doing}; {fresh}"),
            1 => format!("{doing}; the last sync failed; {fresh}"),
            failures => format!("{doing}; the last {failures} syncs failed; {fresh}"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Watch {
    pub(super) fn health(&self) -> Condition {
        let silence = self.state().last_beat.elapsed();
        let words = if silence < LONGEST_SILENCE {
            self.in_words()
        } else {
            format!("the daemon has not responded for {} s", silence.as_secs())
        };
        Condition {
            is_good: silence < LONGEST_SILENCE,
            words,
        }
    }

    pub(super) fn readiness(&self) -> Condition {
        let state = self.state();
        let now = (self.clock)();
        let longest = state.max_age_seconds;
        if state.is_archive_gone {
            return Condition {
                is_good: false,
                words: "the archive is gone".to_owned(),
            };
        }
        let Some(at) = state.figures.totals.fresh_at() else {
            return Condition {
                is_good: false,
                words: "no sync was complete yet".to_owned(),
            };
        };
        let age = at.age_at(now);
        Condition {
            is_good: age.is_some_and(|age| age <= longest),
            words: format!(
                "the last complete sync began {} ({at}), and may be at most {} old",
                ago(age),
                duration_text(longest)
            ),
        }
    }
}

/// One start and one end in this time make four pings a minute.
const BETWEEN: Duration = Duration::from_secs(30);

/// Remembers the last pings.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    last_start: Option<Instant>,
    last_end: Option<(Instant, Signal)>,
}

impl Throttle {
    /// True when this signal may be sent now. A signal that differs from the last one always passes.
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
