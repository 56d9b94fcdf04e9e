//! Looks up what people call a time zone, and finds what they meant when there is none of that name.

use std::collections::BTreeSet;

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase, db};

use super::ZoneError;
use super::calendar::is_number;

/// More suggestions than this are no help.
const MOST: usize = 3;

/// The zone with an IANA name, in any case.
pub(super) fn named(text: &str) -> Result<TimeZone, ZoneError> {
    let unknown = || ZoneError::Unknown {
        input: text.to_owned(),
        near: near_names(text),
    };
    db().get(text)
        .or_else(|_| TimeZoneDatabase::bundled().get(text))
        .ok()
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(unknown)
}

/// The offset written as a sign with hours, and minutes after a colon or as two more digits.
pub(super) fn offset(text: &str) -> Result<Offset, ZoneError> {
    let error = || ZoneError::NotAnOffset {
        input: text.to_owned(),
    };
    let (sign, digits) = text.split_at_checked(1).ok_or_else(error)?;
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some((hours, minutes)), _) => (hours, minutes),
        (None, 1 | 2) => (digits, "00"),
        (None, _) => digits.split_at_checked(2).ok_or_else(error)?,
    };
    let is_shaped = is_number(hours)
        && is_number(minutes)
        && matches!(hours.len(), 1 | 2)
        && minutes.len() == 2;
    if !is_shaped {
        return Err(error());
    }
    let hours: i32 = hours.parse().map_err(|_| error())?;
    let minutes: i32 = minutes.parse().map_err(|_| error())?;
    if hours > 23 || minutes > 59 {
        return Err(error());
    }
    let seconds = (hours * 60 + minutes) * 60;
    let signed = if sign == "-" { -seconds } else { seconds };
    Offset::from_seconds(signed).map_err(|_| error())
}

/// Whether a zone is UTC under another name, such as `Etc/UTC`, which many servers have as theirs.
pub(super) fn is_utc(zone: &TimeZone) -> bool {
    matches!(zone.primary_iana_name(), Some("UTC" | "Etc/UTC"))
        || zone
            .to_fixed_offset()
            .is_ok_and(|offset| offset == Offset::UTC)
}

/// The names that someone who wrote `text` may have meant, nearest first.
fn near_names(text: &str) -> Vec<String> {
    let wanted = text.replace(' ', "_").to_lowercase();
    let bundled = TimeZoneDatabase::bundled();
    let names: BTreeSet<String> = db()
        .available()
        .chain(bundled.available())
        .map(|name| name.as_str().to_owned())
        // `Etc/GMT+2` is two hours behind: who writes `GMT+2` means the opposite.
        .filter(|name| name.contains('/') && !name.starts_with("Etc/"))
        .collect();
    let mut near: Vec<(usize, String)> = names
        .into_iter()
        .filter_map(|name| Some((distance(&wanted, &name.to_lowercase())?, name)))
        .collect();
    near.sort_unstable();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many letters are wrong, in the whole name or in its city; nothing when too many are.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let tolerated = wanted.chars().count() / 4;
    let city = name.rsplit('/').next().unwrap_or(name);
    let wrong =
        strsim::damerau_levenshtein(wanted, name).min(strsim::damerau_levenshtein(wanted, city));
    (wrong <= tolerated).then_some(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Zone;

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
            ("Europe/Bombay", None),
            ("Mars/Olympus", None),
            ("GMT+2", None),
            ("PST", None),
            ("Etc/Unknown", None),
            ("é", None),
        ] {
            let Err(ZoneError::Unknown { input, near }) = given.parse::<Zone>() else {
                panic!("{given}");
            };
            assert_eq!(input, given);
            assert_eq!(near.first().map(String::as_str), expected, "{given}");
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
            let input = text.to_owned();
            assert_eq!(text.parse::<Zone>(), Err(ZoneError::NotAnOffset { input }));
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
