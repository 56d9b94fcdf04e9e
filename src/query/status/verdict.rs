//! The verdict in one word and one line: is the archive reliable?

use std::collections::BTreeSet;

use serde::Serialize;

use super::ListingStatus;
use super::runs::{Run, RunState, Scope, reads};
use crate::core::model::DropletId;
use crate::core::time::{Timestamp, duration_text};
use crate::output::{counted, grouped};

const NOTHING: &str = "nothing is archived yet";
const ONLY_IMPORTS: &str = "no sync has read the API yet";
const SYNC: &str = "run `archiver sync`";

/// The reliability of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every action that the scope listed at the start of the last complete sync run is archived.
    Complete,
    /// As `Complete`, but the last complete sync run is older than allowed, or lies in the future.
    Stale,
    /// Some actions are missing.
    Incomplete,
    /// No sync has archived anything yet.
    NeverSynced,
}

/// The verdict about an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The state in one word.
    pub state: State,
    /// The state in one line.
    #[serde(rename = "verdict")]
    pub text: String,
    /// The start of the last complete sync run: everything that the API listed then is archived.
    pub fresh_at: Option<String>,
    /// The age of that time; `None` when a wrong clock put it in the future.
    pub age_seconds: Option<i64>,
}

/// The evidence for the verdict.
pub(super) struct Evidence<'a> {
    /// The sync runs back to the last complete one, newest first.
    pub(super) runs: &'a [Run],
    pub(super) listings: &'a [ListingStatus],
    /// The existing droplets with a tag of the scope, as far as the archive knows tags.
    pub(super) tagged: &'a [DropletId],
    /// The number of archived actions.
    pub(super) actions: u64,
    pub(super) now: Timestamp,
    pub(super) max_age_seconds: Option<i64>,
}

/// Judges an archive by its sync log, and by its coverage when a sync run has no outcome.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let complete = evidence.last_complete();
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
    /// The state as people read it.
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

    /// The scope of the last sync run; `None`: the whole account.
    pub(super) fn scope(&self) -> Option<Scope> {
        Scope::of(&self.runs.first()?.scope)
    }

    /// The listings that a sync of the scope reads.
    fn listings(&self) -> impl Iterator<Item = &ListingStatus> {
        let scope = self.scope();
        let listings = self.listings.iter();
        listings.filter(move |listing| reads(scope.as_ref(), listing))
    }

    /// The contents of the scope: `52,292 actions of the account`, `12 droplets, 5,000 actions`.
    fn holdings(&self) -> String {
        let actions = counted(self.actions, "action");
        let Some(Scope { droplets, tags }) = self.scope() else {
            return format!("{actions} of the account");
        };
        let listed = self.listings.iter().filter(|it| it.droplet_id.is_some());
        // Droplets that a tag chose are followed, if the token allows it.
        let followed = listed.clone().filter(|it| it.is_followed).count();
        let droplets = match followed {
            _ if tags.is_empty() => droplets.len(),
            0 => listed.count(),
            followed => followed,
        };
        format!("{}, {actions}", counted(droplets as u64, "droplet"))
    }

    /// The listings of the scope with actions that are missing, or may be.
    fn gaps(&self) -> impl Iterator<Item = &ListingStatus> {
        self.listings().filter(|listing| listing.has_gap())
    }

    /// The last sync run that archived only a part of what was new.
    fn culprit(&self) -> Option<&Run> {
        self.runs.iter().find(|run| match run.outcome {
            RunState::Partial | RunState::Interrupted => true,
            RunState::Killed | RunState::Unfinished => self.gaps().next().is_some(),
            RunState::Failed | RunState::Running | RunState::Complete => false,
        })
    }

    /// The missing part of the scope in one line, with the next step; `None` when the archive is complete.
    pub(super) fn missing(&self) -> Option<String> {
        let was_complete = self.last_complete().is_some();
        let run = if was_complete {
            self.culprit()?
        } else {
            match (self.runs.first(), self.actions) {
                (Some(last), _) => last,
                (None, 0) => return Some(format!("{NOTHING}, {SYNC}")),
                (None, _) => return Some(format!("{ONLY_IMPORTS}, {SYNC}")),
            }
        };
        let is_running = run.outcome == RunState::Running;
        // A partial sync run says what is missing.
        let is_partial = run.outcome == RunState::Partial;
        let what = match self.archived_part() {
            Some(part) => part,
            None if is_running => return Some("a sync is running".to_owned()),
            None if !was_complete && !is_partial && self.listings().all(|it| it.covered == 0) => {
                NOTHING.to_owned()
            }
            None => {
                let reason = run.message.as_deref().and_then(|it| it.lines().next());
                reason.map_or_else(|| self.told(run), str::to_owned)
            }
        };
        let next = match run.outcome {
            RunState::Running => "a sync is running",
            RunState::Partial => "`archiver status` says more",
            _ => SYNC,
        };
        Some(format!("{what}, {next}"))
    }

    /// The last complete sync run.
    pub(super) fn last_complete(&self) -> Option<&Run> {
        let oldest = self.runs.last();
        oldest.filter(|run| run.outcome == RunState::Complete)
    }

    /// The archived part of the scope, if its size is known: `5,000 of 60,000 actions of the account`, `3 of 5
    /// droplets`.
    fn archived_part(&self) -> Option<String> {
        match self.scope() {
            None => {
                let listing = self.gaps().find(|listing| listing.missing > 0)?;
                let (covered, total) = (grouped(listing.covered), listing.total?);
                Some(format!(
                    "{covered} of {} of the account",
                    counted(total, "action")
                ))
            }
            Some(Scope { droplets, tags }) => {
                let read = self.listings.iter().filter_map(|it| it.droplet_id);
                // Without the tags of droplets, at least those that were begun have a tag of the scope.
                let is_least = !tags.is_empty() && self.tagged.is_empty();
                let begun = read.filter(|_| is_least);
                let chosen: BTreeSet<DropletId> = (droplets.into_iter())
                    .chain(self.tagged.iter().copied())
                    .chain(begun)
                    .collect();
                let is_whole = |listing: &&ListingStatus| {
                    listing.droplet_id.is_some_and(|id| chosen.contains(&id)) && !listing.has_gap()
                };
                let whole = self.listings.iter().filter(is_whole).count();
                let at_least = if is_least { "at least " } else { "" };
                let all = counted(chosen.len() as u64, "droplet");
                let text = || format!("{} of {at_least}{all}", grouped(whole as u64));
                (whole < chosen.len()).then(text)
            }
        }
    }

    fn without_a_complete_sync(&self) -> (State, String) {
        let Some(last) = self.runs.first() else {
            let what = match self.actions {
                0 => String::new(),
                actions => format!("all {} were imported", counted(actions, "action")),
            };
            return (State::NeverSynced, what);
        };
        let is_empty = self.actions == 0;
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
        if let Some(run) = self.culprit() {
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
            // An unknown age cannot prove that the archive is fresh enough.
            (None, _) => (State::Stale, String::new()),
            _ => (State::Complete, String::new()),
        };
        let text = format!("{holdings}, last synced {fresh}{than}{note}");
        (state, text)
    }

    /// The result of a sync run that is not complete.
    fn told(&self, run: &Run) -> String {
        let began = |how: &str| {
            let (began, progress) = (self.ago(&run.started_at), self.progress());
            format!("a sync that began {began} {how}{progress}")
        };
        match run.outcome {
            RunState::Running => format!("a sync is running{}", self.progress()),
            RunState::Killed => began("was killed"),
            RunState::Unfinished => began("has not ended, or was killed"),
            outcome => {
                let ending = match outcome {
                    RunState::Failed => "failed",
                    RunState::Interrupted => "was interrupted",
                    _ => "was partial",
                };
                let ended = self.ago(run.finished_at.as_deref().unwrap_or(&run.started_at));
                let message = run.message.as_deref().unwrap_or("no reason is recorded");
                let message: Vec<_> = message.lines().collect();
                format!("a sync {ending} {ended}: {}", message.join("; "))
            }
        }
    }

    /// The progress of the scope's listings, while actions are missing.
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

/// An age in its largest unit: `12 minutes ago`, `1 hour ago`. A time in the future has no age.
#[must_use]
pub fn ago(age_seconds: Option<i64>) -> String {
    let Some(seconds) = age_seconds else {
        return "in the future, by a clock that was wrong".to_owned();
    };
    let seconds = seconds.unsigned_abs();
    for (length, name) in [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ] {
        if seconds >= length {
            return format!("{} ago", counted(seconds / length, name));
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_while_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (119, "1 minute ago"),
            (7_199, "1 hour ago"),
            (86_400, "1 day ago"),
            (40 * 86_400, "40 days ago"),
        ] {
            assert_eq!(ago(Some(seconds)), text);
        }
        assert!(ago(None).contains("clock that was wrong"));
    }
}
