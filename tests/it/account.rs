//! The accounts of the tests: small, without limits on the rate of requests, the same every time.

use crate::cloud::{Cloud, Options};

/// 2025-06-01T12:00:00Z: the histories must not depend on the day of the test.
const NOW: i64 = 1_748_779_200;

/// An account with this many droplets and actions, the newest of them in progress.
pub(crate) fn account(droplets: usize, actions: usize) -> Options {
    Options {
        now: Some(NOW),
        ..Options::unlimited(droplets, actions)
    }
}

/// An account with nothing in progress.
pub(crate) fn settled(droplets: usize, actions: usize) -> Options {
    Options {
        in_progress: 0,
        ..account(droplets, actions)
    }
}

pub(crate) fn cloud(droplets: usize, actions: usize) -> Cloud {
    Cloud::start(account(droplets, actions)).unwrap()
}

pub(crate) fn settled_cloud(droplets: usize, actions: usize) -> Cloud {
    Cloud::start(settled(droplets, actions)).unwrap()
}
