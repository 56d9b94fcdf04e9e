//! What only a daemon knows: its ticks, and what it is doing just now.

use crate::core::time::Timestamp;

/// What a daemon hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonFigures {
    /// When it started. Its own counts begin there.
    pub started_at: Timestamp,
    /// What became of the ticks of its schedule.
    pub ticks: Ticks,
    /// When the sync that is at work began, if one is.
    pub running_since: Option<Timestamp>,
    /// When the next sync starts, if nothing comes between.
    pub next_tick_at: Option<Timestamp>,
    /// How many syncs in a row have failed.
    pub consecutive_failures: u64,
    /// Messages to the dead man's switch that did not arrive; nothing where there is no such switch.
    pub pings_failed: Option<u64>,
    /// Whether the API refused the token when it was last asked.
    pub is_token_refused: bool,
}

/// What became of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// A sync was started on time.
    pub run: u64,
    /// Left out, because the sync before was still at work or because of the wait after a failure.
    pub skipped: u64,
    /// A sync was started late, in place of what was missed while nobody looked.
    pub made_up: u64,
    /// A sync was started between ticks, because the one before had failed.
    pub retry: u64,
}

impl Ticks {
    /// Each with its name.
    pub(super) fn by_result(self) -> [(&'static str, u64); 4] {
        [
            ("run", self.run),
            ("skipped", self.skipped),
            ("made_up", self.made_up),
            ("retry", self.retry),
        ]
    }
}
