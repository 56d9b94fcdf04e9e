//! Finds the token: in a context of doctl, the environment, a file or a command. A flag never holds the token itself,
//! and no message shows it.
//!
//! A flag wins over all other sources, as everywhere: a user who writes `--doctl-context` wants that context, even if
//! the environment has a token for every command. A context in the configuration comes last, as a fallback.

use std::io;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::doctl;
use super::environment::{Environment, TOKENS};
use super::error::Error;
use super::file::Hidden;
use super::private_file::{self, Readers};
use super::token_command::{self, Patience};
use crate::core::files::resolved;
use crate::core::secrets::looks_like_token;

/// A token and its source.
#[derive(Debug)]
pub struct Token {
    /// The token. `Debug` hides it, and it is wiped when dropped.
    pub secret: SecretString,
    /// The source of the token, in words.
    pub source: String,
    /// The names of the other sources that are set. They were not read.
    pub passed_over: Vec<&'static str>,
}

/// The name of the token as a credential of a systemd unit.
const CREDENTIAL: &str = "digitalocean-token";

/// All sources of a token, in order of precedence; a systemd credential comes before the last one.
pub(super) struct Sources<'a> {
    /// The context of doctl from the flag.
    pub(super) flag: Option<&'a str>,
    pub(super) environment: &'a Environment,
    pub(super) file: Option<PathBuf>,
    pub(super) command: Option<&'a Hidden>,
    /// The context of doctl from the configuration.
    pub(super) context: Option<&'a str>,
    /// True when the configuration has a source for one account. It wins over sources of the environment, which would
    /// give the same token to every account.
    pub(super) is_own: bool,
}

/// A source that is set.
enum Candidate<'a> {
    Doctl(&'a str),
    Variable(&'static str, &'a SecretString),
    File(PathBuf),
    Command(&'a Hidden),
    Credential(PathBuf),
}

/// The token of the first source that is set.
pub(super) fn find(sources: &Sources<'_>, patience: &Patience) -> Result<Token, Error> {
    let mut candidates = sources.candidates().into_iter();
    let (_, first) = candidates.next().ok_or(Error::NoToken)?;
    let (source, text) = first.read(sources.environment, patience)?;
    let token = text.expose_secret().trim();
    if let Some(reason) = unusable(token) {
        return Err(Error::BadToken {
            source_name: source,
            reason,
        });
    }
    Ok(Token {
        secret: SecretString::from(token),
        source,
        passed_over: candidates.map(|(name, _)| name).collect(),
    })
}

/// A text that is equal for equal first sources; `None` when no source is set.
pub(super) fn first_source(sources: &Sources<'_>) -> Option<SecretString> {
    let (name, first) = sources.candidates().into_iter().next()?;
    let what = match first {
        Candidate::Doctl(context) => context.into(),
        // The name is enough.
        Candidate::Variable(..) | Candidate::Credential(_) => "".into(),
        Candidate::File(path) => resolved(&path).to_string_lossy().into_owned(),
        Candidate::Command(command) => return Some(command.expose().into()),
    };
    let name = name.trim_start_matches("--");
    Some(format!("{name} {what}").into())
}

/// The name of the first source that is set. It is not read.
pub(super) fn first_name(sources: &Sources<'_>) -> Option<&'static str> {
    let candidates = sources.candidates();
    candidates.first().map(|(name, _)| *name)
}

/// The reason why a text cannot be a token: the API would refuse it, or a header cannot carry it.
fn unusable(token: &str) -> Option<&'static str> {
    if token.is_empty() {
        Some("it is empty")
    } else if token.starts_with(['"', '\'']) || token.ends_with(['"', '\'']) {
        Some("it is in quotes, which do not belong to it")
    } else if is_assignment(token) {
        Some("it is written as NAME=VALUE, but only the value belongs there")
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it holds spaces, line breaks or other characters that no token has")
    } else {
        None
    }
}

/// True for a line of a shell or of a file of variables. A token may end in `=`, as base64 does.
fn is_assignment(token: &str) -> bool {
    let token = token.strip_prefix("export ").unwrap_or(token);
    let Some((name, value)) = token.split_once('=') else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_variable = !name.is_empty() && name.trim_end().bytes().all(is_name);
    (is_variable && !value.trim_start_matches('=').is_empty())
        || looks_like_token(value) && !looks_like_token(name)
}

impl<'a> Sources<'a> {
    /// All sources that are set, with their names, in order of precedence.
    fn candidates(&self) -> Vec<(&'static str, Candidate<'a>)> {
        let variable = |name| {
            let secret = self.environment.secret(name);
            secret.map(|it| Candidate::Variable(name, it))
        };
        let credential = credential(self.environment).map(Candidate::Credential);
        let all = [
            ("--doctl-context", self.flag.map(Candidate::Doctl)),
            (TOKENS[0], variable(TOKENS[0])),
            (TOKENS[1], variable(TOKENS[1])),
            ("`token_file`", self.file.clone().map(Candidate::File)),
            ("`token_command`", self.command.map(Candidate::Command)),
            ("the credential `digitalocean-token`", credential),
            ("`doctl_context`", self.context.map(Candidate::Doctl)),
        ];
        let set = all.into_iter();
        let mut set: Vec<_> = set.filter_map(|(name, it)| Some((name, it?))).collect();
        if self.is_own {
            set.sort_by_key(|(_, it)| {
                matches!(it, Candidate::Variable(..) | Candidate::Credential(_))
            });
        }
        set
    }
}

impl Candidate<'_> {
    /// The name of the source, and its text.
    fn read(
        self,
        environment: &Environment,
        patience: &Patience,
    ) -> Result<(String, SecretString), Error> {
        Ok(match self {
            Self::Doctl(context) => doctl::token(environment, context)?,
            Self::Variable(name, secret) => (name.to_owned(), secret.clone()),
            Self::File(path) => {
                let (text, _) = private_file::read(&path, Readers::Owner)?;
                (path.display().to_string(), text.as_str().into())
            }
            Self::Command(command) => {
                let text = token_command::output(command, patience)?;
                ("`token_command`".to_owned(), text)
            }
            Self::Credential(path) => {
                let (text, _) = private_file::read(&path, Readers::Any)?;
                let name = format!("the credential {}", path.display());
                (name, text.as_str().into())
            }
        })
    }
}

/// The credential that `LoadCredential=digitalocean-token:…` gives a unit (`systemd.exec(5)`). systemd decides who can
/// read it: an access control list may show as permissions of a group. A credential that exists but cannot be read is
/// an error; no other source is used instead.
fn credential(environment: &Environment) -> Option<PathBuf> {
    let path = environment.path("CREDENTIALS_DIRECTORY")?.join(CREDENTIAL);
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => Some(path),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
