//! What clock and calendar of a zone show at an instant, as something to count by: the hour of the day, the ISO week.

use super::{Timestamp, Zone};

/// What times are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// The hour of the day, `00` to `23`, of all days together.
    Hour,
    /// The day of the week, `1 Mon` to `7 Sun`, of all weeks together.
    Weekday,
    /// `2026-07-01`
    Day,
    /// The week of ISO 8601, which begins on Monday: `2026-W27`.
    Week,
    /// `2026-07`
    Month,
    /// `2026-Q3`
    Quarter,
    /// `2026`
    Year,
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl CalendarUnit {
    /// What the clocks of a zone show, as a number that orders by time. [`CalendarUnit::text`] is how it is written.
    #[must_use]
    pub fn at(self, timestamp: Timestamp, zone: &Zone) -> i32 {
        let shown = zone.civil(timestamp);
        let date = shown.date();
        let year = i32::from(date.year());
        let month = i32::from(date.month());
        match self {
            Self::Hour => i32::from(shown.hour()),
            Self::Weekday => i32::from(date.weekday().to_monday_one_offset()),
            Self::Day => year * 10_000 + month * 100 + i32::from(date.day()),
            Self::Week => {
                let week = date.iso_week_date();
                i32::from(week.year()) * 100 + i32::from(week.week())
            }
            Self::Month => year * 100 + month,
            Self::Quarter => year * 100 + (month + 2) / 3,
            Self::Year => year,
        }
    }

    /// How a number of [`CalendarUnit::at`] is written. The texts sort as the numbers do.
    #[must_use]
    pub fn text(self, number: i32) -> String {
        let (before, last) = (number.div_euclid(100), number.rem_euclid(100));
        match self {
            Self::Hour => format!("{number:02}"),
            Self::Weekday => {
                let name = usize::try_from(number - 1)
                    .ok()
                    .and_then(|position| WEEKDAYS.get(position));
                format!("{number} {}", name.copied().unwrap_or("?"))
            }
            Self::Day => {
                let (year, month) = (before.div_euclid(100), before.rem_euclid(100));
                format!("{year:04}-{month:02}-{last:02}")
            }
            Self::Week => format!("{before:04}-W{last:02}"),
            Self::Month => format!("{before:04}-{last:02}"),
            Self::Quarter => format!("{before:04}-Q{last}"),
            Self::Year => format!("{number:04}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNITS: [CalendarUnit; 7] = [
        CalendarUnit::Hour,
        CalendarUnit::Weekday,
        CalendarUnit::Day,
        CalendarUnit::Week,
        CalendarUnit::Month,
        CalendarUnit::Quarter,
        CalendarUnit::Year,
    ];

    fn shown(time: &str, zone: &str) -> [String; 7] {
        let (time, zone) = (time.parse().unwrap(), zone.parse().unwrap());
        UNITS.map(|unit| unit.text(unit.at(time, &zone)))
    }

    #[test]
    fn an_instant_has_its_place_on_the_clock_and_in_the_calendar_of_the_zone() {
        assert_eq!(
            shown("2026-06-30T22:30:00Z", "UTC"),
            [
                "22",
                "2 Tue",
                "2026-06-30",
                "2026-W27",
                "2026-06",
                "2026-Q2",
                "2026"
            ]
        );
        assert_eq!(
            shown("2026-06-30T22:30:00Z", "Europe/Berlin"),
            [
                "00",
                "3 Wed",
                "2026-07-01",
                "2026-W27",
                "2026-07",
                "2026-Q3",
                "2026"
            ]
        );
        // A Sunday of the first days of a year is in the last week of the year before.
        assert_eq!(
            shown("2027-01-02T18:29:59Z", "Asia/Kolkata")[..4],
            ["23", "6 Sat", "2027-01-02", "2026-W53"]
        );
        assert_eq!(
            shown("2027-01-02T18:30:00Z", "Asia/Kolkata")[..4],
            ["00", "7 Sun", "2027-01-03", "2026-W53"]
        );
    }

    #[test]
    fn clocks_that_are_set_skip_an_hour_or_show_it_twice() {
        let hour = |time| shown(time, "Europe/Berlin")[0].clone();
        assert_eq!(hour("2026-03-29T00:59:59Z"), "01");
        assert_eq!(hour("2026-03-29T01:00:00Z"), "03");
        assert_eq!(hour("2026-10-25T00:59:59Z"), "02");
        assert_eq!(hour("2026-10-25T01:00:00Z"), "02");
        assert_eq!(hour("2026-10-25T02:00:00Z"), "03");
    }

    proptest! {
        #[test]
        fn numbers_and_texts_sort_as_the_instants_do(
            one in 0_i64..250_000_000_000, other in 0_i64..250_000_000_000, unit in 2..UNITS.len(),
        ) {
            let (unit, zone) = (UNITS[unit], Zone::utc());
            let number = |seconds| unit.at(Timestamp::from_epoch_seconds(seconds).unwrap(), &zone);
            let (earlier, later) = (number(one.min(other)), number(one.max(other)));
            prop_assert!(earlier <= later);
            prop_assert_eq!(unit.text(earlier).cmp(&unit.text(later)), earlier.cmp(&later));
        }
    }
}
