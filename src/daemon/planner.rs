//! What to do at a moment: start a sync, leave a tick out, or wait.
//!
//! Pure: the time, and chance, come in. A *tick* is an instant of the schedule. Each is run, or left out and counted;
//! what was missed while nobody looked (the machine slept, the daemon was away, the clock was set) is made up for once.
//!
//! After a failure the next try comes sooner than a schedule of days would have it, and later than one of seconds: waits
//! double from [`FIRST_WAIT_SECONDS`] to [`LONGEST_WAIT_SECONDS`]. A tick that comes soon after such a wait is taken in
//! its place, so that frequent schedules keep to theirs.

use crate::core::time::Timestamp;
use crate::daemon::schedule::Schedule;

/// The wait after a first failure. The sync itself has tried for most of a minute before it failed.
const FIRST_WAIT_SECONDS: i64 = 5;
/// The longest wait between two tries. Shorter than most schedules, so that ticks are hardly ever left out for it.
const LONGEST_WAIT_SECONDS: i64 = 15 * 60;
/// How late a tick may be taken up without a word: waking up takes a while.
const UNREMARKABLE_SECONDS: i64 = 30;
/// How far a clock may be set back without any tick coming twice.
const SMALL_STEP_BACK_SECONDS: i64 = 120;
/// Missed ticks are counted up to here: a schedule of seconds has millions in a month.
pub const MOST_COUNTED: u32 = 1_000;
/// How many gaps between ticks a random delay is held against.
const TICKS_LOOKED_AT: usize = 64;

/// When to sync.
#[derive(Clone, Debug)]
pub struct Plan {
    schedule: Schedule,
    jitter_seconds: i64,
}

/// A plan that does not work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a random delay of up to {jitter_seconds} s does not fit between two ticks that are {gap_seconds} s apart"
)]
pub struct PlanError {
    jitter_seconds: i64,
    gap_seconds: i64,
}

impl Plan {
    /// Ticks, each delayed by up to `jitter_seconds` at random: that spreads hosts with the same schedule.
    ///
    /// # Errors
    /// When the next tick could come before a delayed one; the ticks of the first days after `now` are looked at.
    pub fn new(schedule: Schedule, jitter_seconds: u32, now: Timestamp) -> Result<Self, PlanError> {
        let jitter_seconds = i64::from(jitter_seconds);
        let ticks = schedule.upcoming(now, TICKS_LOOKED_AT);
        let gaps = ticks.windows(2).map(|two| match two {
            [first, second] => second.epoch_seconds() - first.epoch_seconds(),
            _ => i64::MAX,
        });
        match gaps.min() {
            Some(gap_seconds) if jitter_seconds > 0 && jitter_seconds >= gap_seconds => {
                Err(PlanError {
                    jitter_seconds,
                    gap_seconds,
                })
            }
            _ => Ok(Self {
                schedule,
                jitter_seconds,
            }),
        }
    }

    /// The ticks.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

/// Why a sync starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No sync has ever come to an end.
    First,
    /// A tick has come.
    Tick,
    /// A tick was missed.
    MadeUp,
    /// The last one failed.
    Retry,
}

/// Why a tick is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The sync before is still at work.
    Busy,
    /// The last one failed, and the wait after that is not over.
    BackingOff,
}

/// What a sync came to, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did what it could.
    Settled,
    /// It failed in a way that may be over soon; not before this time, where one is known.
    Failed {
        /// When a rate limit ends.
        not_before: Option<Timestamp>,
    },
    /// It failed in a way that somebody has to mend: the next try is at the next tick.
    Hopeless,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// The clock was set back by so much, and all that is to come is planned anew.
    PlanAnew {
        seconds: i64,
    },
    Start {
        reason: Reason,
        /// When it was due.
        due: Timestamp,
        /// Ticks that went by unseen, this one not counted; [`MOST_COUNTED`] at most.
        missed: u32,
    },
    Skip {
        why: Skip,
        tick: Timestamp,
    },
}

/// The next tick.
#[derive(Clone, Copy, Debug)]
struct Due {
    reason: Reason,
    tick: Timestamp,
    /// The tick with its random delay.
    at: Timestamp,
}

/// Decides. One for the life of a daemon.
#[derive(Debug)]
pub(super) struct Planner {
    plan: Plan,
    due: Option<Due>,
    /// When to try again after a failure; ticks before that are left out.
    retry: Option<Timestamp>,
    is_busy: bool,
    failures: u32,
    /// The time when it was last asked.
    seen: Timestamp,
}

impl Planner {
    /// `last_run` is when the last sync began that came to an end. Without one, the first is due at once, and so is one
    /// whose tick has been missed since.
    pub(super) fn new(
        plan: Plan,
        now: Timestamp,
        last_run: Option<Timestamp>,
        chance: f64,
    ) -> Self {
        let mut planner = Self {
            plan,
            due: None,
            retry: None,
            is_busy: false,
            failures: 0,
            seen: now,
        };
        let missed = match last_run {
            None => Some((Reason::First, now)),
            Some(at) => {
                let tick = planner.plan.schedule.next_after(at);
                tick.map(|tick| (Reason::MadeUp, tick))
            }
        };
        match missed {
            Some((reason, tick)) if tick <= now => {
                let at = planner.delayed(now, chance);
                planner.due = Some(Due { reason, tick, at });
            }
            _ => planner.plan_after(now, chance),
        }
        planner
    }

    /// When something is to be done next, unless a sync ends before.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let tick = self.due.map(|due| due.at);
        match self.retry {
            Some(retry) => Some(tick.map_or(retry, |tick| tick.min(retry))),
            None => tick,
        }
    }

    /// When the next sync starts, if nothing comes between.
    pub(super) fn next_start(&self) -> Option<Timestamp> {
        self.retry.or(self.due.map(|due| due.at))
    }

    /// How many syncs in a row have failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Goes by another plan from now on. What was missed or is to be tried again stays due.
    pub(super) fn follow(&mut self, plan: Plan, now: Timestamp, chance: f64) {
        self.plan = plan;
        if self.due.is_none_or(|due| due.reason == Reason::Tick) {
            self.plan_after(now, chance);
        }
    }

    /// What to do at `now`; `chance` is in `[0, 1)`. To be asked again until nothing is left but to wait.
    pub(super) fn step(&mut self, now: Timestamp, chance: f64) -> Step {
        if let Some(seconds) = self.set_back(now, chance) {
            return Step::PlanAnew { seconds };
        }
        if let Some(due) = self.retry.filter(|at| *at <= now && !self.is_busy) {
            return self.start(Reason::Retry, due, now, chance);
        }
        let Some(due) = self.due.filter(|due| due.at <= now) else {
            return Step::Wait;
        };
        let why = match (self.is_busy, self.retry) {
            (true, _) => Skip::Busy,
            (false, Some(_)) => Skip::BackingOff,
            (false, None) => {
                let is_late = now.epoch_seconds() - due.at.epoch_seconds() > UNREMARKABLE_SECONDS;
                let reason = match due.reason {
                    Reason::Tick if is_late => Reason::MadeUp,
                    reason => reason,
                };
                return self.start(reason, due.tick, now, chance);
            }
        };
        self.plan_after(now.max(due.tick), chance);
        Step::Skip {
            why,
            tick: due.tick,
        }
    }

    /// Takes note that the sync has ended.
    pub(super) fn ended(&mut self, ending: Ending, now: Timestamp, chance: f64) {
        self.is_busy = false;
        self.failures = match ending {
            Ending::Settled => 0,
            Ending::Failed { .. } | Ending::Hopeless => self.failures.saturating_add(1),
        };
        let Ending::Failed { not_before } = ending else {
            return;
        };
        let wait = wait_seconds(self.failures, chance);
        let mut until = now.saturating_add_seconds(wait);
        if let Some(limit) = not_before {
            until = until.max(limit);
        }
        let before = until.saturating_add_seconds(-1);
        let tick = self.plan.schedule.next_after(before);
        let soon = until.saturating_add_seconds(wait);
        self.retry = Some(tick.filter(|tick| *tick <= soon).unwrap_or(until));
    }

    fn start(&mut self, reason: Reason, due: Timestamp, now: Timestamp, chance: f64) -> Step {
        self.is_busy = true;
        self.retry = None;
        let missed = self.ticks_between(due, now);
        if self.due.is_some_and(|tick| tick.at <= now) {
            self.plan_after(now.max(due), chance);
        }
        Step::Start {
            reason,
            due,
            missed,
        }
    }

    /// Plans anew when the clock was set back: what was due at three is not to wait for three to come round again.
    fn set_back(&mut self, now: Timestamp, chance: f64) -> Option<i64> {
        let seconds = self.seen.epoch_seconds() - now.epoch_seconds();
        self.seen = now;
        if seconds <= SMALL_STEP_BACK_SECONDS {
            return None;
        }
        self.plan_after(now, chance);
        let latest = now.saturating_add_seconds(LONGEST_WAIT_SECONDS);
        self.retry = self.retry.map(|at| at.min(latest));
        Some(seconds)
    }

    fn plan_after(&mut self, after: Timestamp, chance: f64) {
        let tick = self.plan.schedule.next_after(after);
        self.due = tick.map(|tick| Due {
            reason: Reason::Tick,
            tick,
            at: self.delayed(tick, chance),
        });
    }

    fn delayed(&self, tick: Timestamp, chance: f64) -> Timestamp {
        tick.saturating_add_seconds(share(self.plan.jitter_seconds, chance))
    }

    /// Ticks after `tick`, up to `now`.
    fn ticks_between(&self, tick: Timestamp, now: Timestamp) -> u32 {
        let schedule = &self.plan.schedule;
        let ticks =
            std::iter::successors(schedule.next_after(tick), |tick| schedule.next_after(*tick));
        let missed = ticks.take_while(|tick| *tick <= now).zip(1..=MOST_COUNTED);
        missed.last().map_or(0, |(_, count)| count)
    }
}

/// The wait after so many failures, spread over its upper half: a server that comes back is not met by all at once.
fn wait_seconds(failures: u32, chance: f64) -> i64 {
    let doubled = FIRST_WAIT_SECONDS.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let wait = doubled.min(LONGEST_WAIT_SECONDS);
    wait - share(wait / 2, chance)
}

/// A share of some seconds, in whole ones.
fn share(seconds: i64, chance: f64) -> i64 {
    const STEPS: i64 = 1 << 20;
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of 2^20")]
    let steps = (chance.clamp(0.0, 1.0) * STEPS as f64) as i64;
    seconds.saturating_mul(steps) / STEPS
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
