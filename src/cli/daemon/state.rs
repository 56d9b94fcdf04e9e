//! The state of an account, as it is shown to Prometheus, health checks and the service manager.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use archiver::core::time::{Timestamp, duration_text};
use archiver::daemon::exporter::Condition;
use archiver::daemon::metrics::{DaemonFigures, Figures, Ticks};
use archiver::daemon::{Event, Reason};
use archiver::query::status::ago;

use super::setup::Setup;

/// The daemon checks its plan about every second, so a silence of this length is a fault.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// What is known of an account.
pub(super) struct State {
    pub(super) figures: Figures,
    pub(super) daemon: DaemonFigures,
    pub(super) last_beat: Instant,
    max_age_seconds: i64,
    /// The path where an archive was seen. It must exist there from then on.
    pub(super) archive: Option<PathBuf>,
    pub(super) is_archive_gone: bool,
}

impl State {
    pub(super) fn new(now: Timestamp, figures: Figures) -> Self {
        Self {
            figures,
            daemon: DaemonFigures {
                started_at: now,
                ticks: Ticks::default(),
                running_since: None,
                next_tick_at: None,
                consecutive_failures: 0,
                pings_failed: None,
                is_token_refused: false,
            },
            last_beat: Instant::now(),
            max_age_seconds: 0,
            archive: None,
            is_archive_gone: false,
        }
    }

    /// Applies a configuration.
    pub(super) fn follow(&mut self, setup: &Setup) {
        self.max_age_seconds = setup.max_age_seconds;
        let failed = self.daemon.pings_failed.unwrap_or(0);
        self.daemon.pings_failed = setup.monitoring.pinger.as_ref().map(|_| failed);
    }

    /// Updates the counts from an event.
    pub(super) fn count(&mut self, event: Event, now: Timestamp) {
        let ticks = &mut self.daemon.ticks;
        match event {
            Event::Started { reason, missed, .. } => {
                match reason {
                    Reason::Tick => ticks.run += 1,
                    Reason::First | Reason::MadeUp => ticks.made_up += 1,
                    Reason::Retry => ticks.retry += 1,
                }
                ticks.skipped += u64::from(missed);
                self.daemon.running_since = Some(now);
            }
            Event::Skipped { .. } => ticks.skipped += 1,
            Event::PlannedAnew { .. } => {}
        }
    }

    /// The current activity, in one line.
    pub(super) fn in_words(&self) -> String {
        let daemon = &self.daemon;
        let fresh = match self.figures.totals.fresh_at() {
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

    /// True while the driver of the account checks its plan.
    pub(super) fn health(&self) -> Condition {
        let silence = self.last_beat.elapsed();
        let is_good = silence < LONGEST_SILENCE;
        let words = match is_good {
            true => self.in_words(),
            false => format!("the daemon has not responded for {} s", silence.as_secs()),
        };
        Condition { is_good, words }
    }

    /// True while the last complete sync is recent.
    pub(super) fn readiness(&self, now: Timestamp) -> Condition {
        let bad = |words: &str| Condition {
            is_good: false,
            words: words.to_owned(),
        };
        if self.is_archive_gone {
            return bad("the archive is gone");
        }
        let Some(at) = self.figures.totals.fresh_at() else {
            return bad("no sync was complete yet");
        };
        let (age, longest) = (at.age_at(now), self.max_age_seconds);
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
