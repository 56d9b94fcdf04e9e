//! The reason why the text of a time, a duration or a time zone is invalid, and how to write it instead.
//!
//! A wrong window gives a wrong answer that seems right. So archiver guesses nothing, and the errors list the valid
//! forms.

/// An invalid time, duration or time zone. The text names the input and says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(pub(super) String);

pub(super) const FORMS: &str = "2026-09-01, 2026-09, 2026-Q3, 2026-W40, 2026, 2021-04-01 19:37, \
    2021-04-01T19:37:30+02:00, 2021-04-01T19 (the hour), 7d, 1h30m, 3mo (months), 2 weeks ago, last 7 days, today, \
    yesterday 02:00, monday, last month, now and @1617219450 work";

pub(super) const PERIODS: &str = "2026-09-01, 2026-09-01T14, 2026-09, 2026-Q3, 2026-W40, 2026, today, monday, \
    last month, 7d (until now) and 2026-09-01..2026-09-15 work";

pub(super) const DURATIONS: &str = "90s, 10m, 2h, 1h30m, 7d, 2w and PT1H30M work";

pub(super) const ZONES: &str =
    "UTC, local, names such as Europe/Berlin and offsets such as +02:00 work";
