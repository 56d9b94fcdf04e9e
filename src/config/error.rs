//! Errors of the configuration. A message never repeats a value that may be secret.

use std::io;
use std::path::{Path, PathBuf};

use crate::api::OriginError;
use crate::core::account::NameError;
use crate::core::secrets::shown_path;

/// The reason why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A problem with its next step.
    #[error("{message}")]
    Refused {
        /// The problem.
        message: String,
        /// The next step for the user.
        hint: &'static str,
    },
    /// The configuration has no default path.
    #[error("neither HOME nor XDG_CONFIG_HOME is set, so the configuration has no default path")]
    NoConfigHome,
    /// A file cannot be read.
    #[error("cannot read {}: {source}", shown_path(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file has an invalid setting.
    #[error("{}, line {line}: {message}", shown_path(path))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The problem.
        message: String,
    },
    /// A token must not be sent to this address of the API.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// No token is configured.
    #[error("no token: the DigitalOcean API needs one")]
    NoToken,
    /// A source gives an invalid token.
    #[error("the token from {source_name} is unusable: {reason}")]
    BadToken {
        /// The source of the token.
        source_name: String,
        /// The problem.
        reason: &'static str,
    },
}

/// Stands for a value that may be secret.
pub(super) const HIDDEN: &str = "(not shown)";
/// The description of a setting that holds a token.
pub(super) const MISPLACED: &str = "a value that looks like a token";
/// The number of names that a message lists.
pub(super) const MOST_NAMED: usize = 10;
/// The hint for a file that cannot be read or written.
pub(super) const CHECK_FILE: &str = "check the path and its permissions";
/// The hint for accounts that are selected and cannot be.
pub(super) const ACCOUNTS: &str = "--account NAME, ARCHIVER_ACCOUNT and `default_account` name tables [accounts.NAME] \
                                   of the configuration; `all` means all of them";

impl Error {
    pub(super) fn refused(message: impl Into<String>, hint: &'static str) -> Self {
        let message = message.into();
        Self::Refused { message, hint }
    }

    /// As [`Self::refused`]. The message begins with a path, which may look like a token.
    pub(super) fn of_path(path: &Path, message: &str, hint: &'static str) -> Self {
        Self::refused(format!("{}{message}", shown_path(path)), hint)
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused { hint, .. } => hint,
            Self::NoConfigHome => "set its path with --config",
            Self::Unreadable { .. } => CHECK_FILE,
            Self::Invalid { message, .. }
                if message.contains("`token`") || message.contains(MISPLACED) =>
            {
                "a token does not belong in the configuration: use DIGITALOCEAN_TOKEN, `token_file` or `token_command`"
            }
            Self::Invalid { .. } => {
                "`archiver config init --config FILE` writes a new file with all keys"
            }
            Self::Origin(_) => "check --api-url, DIGITALOCEAN_API_URL and `api_url`",
            Self::NoToken | Self::BadToken { .. } => {
                "make one with the scopes droplet:read and actions:read at \
                 https://cloud.digitalocean.com/account/api/tokens and put it in DIGITALOCEAN_TOKEN, or in a file that \
                 `token_file` names; or use that of a context of doctl with --doctl-context"
            }
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::refused(error.to_string(), ACCOUNTS)
    }
}
