//! What happens on the way to an answer, for whoever watches: a progress bar, a log, a test.

use std::sync::Arc;
use std::time::Duration;

use super::error::ErrorKind;
use super::pace::RateLimit;

/// Whoever is told of every request, retry and wait.
pub type OnEvent = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Something that happens on the way to an answer.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request goes out.
    Sent {
        /// Method, path and query.
        request: &'a str,
    },
    /// A request failed and is sent again after a wait.
    Retrying {
        /// Method, path and query.
        request: &'a str,
        /// What happened.
        reason: &'a ErrorKind,
        /// How long until then.
        wait: Duration,
    },
    /// An answer came, whatever it says.
    Answered {
        /// What it says of the limits.
        limit: &'a RateLimit,
    },
    /// A limit demands a wait before the next request.
    Waiting {
        /// How long.
        wait: Duration,
    },
}
