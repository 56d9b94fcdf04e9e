//! The token: from a context of doctl, the environment, a file or a command; never itself from a flag, never into a
//! message.
//!
//! A flag wins over all else, as flags do everywhere: whoever writes `--doctl-context` means it, even where the
//! environment has a token for everybody. A context that only the configuration names comes last: there it says what to
//! fall back to.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::doctl;
use super::environment::{Environment, TOKENS};
use super::error::Error;
use super::private_file::{self, Readers};
use super::token_command::TokenCommand;

/// A token and where it came from.
#[derive(Debug)]
pub struct Token {
    /// Shown to nobody: its `Debug` hides it, and it is wiped when dropped.
    pub secret: SecretString,
    /// Where it came from.
    pub source: TokenSource,
}

/// Where a token came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// An environment variable.
    Variable(&'static str),
    /// The file that `token_file` names.
    File(PathBuf),
    /// What `token_command` prints.
    Command,
    /// A credential that systemd passed.
    Credential(PathBuf),
    /// A context of doctl's.
    Doctl {
        /// Its name.
        context: String,
        /// The configuration that has it.
        path: PathBuf,
    },
}

/// What the token is called as a credential of a systemd unit.
const CREDENTIAL: &str = "digitalocean-token";

/// Everything that may give a token, in the order in which it is looked at; a credential of systemd comes before the last.
pub(super) struct Sources<'a> {
    /// The context of doctl that a flag asks for.
    pub(super) flag: Option<&'a str>,
    pub(super) environment: &'a Environment,
    pub(super) file: Option<&'a Path>,
    pub(super) command: Option<&'a TokenCommand>,
    /// The context of doctl that the configuration asks for.
    pub(super) context: Option<&'a str>,
}

pub(super) fn find(sources: &Sources<'_>) -> Result<Token, Error> {
    let (source, text) = sources.first()?.ok_or(Error::NoToken)?;
    let bad = |reason| {
        Err(Error::BadToken {
            source_name: source.to_string(),
            reason,
        })
    };
    let token = text.expose_secret().trim();
    if token.is_empty() {
        return bad("it is empty");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return bad("it holds spaces, line breaks or other characters that no token has");
    }
    Ok(Token {
        secret: SecretString::from(token),
        source,
    })
}

impl Sources<'_> {
    /// What the first source that is set gives.
    fn first(&self) -> Result<Option<(TokenSource, SecretString)>, Error> {
        let environment = self.environment;
        let found = if let Some(context) = self.flag {
            from_doctl(environment, context)?
        } else if let Some(found) = from_variable(environment) {
            found
        } else if let Some(path) = self.file {
            let text = private_file::read(path, Readers::Owner)?;
            (TokenSource::File(path.to_owned()), text.as_str().into())
        } else if let Some(command) = self.command {
            (TokenSource::Command, command.output()?.as_str().into())
        } else if let Some(path) = credential(environment) {
            let text = private_file::read(&path, Readers::Any)?;
            (TokenSource::Credential(path), text.as_str().into())
        } else if let Some(context) = self.context {
            from_doctl(environment, context)?
        } else {
            return Ok(None);
        };
        Ok(Some(found))
    }
}

fn from_variable(environment: &Environment) -> Option<(TokenSource, SecretString)> {
    TOKENS.into_iter().find_map(|name| {
        let secret = environment.secret(name)?;
        Some((TokenSource::Variable(name), secret.clone()))
    })
}

fn from_doctl(
    environment: &Environment,
    context: &str,
) -> Result<(TokenSource, SecretString), Error> {
    let found = doctl::token(environment, context)?;
    let source = TokenSource::Doctl {
        context: found.context,
        path: found.path,
    };
    Ok((source, found.token))
}

/// The credential that `LoadCredential=digitalocean-token:…` gives a unit (`systemd.exec(5)`). Who can read it is up to
/// systemd: an access control list may show as permissions of a group.
fn credential(environment: &Environment) -> Option<PathBuf> {
    let path = environment.path("CREDENTIALS_DIRECTORY")?.join(CREDENTIAL);
    path.exists().then_some(path)
}

impl fmt::Display for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => formatter.write_str(name),
            Self::File(path) => path.display().fmt(formatter),
            Self::Command => formatter.write_str("`token_command`"),
            Self::Credential(path) => write!(formatter, "the credential {}", path.display()),
            Self::Doctl { context, path } => {
                write!(
                    formatter,
                    "doctl's context `{context}` in {}",
                    path.display()
                )
            }
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
