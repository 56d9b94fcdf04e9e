//! A setting from a flag or from the configuration. The error for an invalid one names the setting and its place, and
//! never shows a text that looks like a token.

use std::fmt::Display;
use std::str::FromStr;

use archiver::core::secrets::looks_like_secret;
use archiver::core::time::parse_duration;

use super::Context;
use super::exit::Failure;

/// The flag and the key of a setting, such as `sync.recheck`. The flag is empty for a setting without one.
pub(super) type Names = (&'static str, &'static str);

/// The text of a setting, and its source.
pub(super) struct Decided<'a> {
    pub(super) text: &'a str,
    names: Names,
    is_flag: bool,
}

impl<'a> Decided<'a> {
    /// A flag wins over a key of the configuration.
    pub(super) fn of(
        names: Names,
        by_flag: &'a Option<String>,
        by_file: &'a Option<String>,
    ) -> Option<Self> {
        Some(Self {
            text: by_flag.as_ref().or(by_file.as_ref())?,
            names,
            is_flag: by_flag.is_some(),
        })
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
        match self.is_flag {
            true => Failure::usage(format!("{flag}: {reason}")),
            false => context.config.invalid(key, reason).into(),
        }
    }
}
