//! Errors of the configuration. A message never repeats a value that may be secret.

use std::io;
use std::path::{Path, PathBuf};

use crate::api::OriginError;
use crate::core::account::{AccountName, NameError};
use crate::core::secrets::shown_path;

/// The reason why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The requested file does not exist.
    #[error("there is no configuration at {}", shown_path(path))]
    NoConfig {
        /// The requested path.
        path: PathBuf,
    },
    /// The configuration has no default path.
    #[error("neither HOME nor XDG_CONFIG_HOME is set, so the configuration has no default path")]
    NoConfigHome,
    /// There is a configuration already.
    #[error("there is a configuration at {} already", shown_path(path))]
    ConfigExists {
        /// Its path.
        path: PathBuf,
    },
    /// A configuration cannot be written.
    #[error("cannot write {}: {source}", shown_path(path))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
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
    /// A token was given where a path belongs.
    #[error("{what} takes a path, but its value looks like a token")]
    TokenForPath {
        /// The flag or variable that takes the path.
        what: &'static str,
    },
    /// The path of the archive is not set, and has no default.
    #[error("neither HOME nor XDG_DATA_HOME is set, so the archive has no default path")]
    NoHome,
    /// A token must not be sent to this address of the API.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The environment has an invalid proxy.
    #[error("{variable} is not a valid http or https proxy address; SOCKS is not supported")]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// An empty variable hides the one that names a proxy.
    #[error("{upper} is empty, which hides the proxy in {lower}")]
    HiddenProxy {
        /// The variable that wins.
        upper: &'static str,
        /// The variable that names a proxy.
        lower: &'static str,
    },
    /// No token is configured.
    #[error("no token: the DigitalOcean API needs one")]
    NoToken,
    /// Other users can read a file with a token.
    #[error("the token file {} can be read by other users", shown_path(path))]
    ExposedToken {
        /// The file.
        path: PathBuf,
    },
    /// A file with a token belongs to another user, who can read it.
    #[error(
        "the token file {} belongs to another user, who can read it",
        shown_path(path)
    )]
    ForeignToken {
        /// The file.
        path: PathBuf,
    },
    /// Another user can change the command that would run.
    #[error(
        "{} has a `token_command`, and another user can change it",
        shown_path(path)
    )]
    ForeignCommand {
        /// The configuration.
        path: PathBuf,
    },
    /// A path begins with `~`, and `HOME` is not set.
    #[error("a path begins with ~, and HOME is not set")]
    NoTilde,
    /// A path begins with the home of another user, which is not looked up.
    #[error(
        "{} begins with the home of another user, which is not looked up",
        shown_path(path)
    )]
    ForeignTilde {
        /// The path in the configuration.
        path: PathBuf,
    },
    /// A variable of the environment is not valid text.
    #[error("{variable} is not text")]
    NotText {
        /// The variable.
        variable: &'static str,
    },
    /// A path leads to something other than a file. Reading it may never end.
    #[error("{} is a {what}, not a file", shown_path(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// `FIFO`, `directory` …
        what: &'static str,
    },
    /// A file is too large.
    #[error("{} is larger than {most_bytes} bytes", shown_path(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest allowed size.
        most_bytes: usize,
    },
    /// The path of doctl's configuration is not known.
    #[error(
        "neither HOME nor XDG_CONFIG_HOME is set, so doctl's configuration has no default path"
    )]
    NoDoctlHome,
    /// doctl has no configuration.
    #[error("doctl has no configuration at {}", shown_path(path))]
    NoDoctlFile {
        /// The expected path.
        path: PathBuf,
    },
    /// doctl's configuration cannot be understood.
    #[error("{}, line {line}: {reason}", shown_path(path))]
    DoctlFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The problem.
        reason: &'static str,
    },
    /// doctl does not know the context.
    #[error(
        "doctl knows no context `{context}`: in {} {}",
        shown_path(path),
        listed(known)
    )]
    NoDoctlContext {
        /// The configuration of doctl.
        path: PathBuf,
        /// The requested name.
        context: String,
        /// The known names.
        known: Vec<String>,
    },
    /// The token command failed.
    #[error("`token_command` failed: {reason}")]
    TokenCommand {
        /// The exit status, or the error of the system.
        reason: String,
    },
    /// A text that cannot be the name of an account.
    #[error(transparent)]
    AccountName(#[from] NameError),
    /// No account has the requested name.
    #[error("there is no account `{name}`{meant}")]
    UnknownAccount {
        /// The requested name.
        name: AccountName,
        /// `, did you mean work?`, or the names of all accounts.
        meant: String,
    },
    /// An account was requested, and none is configured.
    #[error("no account is configured{}", in_file(path))]
    NoAccounts {
        /// The path of the configuration; empty without a home.
        path: PathBuf,
    },
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

fn in_file(path: &Path) -> String {
    match path.as_os_str().is_empty() {
        true => String::new(),
        false => format!(" in {}", shown_path(path)),
    }
}

/// The known names, in words.
fn listed(names: &[String]) -> String {
    match names {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

impl Error {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoConfig { .. } => {
                "no file is needed: leave out --config and ARCHIVER_CONFIG, or make the file"
            }
            Self::NoConfigHome => "set its path with --config",
            Self::ConfigExists { .. } => {
                "`archiver config show` prints the values in force; --config FILE makes another one"
            }
            Self::Unreadable { .. } | Self::Unwritable { .. } | Self::TooLarge { .. } => {
                "check the path and its permissions"
            }
            Self::NoDoctlHome => "set HOME or XDG_CONFIG_HOME",
            Self::NoDoctlFile { .. } => {
                "`doctl auth init` makes one; if doctl keeps it elsewhere, put the token into a file that `token_file` \
                 names"
            }
            Self::DoctlFile { .. } => {
                "only what `doctl auth init` writes is read; put the token into a file that `token_file` names"
            }
            Self::NoDoctlContext { .. } => {
                "`doctl auth list` shows them; `default` is the one without a name"
            }
            Self::Invalid { message, .. }
                if message.contains("`token`") || message.contains(MISPLACED) =>
            {
                "a token does not belong in the configuration: use DIGITALOCEAN_TOKEN, `token_file` or `token_command`"
            }
            Self::Invalid { .. } => {
                "`archiver config init --config FILE` writes a new file with all keys"
            }
            Self::TokenForPath { .. } => {
                "a token does not belong there: use DIGITALOCEAN_TOKEN, `token_file` or `token_command`"
            }
            Self::NoHome => "set its path with --db",
            Self::Origin(_) => "check --api-url, DIGITALOCEAN_API_URL and `api_url`",
            Self::Proxy { .. } => {
                "write it as http://host:port, with user:password@ before the host and %40 for an @ in them, or unset it"
            }
            Self::HiddenProxy { .. } => "unset one of them",
            Self::NoToken | Self::BadToken { .. } => {
                "make one with the scopes droplet:read and actions:read at \
                 https://cloud.digitalocean.com/account/api/tokens and put it in DIGITALOCEAN_TOKEN, or in a file that \
                 `token_file` names; or use that of a context of doctl with --doctl-context"
            }
            Self::ExposedToken { .. } => "make it readable only by you: chmod 600",
            Self::ForeignToken { .. } => "make it your own file: chown, and chmod 600",
            Self::ForeignCommand { .. } => "make it writable only by you: chown, and chmod o-w",
            Self::UnknownAccount { .. } => {
                "`archiver accounts` lists them; `all` means all of them"
            }
            Self::AccountName(_) | Self::NoAccounts { .. } => {
                "--account NAME, ARCHIVER_ACCOUNT and `default_account` name tables [accounts.NAME] of the \
                 configuration; `all` means all of them"
            }
            Self::NoTilde => "set HOME, or write the path in full",
            Self::ForeignTilde { .. } => {
                "write the path in full, or ./ before a name that begins with ~"
            }
            Self::NotText { .. } => "set it to valid text, or unset it",
            Self::NotAFile { .. } => {
                "give the path of a file; a token that a program prints is read with `token_command`"
            }
            Self::TokenCommand { .. } => {
                "run the command by hand: it must print the token and nothing else, and end; its stderr, which may be \
                 secret, is shown only on a terminal"
            }
        }
    }
}
