//! Carries out the decisions of the planner: starts syncs, reports events, and stops on command.

use super::planner::{Ending, Plan, Planner, Reason, Skip, Step};
use crate::core::time::Timestamp;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_cron_scheduler::{Job as CronJob, JobScheduler, JobSchedulerError};

/// The initial state of a daemon.
#[derive(Clone, Debug)]
pub struct Start {
    /// The plan of syncs.
    pub plan: Plan,
    /// The start of the last sync that ended.
    pub last_run: Option<Timestamp>,
    /// The clock.
    pub clock: fn() -> Timestamp,
    /// A random number in `[0, 1)`, a new one for each call.
    pub chance: fn() -> f64,
}

/// A command to the daemon.
#[derive(Debug)]
pub enum Command {
    /// Follow this plan from now on.
    Follow(Box<Plan>),
    /// End, after the running sync.
    Stop,
}

/// An event of the daemon.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A sync starts.
    Started {
        /// The reason.
        reason: Reason,
        /// The time when it was due.
        due: Timestamp,
        /// Ticks that were missed before it, at most [`MOST_COUNTED`](super::MOST_COUNTED).
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
    /// A sync has ended.
    Ended {
        /// The result of the sync.
        ending: Ending,
        /// The number of consecutive failures, including this one.
        failures: u32,
        /// The expected start of the next sync.
        next: Option<Timestamp>,
    },
    /// Nothing is to be done now. Sent after each check of the plan, at least every few seconds.
    Waiting {
        /// The expected start of the next sync.
        next: Option<Timestamp>,
    },
}

/// A sync under way.
pub type Work = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// The work that is done on schedule.
pub trait Job {
    /// Starts a sync. The daemon starts no other before this one has ended.
    fn start(&mut self, reason: Reason) -> Work;

    /// Receives the events, in order. Must be quick.
    fn observe(&mut self, event: Event);
}

/// Runs until it receives [`Command::Stop`], or all senders are dropped. Then it waits for the running sync.
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

/// The next event that is due now.
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

/// Waits for the sync to end; without one, waits for ever.
async fn end_of(work: &mut Option<Work>) -> Ending {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Wakes the daemon up.
pub trait Alarm {
    /// Returns at `at` or earlier. It may return early any number of times, but late only by the time to wake up.
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
/// A beat that is missing for this long waits for a clock that was set back.
const LONGEST_SILENCE: Duration = Duration::from_secs(3);

impl Heartbeat {
    /// Starts to beat, on the current runtime.
    ///
    /// # Errors
    /// When the scheduler does not start.
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
            // The old job stays, and beats again once its time has come. If no new job can be added, the timeout is the
            // beat.
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
        /// The end of the running sync.
        static END: Cell<i64> = const { Cell::new(i64::MAX) };
    }

    fn clock() -> Timestamp {
        Timestamp::from_epoch_seconds(NOW.get()).unwrap()
    }

    /// A clock that jumps to the next event.
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

    /// Runs a daemon from midnight until it has started `most` syncs.
    fn daemon(cron: &str, seconds: i64, ending: Ending, most: usize) -> Syncs {
        NOW.set(1_767_225_600);
        daemon_in(&Zone::utc(), cron, seconds, ending, most)
    }

    /// Runs a daemon from now on, in a time zone.
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
        // The daemon waited for the last sync, though that began after the command to stop.
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
                        Some(due.in_zone(&zone)[..10].to_owned())
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
        // Two of three ticks find the sync still running.
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
