//! The one form in which the API and the archive write a time, `YYYY-MM-DDTHH:MM:SSZ`, read and written quickly.
//!
//! Each action has two of them and each row that is written has them again, so a general parser, which has to expect
//! offsets, fractions and names of zones, was a tenth of the work on a page. What is here agrees with `jiff` on every
//! instant, and leaves every other form to it; the days are counted as in Howard Hinnant's *chrono-Compatible Low-Level
//! Date Algorithms*, with years that begin in March, so that the leap day is the last.

/// How long the form is.
pub(super) const LENGTH: usize = 20;

const DAY_SECONDS: i64 = 86_400;
/// The days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// The days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Seconds since 1970, when the text is in this form and names a day and a time that exist.
pub(super) fn read(text: &str) -> Option<i64> {
    let text: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
    let separators = [4, 7, 10, 13, 16, 19].map(|place| text[place]);
    if separators != *b"--T::Z" {
        return None;
    }
    let two = |place: usize| {
        let (tens, units) = (digit(text[place])?, digit(text[place + 1])?);
        Some(10 * tens + units)
    };
    let year = 100 * two(0)? + two(2)?;
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let is_day = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_day || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(days_since_1970(year, month, day) * DAY_SECONDS + seconds)
}

/// The form of an instant between the years 0000 and 9999.
pub(super) fn write(epoch_seconds: i64) -> [u8; LENGTH] {
    let (year, month, day) = date(epoch_seconds.div_euclid(DAY_SECONDS));
    let second = epoch_seconds.rem_euclid(DAY_SECONDS);
    let mut text = *b"0000-00-00T00:00:00Z";
    let numbers = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3_600),
        (14, second / 60 % 60),
        (17, second % 60),
    ];
    for (place, number) in numbers {
        text[place] += digit_value(number / 10);
        text[place + 1] += digit_value(number % 10);
    }
    text
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

/// What to add to the character `0`.
fn digit_value(digit: i64) -> u8 {
    u8::try_from(digit).unwrap_or_default()
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap_year => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - DAYS_BEFORE_1970
}

/// Year, month and day.
fn date(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + DAYS_BEFORE_1970;
    let era = days.div_euclid(ERA_DAYS);
    let day_of_era = days.rem_euclid(ERA_DAYS);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `0000-01-01T00:00:00Z` and `9999-12-30T22:00:00Z`.
    const REPRESENTABLE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_207_200;

    fn by_jiff(text: &str) -> Option<i64> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(instant.as_second())
    }

    /// Wherever there is an answer, it is that of jiff.
    fn check_reading(text: &str) {
        if let Some(seconds) = read(text).filter(|seconds| REPRESENTABLE.contains(seconds)) {
            assert_eq!(Some(seconds), by_jiff(text), "{text}");
        }
    }

    fn written(seconds: i64) -> String {
        String::from_utf8(write(seconds).to_vec()).unwrap()
    }

    fn check_writing(seconds: i64) {
        let by_jiff = jiff::Timestamp::from_second(seconds).unwrap().to_string();
        assert_eq!(written(seconds), by_jiff);
        assert_eq!(read(&by_jiff), Some(seconds));
    }

    #[test]
    fn every_day_of_eight_centuries_is_that_of_jiff() {
        let mut by_jiff = jiff::civil::date(1600, 1, 1);
        let first = days_since_1970(1600, 1, 1);
        for day in first..first + 2 * ERA_DAYS {
            let expected = (by_jiff.year(), by_jiff.month(), by_jiff.day());
            let expected = (expected.0.into(), expected.1.into(), expected.2.into());
            assert_eq!(date(day), expected);
            assert_eq!(days_since_1970(expected.0, expected.1, expected.2), day);
            by_jiff = by_jiff.tomorrow().unwrap();
        }
    }

    #[test]
    fn both_ends_are_written_and_read() {
        for seconds in [*REPRESENTABLE.start(), -1, 0, 1, *REPRESENTABLE.end()] {
            check_writing(seconds);
        }
    }

    #[test]
    fn days_and_times_that_do_not_exist_are_left_to_jiff() {
        for text in [
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2020-04-31T00:00:00Z",
            "2020-00-10T00:00:00Z",
            "2020-13-10T00:00:00Z",
            "2020-01-00T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:60:00Z",
            "2016-12-31T23:59:60Z",
            "2020-01-01t00:00:00Z",
            "2020-01-01T00:00:00z",
            "2020-01-01 00:00:00Z",
            "-020-01-01T00:00:00Z",
            "2020-01-01T00:00:0 Z",
            "2020-01-01T00:00:00+00:00",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["2000-02-29T00:00:00Z", "0000-02-29T23:59:59Z"] {
            assert_eq!(read(text), by_jiff(text), "{text}");
            assert!(read(text).is_some(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_instant_is_written_as_jiff_writes_it(seconds in REPRESENTABLE) {
            check_writing(seconds);
        }

        #[test]
        fn numbers_in_this_form_mean_what_jiff_says(
            year in 0..=9999_u32, month in 0..=14_u32, day in 0..=33_u32,
            hour in 0..=25_u32, minute in 0..=62_u32, second in 0..=62_u32,
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
            check_reading(&text);
            // A second 60 is jiff's to judge; all else that jiff reads in this form, so does this.
            let in_range = by_jiff(&text).filter(|seconds| REPRESENTABLE.contains(seconds));
            prop_assert!(second == 60 || in_range.is_none() || read(&text).is_some(), "{}", text);
        }

        #[test]
        fn texts_that_are_almost_in_this_form_mean_what_jiff_says(
            seconds in REPRESENTABLE, place in 0..LENGTH, other in proptest::char::any(),
        ) {
            let mut text = written(seconds);
            text.replace_range(place..=place, &other.to_string());
            check_reading(&text);
        }
    }
}
