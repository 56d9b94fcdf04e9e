//! A setting as it was decided, by a flag or by the configuration, and what is said of one that is not understood: its name
//! and place, and never what looks like a token.

use std::ops::Range;

use archiver::core::secrets::looks_like_secret;
use archiver::core::time::parse_duration;
use toml::Spanned;

use super::Context;
use super::exit::Failure;

/// What a setting is called.
pub(super) struct Names {
    /// Nothing for what only the configuration says.
    flag: &'static str,
    key: &'static str,
}

pub(super) const fn named(flag: &'static str, key: &'static str) -> Names {
    Names { flag, key }
}

/// What somebody wrote, and where.
pub(super) struct Decided<'a> {
    pub(super) text: &'a str,
    names: &'static Names,
    /// Its place in the configuration; nothing for a flag.
    place: Option<Range<usize>>,
}

impl<'a> Decided<'a> {
    /// A flag over a key of the configuration.
    pub(super) fn of(
        names: &'static Names,
        by_flag: Option<&'a String>,
        by_file: Option<&'a Spanned<String>>,
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

    /// Says what is wrong with it, and where it stands.
    pub(super) fn refused(&self, context: &Context, reason: &dyn std::fmt::Display) -> Failure {
        let Names { flag, key } = self.names;
        // The reason quotes what it is about.
        let reason: &dyn std::fmt::Display = if looks_like_secret(self.text) {
            &"its value is not understood, and not shown: it looks like a token or an address"
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
