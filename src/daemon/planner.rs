//! Decides what to do now: start a sync, skip a tick, or wait.
//!
//! The code is pure: the time and the random numbers are arguments. A *tick* is an instant of the schedule. Each tick
//! starts a sync, or is skipped and counted. Ticks that were missed (the machine slept, the daemon did not run, the
//! clock was set) are made up for by one sync.
//!
//! After a failure the next try is sooner than in a schedule of days, and later than in one of seconds: waits double
//! from [`FIRST_WAIT_SECONDS`] to [`LONGEST_WAIT_SECONDS`]. A tick soon after such a wait replaces the try, so that
//! frequent schedules keep their times.

use crate::core::time::Timestamp;
use crate::daemon::schedule::Schedule;

/// The wait after a first failure. The sync itself has already retried for most of a minute.
const FIRST_WAIT_SECONDS: i64 = 5;
/// The longest wait between two tries. It is shorter than most schedules, so that it rarely makes the daemon skip a
/// tick.
const LONGEST_WAIT_SECONDS: i64 = 15 * 60;
/// The longest delay of a tick that still counts as on time: waking up takes a while.
const UNREMARKABLE_SECONDS: i64 = 30;
/// The largest step back of the clock that does not change the plan, so that no tick comes twice.
const SMALL_STEP_BACK_SECONDS: i64 = 120;
/// The largest count of missed ticks: a schedule of seconds has millions in a month.
pub const MOST_COUNTED: u32 = 1_000;
/// The number of ticks against which a random delay is checked.
const TICKS_LOOKED_AT: usize = 64;

/// A schedule with a random delay.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The schedule of the ticks.
    pub schedule: Schedule,
    jitter_seconds: i64,
}

impl Plan {
    /// Delays each tick by up to `jitter_seconds` at random, which spreads hosts with the same schedule.
    ///
    /// # Errors
    /// When the next tick could come before a delayed one. Checks the ticks of the first days after `now`.
    pub fn new(schedule: Schedule, jitter_seconds: i64, now: Timestamp) -> Result<Self, String> {
        let least = schedule.gaps(now).take(TICKS_LOOKED_AT).min();
        match least.filter(|gap| jitter_seconds > 0 && jitter_seconds >= *gap) {
            Some(gap) => Err(format!(
                "a random delay of up to {jitter_seconds} s does not fit between two ticks that are {gap} s apart"
            )),
            None => Ok(Self {
                schedule,
                jitter_seconds,
            }),
        }
    }
}

/// The reason why a sync starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No sync has ever ended.
    First,
    /// A tick is due.
    Tick,
    /// A tick was missed.
    MadeUp,
    /// The last sync failed.
    Retry,
}

/// The reason why a tick is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The previous sync is still running.
    Busy,
    /// The last sync failed, and the wait after it is not over.
    BackingOff,
}

/// The result of a sync, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The sync did its work.
    Settled,
    /// The sync failed in a way that may be over soon.
    Failed {
        /// The end of a rate limit, if one is known. The next try is not before it.
        not_before: Option<Timestamp>,
    },
    /// The sync failed in a way that the user must fix. The next try is at the next tick.
    Hopeless,
}

/// A step of the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A sync starts.
    Started {
        /// The reason.
        reason: Reason,
        /// The time when it was due.
        due: Timestamp,
        /// Ticks that were missed without this one, at most [`MOST_COUNTED`].
        missed: u32,
    },
    /// A tick is skipped.
    Skipped {
        /// The reason.
        why: Skip,
        /// The tick.
        tick: Timestamp,
    },
    /// The clock was set back, and the next sync is planned again.
    PlannedAnew {
        /// The size of the step, in seconds.
        seconds: i64,
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

/// Decides for one daemon, for its whole life.
#[derive(Debug)]
pub struct Planner {
    plan: Plan,
    due: Option<Due>,
    /// The time of the next try after a failure. Ticks before it are skipped.
    retry: Option<Timestamp>,
    is_busy: bool,
    /// The number of consecutive failed syncs.
    pub failures: u32,
    /// The time of the last call.
    seen: Timestamp,
}

impl Planner {
    /// `last_run` is the start of the last sync that ended. Without one, a sync is due at once; also when a tick was
    /// missed since then.
    pub fn new(plan: Plan, now: Timestamp, last_run: Option<Timestamp>, chance: f64) -> Self {
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

    /// The time of the next step, unless a sync ends before.
    pub fn next(&self) -> Option<Timestamp> {
        let tick = self.due.map(|due| due.at);
        tick.into_iter().chain(self.retry).min()
    }

    /// The expected start of the next sync.
    pub fn next_start(&self) -> Option<Timestamp> {
        self.retry.or(self.due.map(|due| due.at))
    }

    /// Follows another plan from now on. A missed tick or a retry stays due.
    pub fn follow(&mut self, plan: Plan, now: Timestamp, chance: f64) {
        self.plan = plan;
        if self.due.is_none_or(|due| due.reason == Reason::Tick) {
            self.plan_after(now, chance);
        }
    }

    /// The next event that is due at `now`; `chance` is in `[0, 1)`. The caller repeats this until nothing is due.
    pub fn step(&mut self, now: Timestamp, chance: f64) -> Option<Event> {
        if let Some(seconds) = self.set_back(now, chance) {
            return Some(Event::PlannedAnew { seconds });
        }
        if let Some(due) = self.retry.filter(|at| *at <= now && !self.is_busy) {
            return Some(self.start(Reason::Retry, due, now, chance));
        }
        let due = self.due.filter(|due| due.at <= now)?;
        let why = match (self.is_busy, self.retry) {
            (true, _) => Skip::Busy,
            (false, Some(_)) => Skip::BackingOff,
            (false, None) => {
                let is_late = now.epoch_seconds() - due.at.epoch_seconds() > UNREMARKABLE_SECONDS;
                let reason = match due.reason {
                    Reason::Tick if is_late => Reason::MadeUp,
                    reason => reason,
                };
                return Some(self.start(reason, due.tick, now, chance));
            }
        };
        self.plan_after(now.max(due.tick), chance);
        let tick = due.tick;
        Some(Event::Skipped { why, tick })
    }

    /// Records that the sync has ended.
    pub fn ended(&mut self, ending: Ending, now: Timestamp, chance: f64) {
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

    fn start(&mut self, reason: Reason, due: Timestamp, now: Timestamp, chance: f64) -> Event {
        self.is_busy = true;
        self.retry = None;
        let missed = self.ticks_between(due, now);
        if self.due.is_some_and(|tick| tick.at <= now) {
            self.plan_after(now.max(due), chance);
        }
        Event::Started {
            reason,
            due,
            missed,
        }
    }

    /// Plans again when the clock was set back, so that a sync does not wait until the clock reaches the old time
    /// again.
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

    /// The number of ticks after `tick`, up to `now`.
    fn ticks_between(&self, tick: Timestamp, now: Timestamp) -> u32 {
        let ticks = self.plan.schedule.after(tick);
        let missed = ticks.take_while(|tick| *tick <= now).zip(1..=MOST_COUNTED);
        missed.last().map_or(0, |(_, count)| count)
    }
}

/// The wait after this number of failures. It is random in its upper half, so that not all clients return to a server
/// at the same time.
fn wait_seconds(failures: u32, chance: f64) -> i64 {
    let doubled = FIRST_WAIT_SECONDS.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let wait = doubled.min(LONGEST_WAIT_SECONDS);
    wait - share(wait / 2, chance)
}

/// A share of some seconds, in whole seconds.
fn share(seconds: i64, chance: f64) -> i64 {
    const STEPS: i64 = 1 << 20;
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of 2^20")]
    let steps = (chance.clamp(0.0, 1.0) * STEPS as f64) as i64;
    seconds.saturating_mul(steps) / STEPS
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
