//! A setting from a flag or from the configuration. The error for an invalid one names the setting and its place, and
//! never shows a text that looks like a token.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use archiver::core::secrets::looks_like_secret;
use archiver::core::time::parse_duration;
use toml::Spanned;

use super::Context;
use super::exit::Failure;

/// The flag and the key of a setting. The flag is empty for a setting without one.
pub(super) type Names = (&'static str, &'static str);

/// The text of a setting, and its place.
pub(super) struct Decided<'a> {
    pub(super) text: &'a str,
    names: Names,
    /// The place in the configuration; `None` for a flag.
    place: Option<Range<usize>>,
}

impl<'a> Decided<'a> {
    /// A flag wins over a key of the configuration.
    pub(super) fn of(
        names: Names,
        by_flag: &'a Option<String>,
        by_file: &'a Option<Spanned<String>>,
    ) -> Option<Self> {
        let (text, place) = match (by_flag, by_file) {
            (Some(text), _) => (text, None),
            (None, Some(value)) => (value.get_ref(), Some(value.span())),
            (None, None) => return None,
        };
        Some(Self { text, names, place })
    }

    pub(super) fn duration_seconds(&self, context: &Context) -> Result<i64, Failure> {
        match parse_duration(self.text) {
            Ok(seconds) if seconds >= 0 => Ok(seconds),
            Ok(_) => Err(self.refused(context, &"it is negative")),
            Err(error) => Err(self.refused(context, &error)),
        }
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, context: &Context) -> Result<T, Failure> {
        let parsed = self.text.parse::<T>();
        parsed.map_err(|error| self.refused(context, &error))
    }

    /// The error for an invalid value, with its place.
    pub(super) fn refused(&self, context: &Context, reason: &dyn Display) -> Failure {
        let (flag, key) = self.names;
        // The reason quotes the value.
        let reason: &dyn Display = if looks_like_secret(self.text) {
            &"its value is invalid, and not shown: it looks like a token or an address"
        } else {
            reason
        };
        match &self.place {
            None => Failure::usage(format!("{flag}: {reason}")),
            Some(place) => {
                let message = format!("`{key}`: {reason}");
                context.config.invalid(place, message).into()
            }
        }
    }
}
