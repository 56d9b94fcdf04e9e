//! Configuration that cannot be used. No message ever repeats a value that may be secret.

use std::io;
use std::path::PathBuf;

use crate::api::OriginError;
use crate::core::secrets::shown_path;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was asked for is not there.
    #[error("there is no configuration at {}", shown_path(path))]
    NoConfig {
        /// Where it was said to be.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", shown_path(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file says something that is not understood.
    #[error("{}, line {line}: {message}", shown_path(path))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A token was given where a path belongs.
    #[error("{what} takes a path, and what it was given looks like a token")]
    TokenForPath {
        /// What takes it.
        what: &'static str,
    },
    /// Nothing says where the archive is.
    #[error("neither HOME nor XDG_DATA_HOME is set, so the archive has no usual place")]
    NoHome,
    /// The address of the API is unfit for a token.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// What the environment calls a proxy is none that is understood.
    #[error(
        "{variable} is set to something that is no http or https address of a proxy; SOCKS is not supported"
    )]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
    /// An empty variable keeps the one that names a proxy from being looked at.
    #[error("{upper} is set to nothing, which keeps {lower} from being looked at")]
    HiddenProxy {
        /// The variable that wins.
        upper: &'static str,
        /// The variable that names a proxy.
        lower: &'static str,
    },
    /// No token is configured.
    #[error("no token: the DigitalOcean API needs one")]
    NoToken,
    /// A file with a token can be read by others.
    #[error("the token file {} can be read by other users", shown_path(path))]
    ExposedToken {
        /// The file.
        path: PathBuf,
    },
    /// A file with a token belongs to somebody else, who can read it.
    #[error(
        "the token file {} belongs to another user, who can read it",
        shown_path(path)
    )]
    ForeignToken {
        /// The file.
        path: PathBuf,
    },
    /// Another user can change what would be run.
    #[error(
        "{} has a `token_command`, and another user can change it",
        shown_path(path)
    )]
    ForeignCommand {
        /// The configuration.
        path: PathBuf,
    },
    /// A path from the home, and there is none.
    #[error("a path begins with ~, and HOME is not set")]
    NoTilde,
    /// A path from another user's home, of which nothing is known here.
    #[error(
        "{} begins with the home of another user, which is not looked up",
        shown_path(path)
    )]
    ForeignTilde {
        /// What was written.
        path: PathBuf,
    },
    /// A variable of the environment holds bytes that are no text.
    #[error("{variable} is not text")]
    NotText {
        /// The variable.
        variable: &'static str,
    },
    /// What should be a file is something else, which may never come to an end.
    #[error("{} is a {what}, not a file", shown_path(path))]
    NotAFile {
        /// Where it is.
        path: PathBuf,
        /// `FIFO`, `directory` …
        what: &'static str,
    },
    /// A file is too large to hold what it should.
    #[error("{} is larger than {most_bytes} bytes", shown_path(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        most_bytes: usize,
    },
    /// Nothing says where doctl keeps its configuration.
    #[error("neither HOME nor XDG_CONFIG_HOME is set, so doctl's configuration has no usual place")]
    NoDoctlHome,
    /// doctl has no configuration.
    #[error("doctl has no configuration at {}", shown_path(path))]
    NoDoctlFile {
        /// Where it would be.
        path: PathBuf,
    },
    /// doctl's configuration says something that is not understood.
    #[error("{}, line {line}: {reason}", shown_path(path))]
    DoctlFile {
        /// The file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// doctl does not know the context.
    #[error(
        "doctl knows no context `{context}`: in {} {}",
        shown_path(path),
        listed(known)
    )]
    NoDoctlContext {
        /// Its configuration.
        path: PathBuf,
        /// The name that was asked for.
        context: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The token command gives none.
    #[error("`token_command` failed: {reason}")]
    TokenCommand {
        /// Its exit status, or what the system says.
        reason: String,
    },
    /// What should be a token is none.
    #[error("the token from {source_name} is unusable: {reason}")]
    BadToken {
        /// Where it came from.
        source_name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What is said of a setting that holds a token.
pub(super) const MISPLACED: &str = "what looks like a token";

/// The names that there are, in words.
fn listed(names: &[String]) -> String {
    match names {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

impl Error {
    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoConfig { .. } => {
                "no file is needed: leave out --config and ARCHIVER_CONFIG, or make the file"
            }
            Self::Unreadable { .. } | Self::TooLarge { .. } => "check the path and its permissions",
            Self::NoDoctlHome => "say where with HOME or XDG_CONFIG_HOME",
            Self::NoDoctlFile { .. } => {
                "`doctl auth init` makes one; where doctl keeps it elsewhere, put the token into a file that `token_file` \
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
            Self::Invalid { .. } => "the README lists all keys",
            Self::TokenForPath { .. } => {
                "a token does not belong there: use DIGITALOCEAN_TOKEN, `token_file` or `token_command`"
            }
            Self::NoHome => "say where it is with --db",
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
            Self::ExposedToken { .. } => "make it yours alone: chmod 600",
            Self::ForeignToken { .. } => "make it yours alone: chown, and chmod 600",
            Self::ForeignCommand { .. } => "make it yours alone: chown, and chmod o-w",
            Self::NoTilde => "set HOME, or write the path in full",
            Self::ForeignTilde { .. } => {
                "write the path in full, or ./ before a name that begins with ~"
            }
            Self::NotText { .. } => "set it anew, or unset it",
            Self::NotAFile { .. } => {
                "give the path of a file; a token that a program prints is read with `token_command`"
            }
            Self::TokenCommand { .. } => {
                "run the command by hand: it must print the token and nothing else, and end; what it says on stderr, which \
                 may be secret, is not shown where nobody watches"
            }
        }
    }
}
