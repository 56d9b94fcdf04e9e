//! Time as the API writes it, and the only place that reads the system's clock.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970-01-01T00:00:00Z by the system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the library's clock is what is under test"
)]
pub(super) fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Appends `2020-11-14T16:29:21Z`, or nothing for a time outside of the calendar.
pub(super) fn write(out: &mut String, epoch_seconds: i64) {
    if let Ok(instant) = jiff::Timestamp::from_second(epoch_seconds) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{instant}");
    }
}

/// `2020-11-14T16:29:21Z`
pub(super) fn text(epoch_seconds: i64) -> String {
    let mut out = String::with_capacity(20);
    write(&mut out, epoch_seconds);
    out
}
