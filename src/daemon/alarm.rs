//! Wakes the daemon up.
//!
//! `tokio-cron-scheduler` is trusted with one thing: a beat each second of UTC. When a sync is due is not its business: it
//! has the offset of a zone once and for all, starts a job again while the last one is at work, and knows nothing of a
//! machine that slept. A beat carries nothing, so one too many, one too few or one too late does no harm.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::core::time::Timestamp;

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
        let job = Job::new(EVERY_SECOND, move |_, _| beats.notify_one())?;
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

    #[tokio::test]
    async fn it_beats_again_and_again() {
        let heartbeat = Heartbeat::start().await.unwrap();
        for _ in 0..2 {
            heartbeat.beats.notified().await;
        }
    }
}
