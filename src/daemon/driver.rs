//! Does what the planner decides: starts syncs, tells what happens, and stops when told to.

use super::planner::{Ending, Plan, Planner, Reason, Skip, Step};
use crate::core::time::Timestamp;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_cron_scheduler::{Job as CronJob, JobScheduler, JobSchedulerError};

/// What a daemon starts with.
#[derive(Clone, Debug)]
pub struct Start {
    /// When to sync.
    pub plan: Plan,
    /// When the last sync began that came to an end.
    pub last_run: Option<Timestamp>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
    /// A number in `[0, 1)`, another one each time.
    pub chance: fn() -> f64,
}

/// What a daemon is told.
#[derive(Debug)]
pub enum Command {
    /// Go by this plan from now on.
    Follow(Box<Plan>),
    /// End, once the sync at work has ended.
    Stop,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A sync starts.
    Started {
        /// Why.
        reason: Reason,
        /// When it was due.
        due: Timestamp,
        /// Ticks that went by unseen before it; [`MOST_COUNTED`](super::MOST_COUNTED) at most are counted.
        missed: u32,
    },
    /// A tick is left out.
    Skipped {
        /// Why.
        why: Skip,
        /// Which.
        tick: Timestamp,
    },
    /// The clock was set back, and all that is to come is planned anew.
    PlannedAnew {
        /// By how much it was.
        seconds: i64,
    },
    /// A sync has ended.
    Ended {
        /// How.
        ending: Ending,
        /// How many in a row have failed, this one included.
        failures: u32,
        /// When the next starts, if nothing comes between.
        next: Option<Timestamp>,
    },
    /// Nothing is to be done; told whenever that has been looked at, at least every few seconds.
    Waiting {
        /// When the next sync starts, if nothing comes between.
        next: Option<Timestamp>,
    },
}

/// A sync under way.
pub type Work = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// What is done on schedule.
pub trait Job {
    /// Starts a sync. The daemon starts no other before this one has ended.
    fn start(&mut self, reason: Reason) -> Work;

    /// Is told what happens, in order. Must be quick.
    fn observe(&mut self, event: Event);
}

/// Runs until it is told to stop, or nobody is left who could tell; a sync that is at work then is waited for.
pub async fn run(
    start: Start,
    alarm: &mut impl Alarm,
    job: &mut impl Job,
    mut commands: mpsc::Receiver<Command>,
) {
    let Start {
        plan,
        last_run,
        clock,
        chance,
    } = start;
    let mut planner = Planner::new(plan, clock(), last_run, chance());
    let mut work: Option<Work> = None;
    loop {
        while let Some(event) = take_step(&mut planner, clock(), chance()) {
            job.observe(event);
            if let Event::Started { reason, .. } = event {
                work = Some(job.start(reason));
            }
        }
        job.observe(Event::Waiting {
            next: planner.next_start(),
        });
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Follow(plan)) => planner.follow(*plan, clock(), chance()),
                Some(Command::Stop) | None => break,
            },
            ending = end_of(&mut work) => {
                work = None;
                planner.ended(ending, clock(), chance());
                let (failures, next) = (planner.failures(), planner.next_start());
                job.observe(Event::Ended { ending, failures, next });
            }
            () = alarm.wait_until(planner.next()) => {}
        }
    }
    if let Some(work) = work {
        work.await;
    }
}

/// The next thing to be done now.
fn take_step(planner: &mut Planner, now: Timestamp, chance: f64) -> Option<Event> {
    match planner.step(now, chance) {
        Step::Wait => None,
        Step::PlanAnew { seconds } => Some(Event::PlannedAnew { seconds }),
        Step::Start {
            reason,
            due,
            missed,
        } => Some(Event::Started {
            reason,
            due,
            missed,
        }),
        Step::Skip { why, tick } => Some(Event::Skipped { why, tick }),
    }
}

/// Waits for a sync to end; without one, for ever.
async fn end_of(work: &mut Option<Work>) -> Ending {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Wakes somebody up.
pub trait Alarm {
    /// Comes back at `at`, or earlier; it may be early as often as it likes, and late by no more than it takes to wake up.
    fn wait_until(&mut self, at: Option<Timestamp>) -> impl Future<Output = ()> + Send;
}

/// The beat could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler does not start: {0}")]
pub struct AlarmError(#[from] JobSchedulerError);

/// A beat each second.
pub struct Heartbeat {
    scheduler: JobScheduler,
    beats: Arc<Notify>,
}

const EVERY_SECOND: &str = "* * * * * *";
/// A beat that does not come in this time waits for a clock that was set back to be there again.
const LONGEST_SILENCE: Duration = Duration::from_secs(3);

impl Heartbeat {
    /// Starts to beat, on the runtime that this is called from.
    ///
    /// # Errors
    /// When the scheduler refuses to work.
    pub async fn start() -> Result<Self, AlarmError> {
        let heartbeat = Self {
            scheduler: JobScheduler::new().await?,
            beats: Arc::default(),
        };
        heartbeat.beat_from_now_on().await?;
        heartbeat.scheduler.start().await?;
        Ok(heartbeat)
    }

    async fn beat_from_now_on(&self) -> Result<(), AlarmError> {
        let beats = Arc::clone(&self.beats);
        let job = CronJob::new(EVERY_SECOND, move |_, _| beats.notify_one())?;
        self.scheduler.add(job).await?;
        Ok(())
    }
}

impl Alarm for Heartbeat {
    async fn wait_until(&mut self, _: Option<Timestamp>) {
        let beat = tokio::time::timeout(LONGEST_SILENCE, self.beats.notified());
        if beat.await.is_err() {
            // The old job stays, and beats along once its time has come; without a new one, silence is the beat.
            let _ = self.beat_from_now_on().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Zone;
    use crate::daemon::schedule::Schedule;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    thread_local! {
        static NOW: Cell<i64> = const { Cell::new(0) };
        /// When the sync at work ends.
        static END: Cell<i64> = const { Cell::new(i64::MAX) };
    }

    fn clock() -> Timestamp {
        Timestamp::from_epoch_seconds(NOW.get()).unwrap()
    }

    /// A clock that jumps to whatever comes next.
    struct FastClock;

    impl Alarm for FastClock {
        async fn wait_until(&mut self, at: Option<Timestamp>) {
            tokio::task::yield_now().await;
            NOW.set(at.unwrap().epoch_seconds().min(END.get()));
        }
    }

    /// Syncs that end the given number of seconds after they began.
    struct Syncs {
        seconds: i64,
        ending: Ending,
        events: Vec<Event>,
        commands: mpsc::Sender<Command>,
        most: usize,
    }

    impl Syncs {
        fn count(&self, is_meant: impl Fn(&Event) -> bool) -> usize {
            self.events.iter().filter(|event| is_meant(event)).count()
        }

        fn started(&self) -> usize {
            self.count(|event| matches!(event, Event::Started { .. }))
        }
    }

    impl Job for Syncs {
        fn start(&mut self, _: Reason) -> Work {
            let is_last = self.started() >= self.most;
            let (until, ending) = (NOW.get() + self.seconds, self.ending);
            END.set(until);
            Box::pin(async move {
                while NOW.get() < until && !is_last {
                    tokio::task::yield_now().await;
                }
                NOW.set(NOW.get().max(until));
                END.set(i64::MAX);
                ending
            })
        }

        fn observe(&mut self, event: Event) {
            self.events.push(event);
            if self.started() >= self.most {
                let _ = self.commands.try_send(Command::Stop);
            }
        }
    }

    /// Runs a daemon from a midnight on until it has started so many syncs.
    fn daemon(cron: &str, seconds: i64, ending: Ending, most: usize) -> Syncs {
        NOW.set(1_767_225_600);
        daemon_in(&Zone::utc(), cron, seconds, ending, most)
    }

    /// The same from now on, by the clocks of a zone.
    fn daemon_in(zone: &Zone, cron: &str, seconds: i64, ending: Ending, most: usize) -> Syncs {
        let (sender, receiver) = mpsc::channel(8);
        let mut syncs = Syncs {
            seconds,
            ending,
            events: Vec::new(),
            commands: sender,
            most,
        };
        let start = Start {
            plan: Plan::new(
                Schedule::new(cron, zone.clone(), clock()).unwrap(),
                0,
                clock(),
            )
            .unwrap(),
            last_run: Some(clock()),
            clock,
            chance: || 0.0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(run(start, &mut FastClock, &mut syncs, receiver));
        syncs
    }

    #[test]
    fn each_tick_is_one_sync() {
        let syncs = daemon("* * * * *", 5, Ending::Settled, 100);
        assert_eq!(syncs.started(), 100);
        assert_eq!(
            syncs.count(|event| matches!(event, Event::Skipped { .. })),
            0
        );
        // The last was waited for, though it began after the daemon was told to stop.
        assert_eq!(NOW.get(), 1_767_225_600 + 100 * 60 + 5);
    }

    #[test]
    fn a_daily_sync_is_one_a_day_in_spring_and_in_autumn() {
        for (zone, cron, morning) in [
            ("Europe/Dublin", "30 1 * * *", "2026-03-26T12:00:00Z"),
            ("Europe/Dublin", "30 1 * * *", "2026-10-22T12:00:00Z"),
            ("America/New_York", "30 2 * * *", "2026-03-05T17:00:00Z"),
            ("America/New_York", "30 1 * * *", "2026-10-29T17:00:00Z"),
        ] {
            let zone: Zone = zone.parse().unwrap();
            let start: Timestamp = morning.parse().unwrap();
            NOW.set(start.epoch_seconds());
            let syncs = daemon_in(&zone, cron, 60, Ending::Settled, 7);
            let days: Vec<_> = syncs
                .events
                .iter()
                .filter_map(|event| match event {
                    Event::Started { reason, due, .. } => {
                        assert_eq!(*reason, Reason::Tick);
                        Some(due.in_zone(&zone).to_string()[..10].to_owned())
                    }
                    _ => None,
                })
                .collect();
            let expected: Vec<_> = (1..=7)
                .map(|day| start.saturating_add_seconds(day * 86_400).to_string()[..10].to_owned())
                .collect();
            assert_eq!(days, expected, "{zone}");
        }
    }

    #[test]
    fn a_slow_sync_is_not_doubled_and_each_tick_it_costs_is_told() {
        let syncs = daemon("* * * * *", 150, Ending::Settled, 10);
        let mut at_work = 0;
        for event in &syncs.events {
            match event {
                Event::Started { .. } => at_work += 1,
                Event::Ended { .. } => at_work -= 1,
                Event::Skipped { why, .. } => assert_eq!((*why, at_work), (Skip::Busy, 1)),
                Event::Waiting { .. } | Event::PlannedAnew { .. } => {}
            }
            assert!(at_work <= 1);
        }
        // Two of three ticks find it at work.
        assert_eq!(
            syncs.count(|event| matches!(event, Event::Skipped { .. })),
            18
        );
    }

    #[test]
    fn failing_again_and_again_ends_nothing() {
        let ending = Ending::Failed { not_before: None };
        let syncs = daemon("*/2 * * * * *", 1, ending, 50);
        let mut reasons = BTreeMap::new();
        for event in &syncs.events {
            if let Event::Started { reason, .. } = event {
                *reasons.entry(*reason).or_insert(0) += 1;
            }
        }
        assert_eq!(
            reasons,
            BTreeMap::from([(Reason::Tick, 1), (Reason::Retry, 49)])
        );
        assert!(syncs.count(|event| matches!(event, Event::Skipped { .. })) > 1_000);
    }

    #[tokio::test]
    async fn it_beats_again_and_again() {
        let heartbeat = Heartbeat::start().await.unwrap();
        for _ in 0..2 {
            heartbeat.beats.notified().await;
        }
    }
}
