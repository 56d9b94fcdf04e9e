//! Times and lengths of time as text for people.

use std::fmt;

use jiff::tz::Offset;

use super::zone::write_offset;
use super::{Timestamp, Zone};

/// A timestamp as the clocks of a zone show it. Its text is RFC 3339, to the second: `2020-07-20T19:37:30Z` in UTC,
/// `2020-07-20T21:37:30+02:00` elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct InZone<'a> {
    timestamp: Timestamp,
    zone: &'a Zone,
}

impl Timestamp {
    /// This instant, to be shown as the clocks of a zone do.
    #[must_use]
    pub fn in_zone(self, zone: &Zone) -> InZone<'_> {
        InZone {
            timestamp: self,
            zone,
        }
    }
}

impl fmt::Display for InZone<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timestamp, zone } = *self;
        // Before standard time, offsets had seconds, which RFC 3339 cannot express. The clock is then shown as it
        // was to the minute of the offset, so that the text stays the exact instant.
        let seconds = zone.offset_seconds_at(timestamp) / 60 * 60;
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
        let datetime = offset.to_datetime(timestamp.instant());
        // RFC 3339 has no year before 0000.
        if zone.is_utc() || datetime.year() < 0 {
            return timestamp.fmt(formatter);
        }
        datetime.fmt(formatter)?;
        write_offset(formatter, offset)
    }
}

/// Seconds as a person reads them, in the two largest units: `45s`, `2m 5s`, `1h 3m`, `3d 4h`. What is smaller is cut
/// off, and a second unit of zero is left out.
#[must_use]
pub fn duration_text(seconds: i64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let sign = if seconds < 0 { "-" } else { "" };
    let total = seconds.unsigned_abs();
    let Some(largest) = UNITS.iter().position(|(length, _)| total >= *length) else {
        return "0s".to_owned();
    };
    let (length, name) = UNITS[largest];
    let first = format!("{sign}{}{name}", total / length);
    match UNITS.get(largest + 1) {
        Some((smaller, name)) if total % length >= *smaller => {
            format!("{first} {}{name}", total % length / smaller)
        }
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(seconds: i64, zone: &str) -> String {
        let timestamp = Timestamp::from_epoch_seconds(seconds).unwrap();
        timestamp.in_zone(&zone.parse().unwrap()).to_string()
    }

    #[test]
    fn a_time_is_shown_as_the_clocks_of_the_zone_do() {
        let summer = 1_595_273_850;
        for (zone, expected) in [
            ("UTC", "2020-07-20T19:37:30Z"),
            ("+00:00", "2020-07-20T19:37:30Z"),
            ("Europe/Berlin", "2020-07-20T21:37:30+02:00"),
            ("America/New_York", "2020-07-20T15:37:30-04:00"),
            ("Africa/Abidjan", "2020-07-20T19:37:30+00:00"),
            ("Asia/Kathmandu", "2020-07-21T01:22:30+05:45"),
            ("-0530", "2020-07-20T14:07:30-05:30"),
        ] {
            assert_eq!(shown(summer, zone), expected, "{zone}");
        }
        assert_eq!(
            shown(1_579_549_050, "Europe/London"),
            "2020-01-20T19:37:30+00:00"
        );
    }

    #[test]
    fn what_rfc_3339_cannot_express_stays_the_same_instant() {
        // Berlin was 53 minutes and 28 seconds ahead until April 1893.
        assert_eq!(
            shown(-2_500_000_000, "Europe/Berlin"),
            "1890-10-11T20:26:20+00:53"
        );
        assert_eq!(shown(-62_167_219_200, "-5"), "0000-01-01T00:00:00Z");
        assert_eq!(
            shown(253_402_207_200, "+23:59"),
            "9999-12-31T21:59:00+23:59"
        );
    }

    #[test]
    fn a_length_of_time_is_told_in_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (1, "1s"),
            (45, "45s"),
            (59, "59s"),
            (60, "1m"),
            (125, "2m 5s"),
            (3_599, "59m 59s"),
            (3_600, "1h"),
            (3_605, "1h"),
            (3_780, "1h 3m"),
            (86_399, "23h 59m"),
            (86_400, "1d"),
            (273_600, "3d 4h"),
            (273_600 + 3_599, "3d 4h"),
            (86_400 + 59 * 60, "1d"),
            (-45, "-45s"),
            (-125, "-2m 5s"),
            (i64::MAX, "106751991167300d 15h"),
            (i64::MIN, "-106751991167300d 15h"),
        ] {
            assert_eq!(duration_text(seconds), expected, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_time_reads_back_as_the_same_instant(
            seconds in -62_167_219_200_i64..=253_402_207_200,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Monrovia", "+05:45", "-23:59",
            ]),
        ) {
            let read: Timestamp = shown(seconds, zone).parse().unwrap();
            prop_assert_eq!(read.epoch_seconds(), seconds);
        }

        #[test]
        fn a_shown_length_reads_back_as_no_more_and_nearly_as_much(seconds in 0_i64..=100_000_000_000) {
            let read = super::super::parse_duration(&duration_text(seconds)).unwrap();
            let unit = if seconds < 3_600 { 1 } else if seconds < 86_400 { 60 } else { 3_600 };
            prop_assert!(read <= seconds && seconds - read < unit, "{}", read);
        }
    }
}
