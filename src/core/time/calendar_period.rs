//! Days, weeks, months, quarters and years of the calendar, and their text forms: `2026-Q3`, `last month`.

use super::{TimeError, Timestamp, Zone, has_shape, is_number};
use jiff::civil::{Date, DateTime, ISOWeekDate, Weekday, date};
use jiff::fmt::strtime;
use jiff::{SignedDuration, ToSpan};

/// The numbers that mean a year without any other sign. Any other four digits, such as `3600`, may as well be a number
/// of seconds, and are refused as a number without a unit.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2099;

/// A stretch of the calendar, with its first day. Weeks begin on Monday, as in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CalendarPeriod {
    pub(super) first: Date,
    pub(super) unit: CalendarUnit,
}

impl CalendarPeriod {
    /// The unit that contains a day. An hour and a weekday are no stretch of the calendar: the day takes their place.
    pub(super) fn containing(date: Date, unit: CalendarUnit) -> Self {
        let first = match unit {
            CalendarUnit::Hour | CalendarUnit::Weekday | CalendarUnit::Day => date,
            CalendarUnit::Week => {
                date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
            }
            CalendarUnit::Month => date.first_of_month(),
            CalendarUnit::Quarter => date
                .first_of_month()
                .saturating_sub(i64::from((date.month() - 1) % 3).months()),
            CalendarUnit::Year => date.first_of_year(),
        };
        Self { first, unit }
    }

    /// The first day after it; `None` beyond the year 9999.
    pub(super) fn end(self) -> Option<Date> {
        self.first.checked_add(self.length()).ok()
    }

    /// The period this many periods later.
    fn later(self, count: i64) -> Self {
        let first = self.first.saturating_add(self.length() * count);
        Self { first, ..self }
    }

    fn length(self) -> jiff::Span {
        match self.unit {
            CalendarUnit::Hour | CalendarUnit::Weekday | CalendarUnit::Day => 1.day(),
            CalendarUnit::Week => 1.week(),
            CalendarUnit::Month => 1.month(),
            CalendarUnit::Quarter => 3.months(),
            CalendarUnit::Year => 1.year(),
        }
    }

    /// Reads words relative to `today`: `yesterday`, `monday`, `this week`, `last month`. `None` for any other text. A
    /// day of the week is the last one before today.
    pub(super) fn spoken(text: &str, today: Date) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let day = Self::containing(today, CalendarUnit::Day);
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [name] | ["last", name] = words.as_slice()
            && let Some(weekday) = weekday(name)
        {
            let first = today.nth_weekday(-1, weekday).ok()?;
            return Some(Self { first, ..day });
        }
        let (which, unit) = match words.as_slice() {
            ["today"] => return Some(day),
            ["yesterday"] => return Some(day.later(-1)),
            ["tomorrow"] => return Some(day.later(1)),
            [which, "week"] => (which, CalendarUnit::Week),
            [which, "month"] => (which, CalendarUnit::Month),
            [which, "quarter"] => (which, CalendarUnit::Quarter),
            [which, "year"] => (which, CalendarUnit::Year),
            _ => return None,
        };
        let this = Self::containing(today, unit);
        match *which {
            "this" => Some(this),
            "last" => Some(this.later(-1)),
            _ => None,
        }
    }

    /// Reads `2026`, `2026-09`, `2026-Q3` or `2026-W40`. `None` for a text of another form.
    ///
    /// # Errors
    /// When the year has no such month, quarter or week.
    pub(super) fn written(text: &str) -> Result<Option<Self>, TimeError> {
        const SHAPES: [(&str, CalendarUnit); 5] = [
            ("0000", CalendarUnit::Year),
            ("0000-00", CalendarUnit::Month),
            ("0000-Q0", CalendarUnit::Quarter),
            ("0000-W0", CalendarUnit::Week),
            ("0000-W00", CalendarUnit::Week),
        ];
        let mut shapes = SHAPES.into_iter();
        let Some((_, unit)) = shapes.find(|(shape, _)| has_shape(text, shape)) else {
            return Ok(None);
        };
        let (year, part) = text.split_at(4);
        let year = year.parse().unwrap_or_default();
        let digits = part.trim_start_matches(|it: char| !it.is_ascii_digit());
        let number: i8 = digits.parse().unwrap_or(1);
        let first = match unit {
            CalendarUnit::Year if !YEARS.contains(&year) => return Ok(None),
            CalendarUnit::Quarter => Date::new(year, number.saturating_mul(3).saturating_sub(2), 1),
            CalendarUnit::Week => {
                ISOWeekDate::new(year, number, Weekday::Monday).map(ISOWeekDate::date)
            }
            _ => Date::new(year, number, 1),
        };
        first
            .map(|first| Some(Self { first, unit }))
            .map_err(|_| no_such_period(text, year, unit))
    }
}

/// `monday` or `mon`.
fn weekday(name: &str) -> Option<Weekday> {
    let read = |form| strtime::parse(form, name).ok()?.weekday();
    read("%A").or_else(|| read("%a"))
}

fn no_such_period(text: &str, year: i16, unit: CalendarUnit) -> TimeError {
    let possible = match unit {
        CalendarUnit::Quarter => "quarters are Q1 to Q4".to_owned(),
        CalendarUnit::Week => {
            // 28 December is always in the last week of its year.
            let weeks = Date::new(year, 12, 28).map_or(52, |date| date.iso_week_date().week());
            format!("the weeks of {year:04} are W01 to W{weeks}")
        }
        _ => "months are 01 to 12".to_owned(),
    };
    TimeError(format!("`{text}` does not exist: {possible}"))
}

/// True for a date in another form than `YYYY-MM-DD`: `01/04/2021`, `1.4.2021`, `2021/04/01`. The first is the first of
/// April to some and the fourth of January to others, so no such date is guessed.
pub(super) fn is_ambiguous_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['/', '.', '-']).collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| is_number(part) && matches!(part.len(), 1 | 2 | 4))
}

/// The unit by which times are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// The hour of the day, `00` to `23`, over all days.
    Hour,
    /// The day of the week, `1 Mon` to `7 Sun`, over all weeks.
    Weekday,
    /// `2026-07-01`
    Day,
    /// The ISO 8601 week, which begins on Monday: `2026-W27`.
    Week,
    /// `2026-07`
    Month,
    /// `2026-Q3`
    Quarter,
    /// `2026`
    Year,
}

/// A Monday. Numbers of [`CalendarUnit::at`] are seconds from its beginning.
const MONDAY: Date = date(1970, 1, 5);
const WEEK_SECONDS: i64 = 7 * 86_400;

impl CalendarUnit {
    /// The unit of a timestamp on the clocks of a zone, as a number that sorts by time. [`CalendarUnit::text`] formats
    /// it.
    #[must_use]
    pub fn at(self, timestamp: Timestamp, zone: &Zone) -> i64 {
        let shown = zone.civil(timestamp);
        let seconds = |date: Date| date.duration_since(MONDAY).as_secs();
        let day = seconds(shown.date());
        match self {
            Self::Hour => i64::from(shown.hour()) * 3_600,
            Self::Weekday => day.rem_euclid(WEEK_SECONDS),
            Self::Day => day,
            Self::Week => day - day.rem_euclid(WEEK_SECONDS),
            _ => seconds(CalendarPeriod::containing(shown.date(), self).first),
        }
    }

    /// The units that lie between two instants, wholly or in part: text, start and end of each on the clocks of a zone.
    /// For hours and weekdays, which no caller asks for, the units are days.
    #[must_use]
    pub fn between(
        self,
        since: Timestamp,
        until: Timestamp,
        zone: &Zone,
    ) -> Vec<(String, Timestamp, Timestamp)> {
        let mut period = CalendarPeriod::containing(zone.civil(since).date(), self);
        let mut found = Vec::new();
        while let Some(start) = zone.start_of_day(period.first)
            && let Some(end) = period.end().and_then(|end| zone.start_of_day(end))
            && start < until
        {
            found.push((self.text(self.at(start, zone)), start, end));
            period = period.later(1);
        }
        found
    }

    /// Formats a number of [`CalendarUnit::at`]. The texts sort like the numbers.
    #[must_use]
    pub fn text(self, number: i64) -> String {
        let format = match self {
            Self::Hour => "%H",
            Self::Weekday => "%u %a",
            Self::Day => "%Y-%m-%d",
            Self::Week => "%G-W%V",
            Self::Month => "%Y-%m",
            Self::Quarter => "%Y-Q%q",
            Self::Year => "%Y",
        };
        let start = DateTime::from(MONDAY).saturating_add(SignedDuration::from_secs(number));
        start.strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(period: CalendarPeriod) -> (String, Option<String>) {
        let end = period.end().map(|end| end.to_string());
        (period.first.to_string(), end)
    }

    #[test]
    fn every_unit_has_its_first_and_last_day() {
        for (given, first, end) in [
            ("2026", "2026-01-01", "2027-01-01"),
            ("1900", "1900-01-01", "1901-01-01"),
            ("2099", "2099-01-01", "2100-01-01"),
            ("2026-09", "2026-09-01", "2026-10-01"),
            ("2020-12", "2020-12-01", "2021-01-01"),
            ("0000-02", "0000-02-01", "0000-03-01"),
            ("2026-Q3", "2026-07-01", "2026-10-01"),
            ("2026-q4", "2026-10-01", "2027-01-01"),
            ("2026-W40", "2026-09-28", "2026-10-05"),
            ("2026-w1", "2025-12-29", "2026-01-05"),
            ("2026-W53", "2026-12-28", "2027-01-04"),
            ("2021-W01", "2021-01-04", "2021-01-11"),
        ] {
            let period = CalendarPeriod::written(given).unwrap().unwrap();
            let expected = (first.to_owned(), Some(end.to_owned()));
            assert_eq!(ends(period), expected, "{given}");
        }
    }

    #[test]
    fn what_has_another_shape_is_left_to_others() {
        for text in [
            "",
            "202",
            "1899",
            "2100",
            "3600",
            "0030",
            "20260",
            "2026-",
            "2026-9",
            "2026-009",
            "2026-Q",
            "2026-Q03",
            "2026Q3",
            "2026-W",
            "2026-W001",
            "2026-W40-1",
            "+026",
            "2026-é",
            "é026",
            "2026-Wé",
            "2026-09-01",
            "2026-+9",
        ] {
            assert_eq!(CalendarPeriod::written(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_the_year_does_not_have_is_refused_with_what_it_has() {
        for (given, expected) in [
            ("2026-13", "months are 01 to 12"),
            ("2026-00", "months are 01 to 12"),
            ("2026-Q0", "quarters are Q1 to Q4"),
            ("2026-Q5", "quarters are Q1 to Q4"),
            ("2026-W54", "the weeks of 2026 are W01 to W53"),
            ("2025-W53", "the weeks of 2025 are W01 to W52"),
            ("2025-W00", "the weeks of 2025 are W01 to W52"),
        ] {
            let error = CalendarPeriod::written(given).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{given}` does not exist: {expected}")
            );
        }
    }

    #[test]
    fn what_is_said_of_today_is_a_period() {
        // A Saturday.
        let today = Date::new(2022, 1, 1).unwrap();
        for (given, first, end) in [
            ("today", "2022-01-01", "2022-01-02"),
            ("yesterday", "2021-12-31", "2022-01-01"),
            ("Tomorrow", "2022-01-02", "2022-01-03"),
            ("this week", "2021-12-27", "2022-01-03"),
            ("last week", "2021-12-20", "2021-12-27"),
            ("this month", "2022-01-01", "2022-02-01"),
            ("Last  Month", "2021-12-01", "2022-01-01"),
            ("this quarter", "2022-01-01", "2022-04-01"),
            ("last quarter", "2021-10-01", "2022-01-01"),
            ("this year", "2022-01-01", "2023-01-01"),
            ("last year", "2021-01-01", "2022-01-01"),
            ("friday", "2021-12-31", "2022-01-01"),
            ("Sat", "2021-12-25", "2021-12-26"),
            ("last sunday", "2021-12-26", "2021-12-27"),
        ] {
            let period = CalendarPeriod::spoken(given, today).unwrap();
            let expected = (first.to_owned(), Some(end.to_owned()));
            assert_eq!(ends(period), expected, "{given}");
        }
        for text in [
            "",
            "next week",
            "last",
            "week",
            "last day",
            "last 2 weeks",
            "lastweek",
            "fr",
            "frid",
            "é",
            "next friday",
        ] {
            assert_eq!(CalendarPeriod::spoken(text, today), None, "{text}");
        }
    }

    #[test]
    fn the_last_period_of_the_calendar_has_no_end() {
        let last = Date::new(9999, 12, 30).unwrap();
        for unit in [
            CalendarUnit::Week,
            CalendarUnit::Month,
            CalendarUnit::Quarter,
            CalendarUnit::Year,
        ] {
            assert_eq!(
                CalendarPeriod::containing(last, unit).end(),
                None,
                "{unit:?}"
            );
        }
    }

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
        // A Sunday in the first days of a year belongs to the last week of the year before.
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

    #[test]
    fn a_date_that_is_not_year_first_is_ambiguous() {
        for text in [
            "01/04/2021",
            "31.12.2021",
            "2021/4/1",
            "4-4-2021",
            "01/04/21",
            "2021/13/45",
        ] {
            assert!(is_ambiguous_date(text), "{text}");
        }
        for text in ["1/2", "1/2/3/4", "001/2/3", "a/b/c", "1//2", "2021"] {
            assert!(!is_ambiguous_date(text), "{text}");
        }
    }
}
