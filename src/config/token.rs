//! The token: from the environment, a file or a command; never from a flag, never into a message.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;

use super::environment::Environment;
use super::error::Error;

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
}

/// In the order in which they are looked at. The first is the official client's, the second `doctl`'s.
const VARIABLES: [&str; 2] = ["DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"];

/// What the token is called as a credential of a systemd unit.
const CREDENTIAL: &str = "digitalocean-token";

pub(super) fn find(
    environment: &Environment,
    file: Option<&Path>,
    command: Option<&str>,
) -> Result<Token, Error> {
    let variable = VARIABLES
        .into_iter()
        .find_map(|name| Some((TokenSource::Variable(name), environment.text(name)?)));
    let (source, text) = match (variable, file, command, credential(environment)) {
        (Some(found), ..) => found,
        (None, Some(path), ..) => (TokenSource::File(path.to_owned()), from_file(path)?),
        (None, None, Some(command), _) => (TokenSource::Command, from_command(command)?),
        (None, None, None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
            (TokenSource::Credential(path), text)
        }
        (None, None, None, None) => return Err(Error::NoToken),
    };
    let bad = |reason| {
        Err(Error::BadToken {
            source_name: source.to_string(),
            reason,
        })
    };
    let text = text.trim();
    if text.is_empty() {
        return bad("it is empty");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return bad("it holds spaces, line breaks or other characters that no token has");
    }
    Ok(Token {
        secret: SecretString::from(text),
        source,
    })
}

/// The credential that `LoadCredential=digitalocean-token:…` gives a unit (`systemd.exec(5)`). Who can read it is up to
/// systemd: an access control list may show as permissions of a group.
fn credential(environment: &Environment) -> Option<PathBuf> {
    let path = environment.path("CREDENTIALS_DIRECTORY")?.join(CREDENTIAL);
    path.exists().then_some(path)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    }
}

fn from_file(path: &Path) -> Result<String, Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path)
            .map_err(unreadable(path))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(Error::ExposedToken {
                path: path.to_owned(),
            });
        }
    }
    std::fs::read_to_string(path).map_err(unreadable(path))
}

fn from_command(command: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::TokenCommand { reason };
    let output = Command::new("sh")
        .args(["-c", command])
        // The command is not the service that systemd watches.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("its output is not text".to_owned()))
}

impl fmt::Display for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => formatter.write_str(name),
            Self::File(path) => path.display().fmt(formatter),
            Self::Command => formatter.write_str("`token_command`"),
            Self::Credential(path) => write!(formatter, "the credential {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_first_source_that_is_set_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let both = [
            ("DIGITALOCEAN_TOKEN", "first"),
            ("DIGITALOCEAN_ACCESS_TOKEN", "second"),
        ];
        let command = Some("echo from-command");
        for (variables, file, expected) in [
            (&both[..], Some(path.as_path()), "first"),
            (&both[1..], Some(path.as_path()), "second"),
            (
                &[("DIGITALOCEAN_TOKEN", "")][..],
                Some(path.as_path()),
                "from-file",
            ),
            (&[][..], None, "from-command"),
        ] {
            let token = find(&Environment::of(variables), file, command).unwrap();
            assert_eq!(token.secret.expose_secret(), expected);
            assert!(!format!("{token:?}").contains(expected));
        }
        assert!(matches!(
            find(&Environment::default(), None, None),
            Err(Error::NoToken)
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_token_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = find(&Environment::default(), Some(&path), None).unwrap_err();
        assert!(matches!(error, Error::ExposedToken { .. }));
    }

    #[test]
    fn a_credential_of_systemd_is_used_when_nothing_else_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let directory = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
        let environment = Environment::of(&directory);
        assert!(matches!(
            find(&environment, None, None),
            Err(Error::NoToken)
        ));
        std::fs::write(folder.path().join("digitalocean-token"), "credential\n").unwrap();
        let token = find(&environment, None, None).unwrap();
        assert_eq!(token.secret.expose_secret(), "credential");
        let token = find(&environment, None, Some("echo command")).unwrap();
        assert_eq!(token.secret.expose_secret(), "command");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        for bad in ["two words", "line\nbreak", "zero\u{200b}width", "   "] {
            let variables = [("DIGITALOCEAN_TOKEN", bad)];
            let error = find(&Environment::of(&variables), None, None).unwrap_err();
            assert!(!error.to_string().contains(bad), "{error}");
        }
        let failing = find(&Environment::default(), None, Some("exit 3")).unwrap_err();
        assert!(failing.to_string().contains('3'), "{failing}");
    }
}
