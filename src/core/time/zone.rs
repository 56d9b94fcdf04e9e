//! The zone in which times are written and shown: UTC, a place, or a fixed offset.
//!
//! The clocks of a place are set forward and back, so a clock time may name no instant, or two. This module decides its
//! meaning for the whole grammar.

use super::{TimeError, Timestamp, has_shape};
use crate::core::similar::nearest;
use jiff::civil::{Date, DateTime};
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{AmbiguousOffset, Disambiguation, Offset, TimeZone, TimeZoneDatabase, db};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

const ZONES: &str = "UTC, local, names such as Europe/Berlin and offsets such as +02:00 work";

/// A time zone. Its text is `UTC`, `local`, an IANA name such as `Europe/Berlin`, or an offset such as `+02:00`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// An instant at which the offset of a zone changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The first second with the new offset.
    pub at: Timestamp,
    /// The offset from then on: the seconds that the zone's clocks are ahead of UTC.
    pub offset_seconds: i32,
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The offset at an instant: the seconds that the clocks of this zone are ahead of UTC. Negative when they are
    /// behind.
    #[must_use]
    pub fn offset_seconds_at(&self, timestamp: Timestamp) -> i32 {
        self.0.to_offset(timestamp.0).seconds()
    }

    /// The changes of the offset after `since` and before `until`, oldest first. Together with
    /// [`Zone::offset_seconds_at`] `since`, they describe the zone's clocks between the two instants.
    ///
    /// Many zones change twice a year, up to the year 9999: limit both ends to the range of the data.
    #[must_use]
    pub fn transitions_between(&self, since: Timestamp, until: Timestamp) -> Vec<Transition> {
        let mut known = self.offset_seconds_at(since);
        self.0
            .following(since.0)
            .take_while(|transition| transition.timestamp() < until.0)
            .filter_map(|transition| {
                let offset_seconds = transition.offset().seconds();
                // The zone may have changed only its name, or only its summer time flag.
                let is_change = std::mem::replace(&mut known, offset_seconds) != offset_seconds;
                let at = Timestamp::from_instant(transition.timestamp())?;
                is_change.then_some(Transition { at, offset_seconds })
            })
            .collect()
    }

    /// The calendar date and clock time in this zone.
    pub(super) fn civil(&self, timestamp: Timestamp) -> DateTime {
        self.0.to_datetime(timestamp.0)
    }

    /// The instant at which the clocks show this time, to the second. A skipped time means the instant as far after the
    /// skip as the time is after the skip's beginning: the time on a clock that was not set forward.
    fn instant(&self, datetime: DateTime, which: Disambiguation) -> Option<Timestamp> {
        let candidates = self.0.to_ambiguous_timestamp(datetime);
        Timestamp::from_instant(candidates.disambiguate(which).ok()?)
    }

    /// The instant at which the clocks show this time first, if they are set back and show it twice.
    pub(super) fn first(&self, datetime: DateTime) -> Option<Timestamp> {
        self.instant(datetime, Disambiguation::Compatible)
    }

    /// The instant at which the clocks show this time last.
    pub(super) fn last(&self, datetime: DateTime) -> Option<Timestamp> {
        self.instant(datetime, Disambiguation::Later)
    }

    /// The first instant of a day. It is later than midnight when the clocks skip midnight. Each day ends where the
    /// next begins.
    pub(super) fn start_of_day(&self, date: Date) -> Option<Timestamp> {
        let midnight = self.0.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
        let is_skipped = matches!(midnight.offset(), AmbiguousOffset::Gap { .. });
        let earlier = midnight.earlier().ok()?;
        let first = if is_skipped {
            self.0.following(earlier).next()?.timestamp()
        } else {
            earlier
        };
        Timestamp::from_instant(first)
    }
}

impl Timestamp {
    /// This instant on the clocks of a zone, in RFC 3339, to the second: `2020-07-20T19:37:30Z` in UTC,
    /// `2020-07-20T21:37:30+02:00` elsewhere.
    #[must_use]
    pub fn in_zone(self, zone: &Zone) -> String {
        // Before standard time, offsets had seconds, which RFC 3339 cannot express. The offset is then cut to whole
        // minutes and the clock is shown accordingly, so that the text stays the exact instant.
        let seconds = zone.offset_seconds_at(self) / 60 * 60;
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
        // RFC 3339 has no year before 0000.
        if zone.0 == TimeZone::UTC || offset.to_datetime(self.0).year() < 0 {
            return self.to_string();
        }
        self.0.display_with_offset(offset).to_string()
    }
}

impl FromStr for Zone {
    type Err = TimeError;

    /// Reads `UTC` or `Z`, `local`, an IANA name in any case, or an offset such as `+02:00`, `-0530` or `+2`.
    ///
    /// `local` uses `TZ` or the setting of the system. Names are searched in the system's database, then in the bundled
    /// one. Like the clock, this depends on the environment, so only the outermost layer calls it.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let zone = match text.to_ascii_lowercase().as_str() {
            // The default needs no search in the names of all zones, which are stored in a few hundred files.
            "z" | "utc" => TimeZone::UTC,
            "local" => TimeZone::try_system().map_err(|error| {
                let what = format!("the system's time zone is unknown ({error})");
                TimeError(format!("{what}: set TZ, or name the zone; {ZONES}"))
            })?,
            _ if text.starts_with(['+', '-']) => offset(text)?.to_time_zone(),
            _ => named(text)?,
        };
        Ok(Self(if is_utc(&zone) { TimeZone::UTC } else { zone }))
    }
}

impl fmt::Display for Zone {
    /// The IANA name, the offset, or `local` for a system zone that has neither.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.iana_name().is_none() && self.0.to_fixed_offset().is_err() {
            return formatter.write_str("local");
        }
        let printed = DateTimePrinter::new().print_time_zone(&self.0, StdFmtWrite(formatter));
        printed.map_err(|_| fmt::Error)
    }
}

/// The zone with an IANA name, in any case.
fn named(text: &str) -> Result<TimeZone, TimeError> {
    let unknown = || {
        let near = nearest_name(text).map(|name| format!("did you mean {name}? "));
        let near = near.unwrap_or_default();
        TimeError(format!("`{text}` is not a time zone: {near}{ZONES}"))
    };
    db().get(text)
        .or_else(|_| TimeZoneDatabase::bundled().get(text))
        .ok()
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(unknown)
}

/// Reads an offset: a sign and hours, then optional minutes after a colon or as two more digits.
fn offset(text: &str) -> Result<Offset, TimeError> {
    const SHAPES: [&str; 5] = ["0", "00", "0000", "0:00", "00:00"];
    let (sign, clock) = text.split_at(1);
    let is_known = SHAPES.iter().any(|shape| has_shape(clock, shape));
    let number = clock.replace(':', "").parse::<i32>().ok();
    let offset = number.filter(|_| is_known).and_then(|number| {
        let (hours, minutes) = match clock.len() {
            1 | 2 => (number, 0),
            _ => (number / 100, number % 100),
        };
        let seconds = (hours * 60 + minutes) * 60;
        let signed = if sign == "-" { -seconds } else { seconds };
        let offset = Offset::from_seconds(signed).ok()?;
        (hours < 24 && minutes < 60).then_some(offset)
    });
    offset.ok_or_else(|| {
        let forms = "+02:00, -0530 and +2 work, up to 23:59";
        TimeError(format!("`{text}` is not an offset from UTC: {forms}"))
    })
}

/// True when a zone is UTC under another name, such as `Etc/UTC`, which many servers use.
fn is_utc(zone: &TimeZone) -> bool {
    matches!(zone.primary_iana_name(), Some("UTC" | "Etc/UTC"))
        || zone
            .to_fixed_offset()
            .is_ok_and(|offset| offset == Offset::UTC)
}

/// The zone name that is most similar to `text`.
fn nearest_name(text: &str) -> Option<String> {
    // `nearest` leaves out the word itself, but no name is in small letters.
    let wanted = text.replace(' ', "_").to_lowercase();
    let bundled = TimeZoneDatabase::bundled();
    let names: BTreeSet<String> = db()
        .available()
        .chain(bundled.available())
        .map(|name| name.as_str().to_owned())
        // `Etc/GMT+2` is two hours behind UTC: a user who writes `GMT+2` means the opposite.
        .filter(|name| name.contains('/') && !name.starts_with("Etc/"))
        .collect();
    let near = nearest(&wanted, names.iter().map(String::as_str));
    near.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Zone;
    use proptest::prelude::*;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The second at which a Sunday begins in UTC: the `nth` Sunday of a month that begins on day `first` since 1970.
    fn sunday(first: i64, nth: i64) -> i64 {
        // 1970-01-01 was a Thursday, so day 3 was a Sunday.
        let until_sunday = (3 - first).rem_euclid(7);
        (first + until_sunday + 7 * nth) * 86_400
    }

    fn first_of(year: i16, month: i8) -> i64 {
        let midnight = format!("{year:04}-{month:02}-01T00:00:00Z");
        at(&midnight).epoch_seconds() / 86_400
    }

    fn changes(name: &str, year: i16) -> Vec<(i64, i32)> {
        let new_year = |year: i16| at(&format!("{year}-01-01T00:00:00Z"));
        zone(name)
            .transitions_between(new_year(year), new_year(year + 1))
            .into_iter()
            .map(|transition| (transition.at.epoch_seconds(), transition.offset_seconds))
            .collect()
    }

    #[test]
    fn transitions_are_those_that_the_law_says() {
        for year in 2007..=2090 {
            // The European Union changes at 01:00 UTC on the last Sundays of March and October.
            let last_sunday = |month: i8| sunday(first_of(year, month + 1) - 7, 0) + 3_600;
            let berlin = vec![(last_sunday(3), 7_200), (last_sunday(10), 3_600)];
            assert_eq!(changes("Europe/Berlin", year), berlin, "{year}");
            // The United States change at 02:00 on the second Sunday of March and the first Sunday of November.
            let march = sunday(first_of(year, 3), 1) + 7 * 3_600;
            let november = sunday(first_of(year, 11), 0) + 6 * 3_600;
            let new_york = vec![(march, -14_400), (november, -18_000)];
            assert_eq!(changes("America/New_York", year), new_york, "{year}");
            assert_eq!(changes("UTC", year), []);
            assert_eq!(changes("-05:30", year), []);
        }
    }

    #[test]
    fn only_changes_of_the_offset_inside_of_the_window_are_transitions() {
        let berlin = zone("Europe/Berlin");
        let change = at("2020-03-29T01:00:00Z");
        let before = change.saturating_add_seconds(-1);
        let after = change.saturating_add_seconds(1);
        let expected = Transition {
            at: change,
            offset_seconds: 7_200,
        };
        assert_eq!(berlin.transitions_between(before, after), [expected]);
        assert_eq!(berlin.transitions_between(change, after), []);
        assert_eq!(berlin.transitions_between(before, change), []);
        assert_eq!(berlin.transitions_between(after, before), []);
        assert_eq!(berlin.offset_seconds_at(before), 3_600);
        assert_eq!(berlin.offset_seconds_at(change), 7_200);
    }

    #[test]
    fn a_zone_that_changes_only_the_name_of_its_time_has_no_transition_there() {
        // In October 2013 Libya kept its clocks, and declared the same offset its standard time.
        let march = at("2013-03-29T00:00:00Z").epoch_seconds();
        assert_eq!(changes("Africa/Tripoli", 2013), [(march, 7_200)]);
    }

    #[test]
    fn an_offset_is_the_same_at_all_times() {
        for (name, seconds) in [
            ("UTC", 0),
            ("+02:00", 7_200),
            ("-0530", -19_800),
            ("+2", 7_200),
            ("-12", -43_200),
            ("+9:30", 34_200),
            ("+23:59", 86_340),
            ("-00:30", -1_800),
        ] {
            for time in ["0000-01-01T00:00:00Z", "2020-07-01T00:00:00Z"] {
                assert_eq!(zone(name).offset_seconds_at(at(time)), seconds, "{name}");
            }
        }
    }

    #[test]
    fn a_day_begins_where_the_day_before_ends_even_if_its_midnight_is_skipped_or_shown_twice() {
        for (name, year, month, day, expected) in [
            ("Europe/Berlin", 2020, 3, 30, "2020-03-29T22:00:00Z"),
            ("America/Sao_Paulo", 2015, 10, 18, "2015-10-18T03:00:00Z"),
            ("America/Havana", 2020, 11, 1, "2020-11-01T04:00:00Z"),
            // From 23:30 to 00:30: neither midnight nor an hour after it.
            ("America/Toronto", 1919, 3, 31, "1919-03-31T04:30:00Z"),
            // Samoa crossed the date line and skipped this Friday.
            ("Pacific/Apia", 2011, 12, 30, "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", 2011, 12, 31, "2011-12-30T10:00:00Z"),
        ] {
            let start = zone(name).start_of_day(Date::new(year, month, day).unwrap());
            assert_eq!(start, Some(at(expected)), "{name}");
        }
    }

    fn shown(seconds: i64, zone: &str) -> String {
        let timestamp = Timestamp::from_epoch_seconds(seconds).unwrap();
        timestamp.in_zone(&zone.parse().unwrap())
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
        // Until April 1893, Berlin was 53 minutes and 28 seconds ahead.
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
        fn offset_and_transitions_are_all_there_is_to_know(
            since in 0_i64..4_000_000_000,
            length in 0_i64..200_000_000,
            where_in in 0.0..1.0_f64,
            name in prop::sample::select(vec![
                "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC", "+05:45",
            ]),
        ) {
            let zone = zone(name);
            let timestamp = |seconds| Timestamp::from_epoch_seconds(seconds).unwrap();
            let transitions = zone.transitions_between(timestamp(since), timestamp(since + length));
            let between = timestamp(since + (where_in * length as f64) as i64);
            let offset = transitions
                .iter()
                .rev()
                .find(|transition| transition.at <= between)
                .map_or(zone.offset_seconds_at(timestamp(since)), |last| last.offset_seconds);
            prop_assert_eq!(offset, zone.offset_seconds_at(between));
        }

        #[test]
        fn an_instant_is_what_the_clocks_show_then(
            seconds in -5_000_000_000_i64..100_000_000_000,
            name in prop::sample::select(vec![
                "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Pacific/Apia", "UTC", "-23:59",
            ]),
        ) {
            let zone = zone(name);
            let timestamp = Timestamp::from_epoch_seconds(seconds).unwrap();
            let shown = zone.civil(timestamp);
            let earlier = zone.first(shown).unwrap();
            let later = zone.last(shown).unwrap();
            prop_assert!(earlier == timestamp || later == timestamp);
            prop_assert!(earlier <= later);
            let start = zone.start_of_day(shown.date()).unwrap();
            let end = zone.start_of_day(shown.date().tomorrow().unwrap()).unwrap();
            prop_assert!(start <= timestamp && timestamp < end);
        }
    }

    #[test]
    fn every_written_form_is_one_zone() {
        for (given, expected) in [
            ("UTC", "UTC"),
            ("utc", "UTC"),
            ("z", "UTC"),
            ("Etc/UTC", "UTC"),
            ("zulu", "UTC"),
            ("+00:00", "UTC"),
            ("-0", "UTC"),
            (" Europe/Berlin\n", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("AMERICA/NEW_YORK", "America/New_York"),
            (
                "America/Argentina/Buenos_Aires",
                "America/Argentina/Buenos_Aires",
            ),
            ("+02:00", "+02:00"),
            ("-0530", "-05:30"),
            ("+2", "+02:00"),
            ("+9:30", "+09:30"),
        ] {
            let zone: Zone = given.parse().unwrap();
            assert_eq!(zone.to_string(), expected, "{given}");
            assert_eq!(zone.to_string().parse(), Ok(zone), "{given}");
        }
    }

    #[test]
    fn the_zone_of_the_system_is_one_or_is_said_to_be_unknown() {
        match "Local".parse::<Zone>() {
            Ok(zone) => assert_eq!(zone.to_string().parse(), Ok(zone)),
            Err(error) => assert!(error.to_string().contains("set TZ"), "{error}"),
        }
    }

    #[test]
    fn the_bundled_names_are_there_without_those_of_the_system() {
        let bundled = TimeZoneDatabase::bundled();
        for name in [
            "Europe/Berlin",
            "america/new_york",
            "Asia/Kathmandu",
            "US/Eastern",
        ] {
            assert!(bundled.get(name).is_ok(), "{name}");
        }
        assert!(bundled.available().count() > 400);
    }

    #[test]
    fn a_name_that_is_not_there_is_answered_with_those_near_to_it() {
        for (given, expected) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("berlin", Some("Europe/Berlin")),
            ("new york", Some("America/New_York")),
            ("America/New York", Some("America/New_York")),
            ("Mars/Olympus", None),
            ("GMT+2", None),
            ("PST", None),
            ("Etc/Unknown", None),
            ("é", None),
        ] {
            let error = given.parse::<Zone>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{given}` is not a time zone: ")),
                "{error}"
            );
            assert_eq!(nearest_name(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for text in [
            "+",
            "-",
            "+24",
            "+2:0",
            "+02:60",
            "+200",
            "+02:00:00",
            "+02-00",
            "+ 2",
            "+é",
            "--2",
            "+1.5",
            "+:30",
        ] {
            let error = text.parse::<Zone>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is not an offset from UTC")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        let message = |text: &str| text.parse::<Zone>().unwrap_err().to_string();
        assert_eq!(
            message("Europe/Berln"),
            "`Europe/Berln` is not a time zone: did you mean Europe/Berlin? UTC, local, names such as Europe/Berlin \
             and offsets such as +02:00 work"
        );
        assert!(message(" ").contains("Europe/Berlin"));
        assert!(message("+25").contains("+02:00"));
        assert!(message("02:00").contains("+02:00"));
    }
}
