//! Values as a person reads them: durations in words, times in their zone, a status in its colour.

use std::borrow::Cow;

use super::terminal::visible;
use super::{Look, Options, Value};
use crate::core::time::{Timestamp, Zone, duration_text};

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
        (Value::Real(percent), Look::Percent) => {
            Cow::Owned(format!("{percent:5.1} {}", bar(percent / 100.0)))
        }
        (Value::Integer(number), Look::Bar { greatest }) => {
            let share = *number as f64 / greatest.max(1) as f64;
            Cow::Owned(format!("{number} {}", bar(share)))
        }
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

/// A bar for a share from 0 to 1, and spaces to where the longest would end.
fn bar(share: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a number from 0 to the longest bar"
    )]
    let length = (share.clamp(0.0, 1.0) * LONGEST_BAR as f64).round() as usize;
    format!("{:LONGEST_BAR$}", "█".repeat(length))
}

#[cfg(test)]
mod tests {
    use super::super::testing::written_under;
    use super::super::{Format, Heading, Value};
    use super::*;

    const HEADINGS: [Heading<'_>; 2] = [
        Heading {
            name: "count",
            title: "count",
            look: Look::Bar { greatest: 2_000 },
        },
        Heading {
            name: "errored_percent",
            title: "errored",
            look: Look::Percent,
        },
    ];

    fn shown(format: Format, rows: &[(i64, f64)]) -> String {
        let rows: Vec<_> = rows
            .iter()
            .map(|(count, percent)| [Value::Integer(*count), Value::Real(*percent)])
            .collect();
        let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| row.as_slice()).collect();
        written_under(format, Options::default(), &HEADINGS, &rows)
    }

    #[test]
    fn a_person_sees_a_bar_that_is_longest_for_the_greatest() {
        let text = shown(Format::Table, &[(2_000, 0.0), (500, 99.9), (0, 33.3)]);
        assert_eq!(
            text,
            "          COUNT           ERRORED\n\
             2000 ██████████    0.0\n \
             500 ███          99.9 ██████████\n   \
             0              33.3 ███\n"
        );
    }

    #[test]
    fn a_program_is_given_the_numbers_alone() {
        assert_eq!(
            shown(Format::Csv, &[(2_000, 12.5)]),
            "count,errored_percent\n2000,12.5\n"
        );
    }
}
