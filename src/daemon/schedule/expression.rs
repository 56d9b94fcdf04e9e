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
    text: String,
    cron: Cron,
    names_hours: bool,
}

/// A field of an expression.
struct Field {
    name: &'static str,
    allowed: &'static str,
    /// The words that the field allows.
    words: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"];

const FIELDS: [Field; 6] = [
    Field {
        name: "second",
        allowed: "0 to 59, with * , - /",
        words: &[],
    },
    Field {
        name: "minute",
        allowed: "0 to 59, with * , - /",
        words: &[],
    },
    Field {
        name: "hour",
        allowed: "0 to 23, with * , - /",
        words: &[],
    },
    Field {
        name: "day of the month",
        allowed: "1 to 31, L for the last, 15W for the weekday nearest to the 15th, with * , - /",
        words: &["L", "W"],
    },
    Field {
        name: "month",
        allowed: "1 to 12 or JAN to DEC, with * , - /",
        words: &MONTHS,
    },
    Field {
        name: "day of the week",
        allowed: "0 to 7 or SUN to SAT (0 and 7 are Sunday), 5L for the last Friday, 5#2 for the second, with * , - /",
        words: &WEEKDAYS,
    },
];

/// The index of the hour among six fields.
const HOUR: usize = 2;

/// The meaning of the names, as in crontab(5).
const NAMES: [(&str, &str); 7] = [
    ("@hourly", "0 0 * * * *"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@monthly", "0 0 0 1 * *"),
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
];

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ScheduleError::Empty);
        }
        let written = if text.starts_with('@') {
            meaning_of(text)?
        } else {
            text
        };
        let fields = fields(written)?;
        let known = &FIELDS[FIELDS.len() - fields.len()..];
        for (field, (start, content)) in known.iter().zip(&fields) {
            field.check(written, *start, content)?;
        }
        let contents: Vec<_> = fields.iter().map(|(_, content)| *content).collect();
        // Parts that are valid alone are valid together too.
        let cron = read(&contents.join(" ")).ok_or_else(|| ScheduleError::FieldCount {
            expression: text.to_owned(),
            count: fields.len(),
        })?;
        let hour = contents[HOUR + contents.len() - FIELDS.len()..].first();
        Ok(Self {
            text: text.to_owned(),
            cron,
            names_hours: !hour.is_some_and(|hour| hour.contains('*')),
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it names hours, instead of every hour or every few.
    pub(super) fn names_hours(&self) -> bool {
        self.names_hours
    }

    /// The first match at or after a second of a calendar without zones, both counted from 1970.
    pub(super) fn first_from(&self, second: i64) -> Option<i64> {
        let from: DateTime<Utc> = DateTime::from_timestamp(second, 0)?;
        let found = self.cron.find_next_occurrence(&from, true).ok()?;
        Some(found.timestamp())
    }
}

/// The meaning of a name.
fn meaning_of(name: &str) -> Result<&'static str, ScheduleError> {
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| ScheduleError::UnknownName {
            name: name.to_owned(),
            known: NAMES.map(|(known, _)| known).join(", "),
        })
}

/// The fields of an expression, five or six, each with the number of its first character, from 1.
fn fields(text: &str) -> Result<Vec<(usize, &str)>, ScheduleError> {
    let start = |field: &str| {
        let bytes = field.as_ptr().addr() - text.as_ptr().addr();
        text[..bytes].chars().count() + 1
    };
    let fields: Vec<_> = text
        .split_whitespace()
        .map(|field| (start(field), field))
        .collect();
    match fields.len() {
        5 | 6 => Ok(fields),
        count => Err(ScheduleError::FieldCount {
            expression: text.to_owned(),
            count,
        }),
    }
}

impl Field {
    /// Checks each part of a list alone.
    fn check(&self, expression: &str, start: usize, content: &str) -> Result<(), ScheduleError> {
        let mut character = start;
        for part in content.split(',') {
            if !self.takes(part) {
                return Err(ScheduleError::Field {
                    expression: expression.to_owned(),
                    part: part.to_owned(),
                    character,
                    field: self.name,
                    allowed: self.allowed,
                });
            }
            character += part.chars().count() + 1;
        }
        Ok(())
    }

    fn takes(&self, part: &str) -> bool {
        let mut words = part
            .split(|character: char| !character.is_ascii_alphabetic())
            .filter(|word| !word.is_empty());
        let knows = |word: &str| {
            self.words
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word))
        };
        let alone: Vec<_> = FIELDS
            .iter()
            .map(|field| if field.name == self.name { part } else { "*" })
            .collect();
        !part.is_empty() && words.all(knows) && read(&alone.join(" ")).is_some()
    }
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

/// The reason why a schedule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression is empty.
    #[error("the cron expression is empty")]
    Empty,
    /// The expression has too few fields, or too many.
    #[error(
        "`{expression}` has {count} {}, and a cron expression has five (minute, hour, day of the month, month, day of \
         the week) or six (second first)",
        if *count == 1 { "field" } else { "fields" }
    )]
    FieldCount {
        /// The whole expression.
        expression: String,
        /// The number of fields.
        count: usize,
    },
    /// A part of a field is invalid.
    #[error("`{part}`, character {character} of `{expression}`, is not a valid {field}: {allowed}")]
    Field {
        /// The whole expression.
        expression: String,
        /// The invalid part.
        part: String,
        /// The first character of the part, from 1.
        character: usize,
        /// The name of the field.
        field: &'static str,
        /// The allowed values.
        allowed: &'static str,
    },
    /// The expression begins with `@` and is not a known name.
    #[error("`{name}` is unknown: use one of {known}")]
    UnknownName {
        /// The name in the expression.
        name: String,
        /// The known names.
        known: String,
    },
    /// The expression matches no future time.
    #[error("`{expression}` never matches: no future date has that month and day")]
    Never {
        /// The whole expression.
        expression: String,
    },
}

impl ScheduleError {
    /// The next step for the user.
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
