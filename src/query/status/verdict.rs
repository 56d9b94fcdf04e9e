//! One word and one line: can the archive be relied on?

use serde::Serialize;

use super::facts::Facts;
use super::facts::ListingStatus;
use super::runs::{Run, RunState};
use super::scope::Scope;
use super::scope::{ago, counted, grouped};
use crate::core::time::{Timestamp, duration_text};

/// Whether the archive can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is missing of what the scope listed when the last complete sync began.
    Complete,
    /// The same, but that is longer ago than it may be.
    Stale,
    /// Something is missing.
    Incomplete,
    /// No sync has archived anything yet.
    NeverSynced,
}

/// What to think of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// In one word.
    pub state: State,
    /// In a line.
    #[serde(rename = "verdict")]
    pub text: String,
    /// When the last complete sync began: what the API listed then is archived.
    pub fresh_at: Option<String>,
    /// How long ago that is; nothing where a clock was wrong, and it lies ahead.
    pub age_seconds: Option<i64>,
}

/// What the verdict stands on.
pub(super) struct Evidence<'a> {
    /// The syncs back to the last complete one, newest first.
    pub(super) runs: &'a [Run],
    pub(super) listings: &'a [ListingStatus],
    pub(super) facts: &'a Facts,
    pub(super) now: Timestamp,
    pub(super) max_age_seconds: Option<i64>,
}

/// Judges an archive by its log of syncs, and by its coverage where a sync left no word.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let complete = evidence
        .runs
        .last()
        .filter(|run| run.outcome == RunState::Complete);
    let fresh_at = complete.map(|run| run.started_at.clone());
    let began = fresh_at.as_deref().and_then(|at| at.parse().ok());
    let age_seconds = began.and_then(|at: Timestamp| at.age_at(evidence.now));
    let (state, what) = match complete {
        None => evidence.without_a_complete_sync(),
        Some(complete) => evidence.since(complete, age_seconds),
    };
    let text = match what.as_str() {
        "" => state.in_words().to_owned(),
        what => format!("{}: {what}", state.in_words()),
    };
    Verdict {
        state,
        text,
        fresh_at,
        age_seconds,
    }
}

impl State {
    /// As people read it.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stale => "stale",
            Self::Incomplete => "incomplete",
            Self::NeverSynced => "never synced",
        }
    }
}

impl Evidence<'_> {
    fn ago(&self, at: &str) -> String {
        let time = at.parse::<Timestamp>();
        time.map_or_else(|_| format!("at {at}"), |time| ago(time.age_at(self.now)))
    }

    fn scope(&self) -> Scope {
        let last = self.runs.first();
        last.map_or(Scope::Account, |run| Scope::of(&run.scope))
    }

    /// What the scope holds, in words.
    fn holdings(&self) -> String {
        self.scope().in_words(self.listings, self.facts.actions)
    }

    /// The listings of the scope of which something is missing, or may be.
    fn gaps(&self) -> impl Iterator<Item = &ListingStatus> {
        let scope = self.scope();
        self.listings
            .iter()
            .filter(move |listing| scope.includes(listing) && listing.has_gap())
    }

    fn without_a_complete_sync(&self) -> (State, String) {
        let Some(last) = self.runs.first() else {
            return (State::NeverSynced, String::new());
        };
        let is_empty = self.facts.actions == 0;
        let what = self.told(last);
        match last.outcome {
            RunState::Failed if is_empty => (State::NeverSynced, what),
            RunState::Failed => {
                let partial = self.runs.iter().find(|run| run.outcome != RunState::Failed);
                let before = partial.map(|run| format!("; {}", self.told(run)));
                (State::Incomplete, what + &before.unwrap_or_default())
            }
            _ => (State::Incomplete, what),
        }
    }

    fn since(&self, complete: &Run, age_seconds: Option<i64>) -> (State, String) {
        let later = &self.runs[..self.runs.len() - 1];
        let fresh = self.ago(&complete.started_at);
        let culprit = later.iter().find(|run| match run.outcome {
            RunState::Partial | RunState::Interrupted => true,
            RunState::Killed | RunState::Unfinished => self.gaps().next().is_some(),
            RunState::Failed | RunState::Running | RunState::Complete => false,
        });
        if let Some(run) = culprit {
            let what = self.told(run);
            return (
                State::Incomplete,
                format!("{what}; last complete sync {fresh}"),
            );
        }
        let holdings = self.holdings();
        let note = later
            .first()
            .map(|run| format!("; {}", self.told(run)))
            .unwrap_or_default();
        let (state, than) = match (age_seconds, self.max_age_seconds) {
            (Some(age), Some(limit)) if age > limit => (
                State::Stale,
                format!(", more than {}", duration_text(limit)),
            ),
            // Nothing says that it is young enough.
            (None, Some(_)) => (State::Stale, String::new()),
            _ => (State::Complete, String::new()),
        };
        let text = format!("{holdings}, last synced {fresh}{than}{note}");
        (state, text)
    }

    /// What a sync that was not complete came to.
    fn told(&self, run: &Run) -> String {
        let began = || self.ago(&run.started_at);
        match run.outcome {
            RunState::Running => format!("a sync is running{}", self.progress()),
            RunState::Killed => {
                format!(
                    "a sync that began {} was killed{}",
                    began(),
                    self.progress()
                )
            }
            RunState::Unfinished => format!(
                "a sync that began {} has not ended, or was killed{}",
                began(),
                self.progress()
            ),
            outcome => {
                let ending = match outcome {
                    RunState::Failed => "failed",
                    RunState::Interrupted => "was interrupted",
                    _ => "was partial",
                };
                let ended = self.ago(run.finished_at.as_deref().unwrap_or(&run.started_at));
                let message = run.message.as_deref().unwrap_or("it does not say why");
                let message: Vec<_> = message.lines().collect();
                format!("a sync {ending} {ended}: {}", message.join("; "))
            }
        }
    }

    /// How far the listings of the scope are read, while something is missing.
    fn progress(&self) -> String {
        let missing: u64 = self.gaps().map(|listing| listing.missing).sum();
        if missing == 0 {
            return String::new();
        }
        let total: u64 = self.gaps().filter_map(|listing| listing.total).sum();
        let archived = grouped(total.saturating_sub(missing));
        format!(", {archived} of {} archived", counted(total, "action"))
    }
}
