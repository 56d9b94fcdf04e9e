//! Values as a person reads them: durations in words, times in their zone, a status in its colour.

use std::borrow::Cow;

use super::terminal::visible;
use super::{Look, Options, Value};
use crate::time::{Timestamp, Zone, duration_text};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const PLAIN: &str = "\x1b[0m";

/// How many characters a bar of 100 percent takes.
const LONGEST_BAR: usize = 10;

/// The text of a value, with nothing in it that a terminal would obey.
pub(super) fn shown<'a>(value: &Value<'a>, look: Look, options: &Options) -> Cow<'a, str> {
    match (value, look) {
        (Value::Null, _) => Cow::Borrowed("-"),
        (Value::Integer(seconds), Look::Seconds) => Cow::Owned(duration_text(*seconds)),
        (Value::Real(percent), Look::Percent) => Cow::Owned(with_bar(*percent)),
        (Value::Text(time), Look::Time) => match time.parse::<Timestamp>() {
            Ok(instant) if options.zone != Zone::utc() => {
                Cow::Owned(instant.in_zone(&options.zone).to_string())
            }
            // What is no instant is shown as it is.
            _ => visible(time),
        },
        (Value::Integer(integer), _) => Cow::Owned(integer.to_string()),
        (Value::Real(real), _) => Cow::Owned(format!("{real:?}")),
        (Value::Text(text) | Value::Json(text), _) => visible(text),
    }
}

/// The colour that a value calls for.
pub(super) fn color(value: &Value<'_>, look: Look) -> Option<&'static str> {
    let (Value::Text(status), Look::Status) = (value, look) else {
        return None;
    };
    match *status {
        "completed" => Some(GREEN),
        "errored" => Some(RED),
        "in-progress" => Some(YELLOW),
        _ => None,
    }
}

fn with_bar(percent: f64) -> String {
    let share = (percent / 100.0).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a number from 0 to the longest bar"
    )]
    let length = (share * LONGEST_BAR as f64).round() as usize;
    let bar = "█".repeat(length);
    format!("{percent:5.1} {bar:LONGEST_BAR$}")
}
