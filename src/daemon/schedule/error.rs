//! A cron expression that cannot be used, and where its mistake is.

/// Why a schedule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It says nothing.
    #[error("the cron expression is empty")]
    Empty,
    /// It has too few fields, or too many.
    #[error(
        "`{expression}` has {count} {}, and a cron expression has five (minute, hour, day of the month, month, day of \
         the week) or six (second first)",
        if *count == 1 { "field" } else { "fields" }
    )]
    FieldCount {
        /// All of it.
        expression: String,
        /// How many it has.
        count: usize,
    },
    /// A part of a field is not understood.
    #[error("`{part}`, character {character} of `{expression}`, is no {field}: {allowed}")]
    Field {
        /// All of it.
        expression: String,
        /// What is wrong.
        part: String,
        /// Where that begins, from 1.
        character: usize,
        /// What it should be.
        field: &'static str,
        /// What can be written there.
        allowed: &'static str,
    },
    /// It begins with `@` and is no name that is known.
    #[error("`{name}` is none of {known}")]
    UnknownName {
        /// What was written.
        name: String,
        /// Those that are known.
        known: String,
    },
    /// It matches no time to come.
    #[error("`{expression}` never comes: no date to come has that month and day")]
    Never {
        /// All of it.
        expression: String,
    },
}

impl ScheduleError {
    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Never { .. } => "check the day of the month against the month",
            _ => {
                "for example '*/15 * * * *' for every quarter of an hour, '30 2 * * *' for 02:30, or @hourly"
            }
        }
    }
}
