//! One cron expression: its fields, the place of a mistake in it, and its matches on a calendar without zones.
//!
//! `croner` reports only that an expression is wrong, and accepts names in any field (`JAN` as a minute). For this
//! reason each part of each field is checked alone, first here and then with `croner`.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A valid expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// The expression as it was written.
    pub(super) text: String,
    cron: Cron,
    /// True when it names hours, instead of every hour or every few.
    pub(super) names_hours: bool,
}

/// Each field: its name, what it allows, and the words among that.
const FIELDS: [(&str, &str, &str); 6] = [
    ("second", "0 to 59, with * , - /", ""),
    ("minute", "0 to 59, with * , - /", ""),
    ("hour", "0 to 23, with * , - /", ""),
    (
        "day of the month",
        "1 to 31, L for the last, 15W for the weekday nearest to the 15th, with * , - /",
        "L W",
    ),
    (
        "month",
        "1 to 12 or JAN to DEC, with * , - /",
        "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
    ),
    (
        "day of the week",
        "0 to 7 or SUN to SAT (0 and 7 are Sunday), 5L for the last Friday, 5#2 for the second, with * , - /",
        "SUN MON TUE WED THU FRI SAT L",
    ),
];

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("the cron expression is empty".to_owned()));
        }
        let written = meaning_of(text)?;
        let fields: Vec<_> = written.split_whitespace().collect();
        let count = fields.len();
        let wrong_count = || {
            let fields = if count == 1 { "field" } else { "fields" };
            invalid(format!(
                "`{text}` has {count} {fields}, and a cron expression has five (minute, hour, day of the month, \
                 month, day of the week) or six (second first)"
            ))
        };
        if !matches!(count, 5 | 6) {
            return Err(wrong_count());
        }
        for (place, field) in (FIELDS.len() - count..).zip(&fields) {
            check(place, field, written)?;
        }
        Ok(Self {
            text: text.to_owned(),
            // Parts that are valid alone are valid together too.
            cron: read(&fields.join(" ")).ok_or_else(wrong_count)?,
            names_hours: !fields[count - 4].contains('*'),
        })
    }

    /// The first match at or after a second of a calendar without zones, both counted from 1970.
    pub(super) fn first_from(&self, second: i64) -> Option<i64> {
        let from: DateTime<Utc> = DateTime::from_timestamp(second, 0)?;
        let found = self.cron.find_next_occurrence(&from, true).ok()?;
        Some(found.timestamp())
    }
}

/// The expression that a name means, as in crontab(5); a text that is no name means itself.
fn meaning_of(text: &str) -> Result<&str, ScheduleError> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        name if name.starts_with('@') => {
            return Err(invalid(format!(
                "`{text}` is unknown: use @hourly, @daily, @weekly, @monthly or @yearly"
            )));
        }
        _ => text,
    })
}

/// Checks each part of a list in the field at this place of [`FIELDS`].
fn check(place: usize, field: &str, expression: &str) -> Result<(), ScheduleError> {
    let (name, allowed, words) = FIELDS[place];
    let is_word = |word: &str| {
        words
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(word))
    };
    for part in field.split(',') {
        let mut named = part.split(|character: char| !character.is_ascii_alphabetic());
        let mut alone = ["*"; FIELDS.len()];
        alone[place] = part;
        let is_known = named.all(|word| word.is_empty() || is_word(word));
        if part.is_empty() || !is_known || read(&alone.join(" ")).is_none() {
            let before = part.as_ptr().addr() - expression.as_ptr().addr();
            let character = expression[..before].chars().count() + 1;
            return Err(invalid(format!(
                "`{part}`, character {character} of `{expression}`, is not a valid {name}: {allowed}"
            )));
        }
    }
    Ok(())
}

/// Days of the month and of the week are alternatives when both are named, as in crontab(5).
fn read(text: &str) -> Option<Cron> {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(false)
        .build()
        .parse(text)
        .ok()
}

/// The reason why a schedule cannot be used, and the next step for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleError {
    message: String,
    /// The next step.
    pub hint: &'static str,
}

fn invalid(message: String) -> ScheduleError {
    let hint = "for example '*/15 * * * *' for every quarter of an hour, '30 2 * * *' for 02:30, or @hourly";
    ScheduleError { message, hint }
}

/// The error for an expression that matches no future time.
pub(super) fn never(expression: &str) -> ScheduleError {
    ScheduleError {
        message: format!("`{expression}` never matches: no future date has that month and day"),
        hint: "check the day of the month against the month",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        Expression::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_place_of_a_mistake_is_named() {
        for (text, said) in [
            (
                "61 * * * *",
                "`61`, character 1 of `61 * * * *`, is not a valid minute: 0 to 59",
            ),
            (
                "0 0 24 * * *",
                "`24`, character 5 of `0 0 24 * * *`, is not a valid hour",
            ),
            ("0,30,75 * * * *", "`75`, character 6"),
            ("0 9 * * MON-FRY", "`MON-FRY`, character 9"),
            (
                "JAN * * * *",
                "`JAN`, character 1 of `JAN * * * *`, is not a valid minute",
            ),
            (
                "0 0 1 MON *",
                "`MON`, character 7 of `0 0 1 MON *`, is not a valid month",
            ),
            ("0 0 32 * *", "is not a valid day of the month"),
            ("*/x * * * *", "`*/x`"),
            ("1,,2 * * * *", "``, character 3"),
            ("5-1 * * * *", "`5-1`"),
            ("*/0 * * * *", "`*/0`"),
            ("0 ä * * *", "`ä`, character 3"),
        ] {
            let message = refused(text);
            assert!(message.contains(said), "{text}: {message}");
        }
    }

    #[test]
    fn an_expression_has_five_fields_or_six() {
        for text in ["*", "* * * *", "0 0 0 1 1 * 2027", "hourly"] {
            assert!(refused(text).contains("five"), "{text}");
        }
        assert_eq!(refused("  "), "the cron expression is empty");
        assert!(refused("@reboot").contains("@hourly"));
        assert!(refused("@every 5m").contains("`@every 5m`"));
    }

    #[test]
    fn what_crontab_takes_is_taken() {
        for text in [
            "* * * * *",
            "*/15 * * * *",
            "0,15,30,45 * * * *",
            "0-59/7 8-18 1,15 * MON-FRI",
            "30 2 * * sun",
            "*/2 * * * * *",
            "0 0 L * *",
            "0 0 * * 7",
            "0 0 * JAN,jul *",
            "0 9 * * 5#2",
            "0 9 ? * 5L",
            "@hourly",
            "@Daily",
            "@midnight",
        ] {
            let parsed = Expression::parse(text);
            assert!(parsed.is_ok(), "{text}: {parsed:?}");
        }
    }

    #[test]
    fn a_day_of_the_month_and_one_of_the_week_are_alternatives() {
        // 2026-11-01 is a Sunday.
        let start = 1_793_491_200;
        let both = Expression::parse("0 0 13 * FRI").unwrap();
        let day = |seconds: i64| (seconds - start) / 86_400 + 1;
        let first = both.first_from(start).unwrap();
        let second = both.first_from(first + 1).unwrap();
        assert_eq!((day(first), day(second)), (6, 13));
        let third = both.first_from(second + 1).unwrap();
        assert_eq!(day(third), 20);
    }
}
