//! Syncs on a schedule, for months.
//!
//! A [`Planner`] decides, from the time alone, when to sync and which ticks to skip. The program asks it again when
//! something may have changed: at each beat of an [`Alarm`], when a sync ends, and when the configuration changes.

pub mod exporter;
pub mod metrics;
pub mod ping;
pub mod schedule;

mod planner;

pub use planner::{Ending, Event, MOST_COUNTED, Plan, Planner, Reason, Skip};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::core::time::Timestamp;

/// Wakes the daemon up.
pub trait Alarm: Send + 'static {
    /// Returns at `at` or earlier. It may return early any number of times, but late only by the time to wake up.
    fn wait_until(&mut self, at: Option<Timestamp>) -> impl Future<Output = ()> + Send;
}

/// A beat each second.
#[derive(Default)]
pub struct Heartbeat {
    scheduler: Option<JobScheduler>,
    beats: Arc<Notify>,
}

const EVERY_SECOND: &str = "* * * * * *";
/// A beat that is missing for this long waits for a clock that was set back.
const LONGEST_SILENCE: Duration = Duration::from_secs(3);

impl Heartbeat {
    async fn beat_from_now_on(&mut self) -> Result<(), JobSchedulerError> {
        let scheduler = match &self.scheduler {
            Some(scheduler) => scheduler,
            None => self.scheduler.insert(JobScheduler::new().await?),
        };
        let beats = Arc::clone(&self.beats);
        let job = Job::new(EVERY_SECOND, move |_, _| beats.notify_one())?;
        scheduler.add(job).await?;
        scheduler.start().await
    }
}

impl Alarm for Heartbeat {
    async fn wait_until(&mut self, _: Option<Timestamp>) {
        let beats = Arc::clone(&self.beats);
        let beat = tokio::time::timeout(LONGEST_SILENCE, beats.notified());
        if self.scheduler.is_none() || beat.await.is_err() {
            // An old job stays, and beats again once its time has come. Without any job, the timeout is the beat.
            let _ = self.beat_from_now_on().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_beats_again_and_again() {
        let mut heartbeat = Heartbeat::default();
        heartbeat.wait_until(None).await;
        for _ in 0..2 {
            heartbeat.beats.notified().await;
        }
    }
}
