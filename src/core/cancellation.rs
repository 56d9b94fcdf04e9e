//! Cancellation: the number of requests to end, and the time of the first one.
//!
//! After the first request, work ends in order, within a few seconds. After the second, it ends at once.

use std::time::{Duration, Instant};

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    count: u32,
    first_at: Option<Instant>,
}

/// Requests the end of work.
#[derive(Debug, Default)]
pub struct Canceller(watch::Sender<Requests>);

impl Canceller {
    /// Adds a request.
    pub fn cancel(&self) {
        self.0.send_modify(|requests| {
            requests.count += 1;
            requests.first_at.get_or_insert_with(Instant::now);
        });
    }

    /// The handle that the work checks.
    #[must_use]
    pub fn cancellation(&self) -> Cancellation {
        Cancellation(self.0.subscribe())
    }
}

/// The handle that work checks to know when to end.
#[derive(Clone, Debug)]
pub struct Cancellation(watch::Receiver<Requests>);

impl Cancellation {
    /// A handle for work that cannot be cancelled.
    #[must_use]
    pub fn never() -> Self {
        Canceller::default().cancellation()
    }

    /// The number of requests so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.borrow().count
    }

    /// True after a request to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.count() > 0
    }

    /// True when work that may continue for `grace` after the first request must end now.
    #[must_use]
    pub fn is_over(&self, grace: Duration) -> bool {
        let Requests { count, first_at } = *self.0.borrow();
        count > 1 || first_at.is_some_and(|at| at.elapsed() >= grace)
    }

    /// Waits until the number of requests reaches `times`.
    pub async fn requested(&self, times: u32) {
        let mut requests = self.0.clone();
        if requests.wait_for(|it| it.count >= times).await.is_err() {
            // The canceller no longer exists, so no request can come.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until `grace` after the first request, or until the second request.
    pub async fn over(&self, grace: Duration) {
        self.requested(1).await;
        let first_at = self.0.borrow().first_at.unwrap_or_else(Instant::now);
        let left = grace.saturating_sub(first_at.elapsed());
        // Both results mean that the wait is over.
        let _ = tokio::time::timeout(left, self.requested(2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn the_first_request_leaves_time_and_the_second_none() {
        let canceller = Canceller::default();
        let cancellation = canceller.cancellation();
        assert!(!cancellation.is_requested() && !cancellation.is_over(Duration::ZERO));
        canceller.cancel();
        assert!(cancellation.is_requested() && cancellation.is_over(Duration::ZERO));
        assert!(!cancellation.is_over(LONG));
        canceller.cancel();
        assert!(cancellation.is_over(LONG));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_can_cancel_never_ends_and_a_second_request_is_not_waited_out() {
        let waited = tokio::time::timeout(LONG, Cancellation::never().requested(1)).await;
        assert!(waited.is_err());
        let canceller = Canceller::default();
        canceller.cancel();
        canceller.cancel();
        canceller.cancellation().over(LONG).await;
    }
}
