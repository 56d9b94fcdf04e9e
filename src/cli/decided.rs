//! A setting from a flag or from the configuration. The error for an invalid one names the setting and its place, and
//! never shows a text that looks like a token.

use std::fmt::Display;
use std::str::FromStr;

use archiver::core::secrets::looks_like_secret;
use archiver::core::time::parse_duration;

use super::Context;
use super::exit::Failure;

/// The text of a setting, and its source.
pub(super) struct Decided<'a> {
    pub(super) text: &'a str,
    /// The key in the configuration, such as `schedule.cron`. The flag, if there is one, has the name of the key.
    key: &'static str,
    is_flag: bool,
}

impl<'a> Decided<'a> {
    /// A flag wins over a key of the configuration.
    pub(super) fn of(
        key: &'static str,
        by_flag: &'a Option<String>,
        by_file: &'a Option<String>,
    ) -> Option<Self> {
        Some(Self {
            text: by_flag.as_ref().or(by_file.as_ref())?,
            key,
            is_flag: by_flag.is_some(),
        })
    }

    pub(super) fn duration_seconds(&self, context: &Context) -> Result<i64, Failure> {
        parse_duration(self.text).map_err(|error| self.refused(context, &error))
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, context: &Context) -> Result<T, Failure> {
        (self.text.parse()).map_err(|error| self.refused(context, &error))
    }

    /// The error for an invalid value, with its place.
    pub(super) fn refused(&self, context: &Context, reason: &dyn Display) -> Failure {
        // The reason quotes the value.
        let reason: &dyn Display = match looks_like_secret(self.text) {
            true => &"its value is invalid, and not shown: it looks like a token or an address",
            false => reason,
        };
        if !self.is_flag {
            return context.config.invalid(self.key, reason).into();
        }
        let name = self.key.rsplit('.').next().unwrap_or(self.key);
        Failure::usage(format!("--{}: {reason}", name.replace('_', "-")))
    }
}
