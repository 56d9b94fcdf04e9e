//! Parts of a filter that exclude each other, so that nothing can match.

use std::fmt;

use super::Filter;
use super::choice::Values;
use super::question::Question;
use crate::core::model::IN_PROGRESS;
use crate::core::time::{Timestamp, duration_text};

/// Why nothing can match a filter, whatever is archived. Its text says so in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// The window ends before it begins, or as it begins.
    Window {
        /// Its beginning.
        since: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// The interval to overlap is over before the window of beginnings begins.
    Overlap {
        /// The end of the interval.
        to: Timestamp,
        /// The beginning of the window.
        since: Timestamp,
    },
    /// The longest duration is shorter than the shortest.
    Durations {
        /// The shortest, in seconds.
        min_seconds: u64,
        /// The longest, in seconds.
        max_seconds: u64,
    },
    /// Every value that is asked for is left out again.
    LeftOut {
        /// The column: `type`, `status`, `region_slug` or `resource_type`.
        field: &'static str,
    },
    /// A longest duration of what is still in progress.
    OpenWithMaximum,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { since, until } => {
                write!(formatter, "nothing can lie between {since} and {until}")
            }
            Self::Overlap { to, since } => write!(
                formatter,
                "nothing that started at {since} or later can overlap what is over at {to}"
            ),
            Self::Durations {
                min_seconds,
                max_seconds,
            } => {
                let text = |seconds: &u64| duration_text(i64::try_from(*seconds).unwrap_or(i64::MAX));
                write!(
                    formatter,
                    "nothing can take at least {} and at most {}",
                    text(min_seconds),
                    text(max_seconds)
                )
            }
            Self::LeftOut { field } => {
                write!(formatter, "every {field} that is asked for is left out again")
            }
            Self::OpenWithMaximum => formatter.write_str(
                "how long something in progress will take is not known, so it has no longest duration",
            ),
        }
    }
}

/// Why nothing can match, when that can be told from the filter alone. Worth asking once a question matched nothing.
#[must_use]
pub fn contradictions(filter: &Filter, now: Timestamp) -> Vec<Contradiction> {
    let question = Question::without_archive(filter, now);
    let mut found = Vec::new();
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        found.push(Contradiction::Window { since, until });
    }
    match (filter.overlap, filter.since) {
        (Some((from, to)), _) if from > to => found.push(Contradiction::Window {
            since: from,
            until: to,
        }),
        (Some((_, to)), Some(since)) if since >= to => {
            found.push(Contradiction::Overlap { to, since });
        }
        _ => {}
    }
    if let (Some(min_seconds), Some(max_seconds)) =
        (filter.min_duration_seconds, filter.max_duration_seconds)
        && min_seconds > max_seconds
    {
        found.push(Contradiction::Durations {
            min_seconds,
            max_seconds,
        });
    }
    let choices = [
        ("type", &question.types),
        ("status", &question.statuses),
        ("region_slug", &question.regions),
        ("resource_type", &question.resource_types),
    ];
    let left_out = choices
        .into_iter()
        .filter(|(_, values)| values.is_nothing());
    found.extend(left_out.map(|(field, _)| Contradiction::LeftOut { field }));
    let is_open = matches!(&question.statuses, Values::Only(only) if only == &[IN_PROGRESS]);
    if is_open && filter.max_duration_seconds.is_some() {
        found.push(Contradiction::OpenWithMaximum);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{choice, now};
    use super::*;

    fn told(filter: &Filter) -> Vec<String> {
        let found = contradictions(filter, now());
        found.iter().map(ToString::to_string).collect()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_can_match_is_no_contradiction() {
        let filter = Filter {
            types: choice(&["@power", "!reboot"]),
            statuses: choice(&["in-progress"]),
            since: Some(time("2020-01-01T00:00:00Z")),
            until: Some(time("2020-01-02T00:00:00Z")),
            overlap: Some((time("2020-01-01T00:00:00Z"), time("2020-01-01T00:00:01Z"))),
            min_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(told(&filter), [""; 0]);
        assert_eq!(told(&Filter::default()), [""; 0]);
    }

    #[test]
    fn parts_that_exclude_each_other_are_told() {
        let (early, late) = (time("2020-01-01T00:00:00Z"), time("2021-01-02T00:00:00Z"));
        let window = Filter {
            since: Some(late),
            until: Some(early),
            overlap: Some((early, early)),
            ..Filter::default()
        };
        assert_eq!(
            told(&window),
            [
                "nothing can lie between 2021-01-02T00:00:00Z and 2020-01-01T00:00:00Z",
                "nothing that started at 2021-01-02T00:00:00Z or later can overlap what is over at 2020-01-01T00:00:00Z",
            ]
        );
        let values = Filter {
            types: choice(&["reboot", "!@power"]),
            statuses: choice(&["in-progress"]),
            regions: choice(&["nyc3", "!nyc3"]),
            min_duration_seconds: Some(3600),
            max_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(
            told(&values),
            [
                "nothing can take at least 1h and at most 1m",
                "every type that is asked for is left out again",
                "every region_slug that is asked for is left out again",
                "how long something in progress will take is not known, so it has no longest duration",
            ]
        );
    }
}
