//! A user's machine that has the canary in one of the possible places of a token.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::CANARY;
use crate::sandbox::{Sandbox, UNPACED};

/// The place of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Variable,
    DoctlsVariable,
    File,
    Command,
    Credential,
    DoctlByFlag,
    DoctlByKey,
}

impl Source {
    pub(super) const ALL: [Self; 7] = [
        Self::Variable,
        Self::DoctlsVariable,
        Self::File,
        Self::Command,
        Self::Credential,
        Self::DoctlByFlag,
        Self::DoctlByKey,
    ];

    /// A part of the message of `-v` about this place.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Variable => "token from DIGITALOCEAN_TOKEN",
            Self::DoctlsVariable => "token from DIGITALOCEAN_ACCESS_TOKEN",
            Self::File => "/token",
            Self::Command => "token from `token_command`",
            Self::Credential => "token from the credential ",
            Self::DoctlByFlag => "token from doctl's context `work` in ",
            Self::DoctlByKey => "token from doctl's context `default` in ",
        }
    }
}

/// A machine. The files that hold the token with the owner's consent are outside of the sandbox.
pub(super) struct Home {
    pub(super) sandbox: Sandbox,
    secrets: TempDir,
    pub(super) flags: Vec<String>,
}

impl Home {
    pub(super) fn with(source: Source) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let home = Self {
            sandbox: Sandbox::new()
                .with("RUST_BACKTRACE", "full")
                .with("RUST_LOG", "trace"),
            secrets,
            flags: Vec::new(),
        };
        let (mut home, key) = home.holding_the_token(source);
        let configuration = home.sandbox.config_file();
        home.sandbox = home.sandbox.configured(&format!("{key}{UNPACED}"));
        home.variable("ARCHIVER_CONFIG", &configuration)
    }

    /// Puts the token there. Returns the home, and the line of the configuration that names the place.
    fn holding_the_token(mut self, source: Source) -> (Self, String) {
        let none = String::new();
        match source {
            Source::Variable => (self.variable("DIGITALOCEAN_TOKEN", CANARY), none),
            Source::DoctlsVariable => (self.variable("DIGITALOCEAN_ACCESS_TOKEN", CANARY), none),
            Source::File => {
                let path = self.secret("token", CANARY);
                (self, format!("token_file = '{}'\n", path.display()))
            }
            Source::Command => {
                let path = self.secret("token", CANARY);
                let command = format!("token_command = \"cat '{}'\"\n", path.display());
                (self, command)
            }
            Source::Credential => {
                let path = self.secret("digitalocean-token", CANARY);
                (
                    self.variable("CREDENTIALS_DIRECTORY", path.parent().unwrap()),
                    none,
                )
            }
            Source::DoctlByFlag => {
                self.flags = ["--doctl-context", "work"].map(str::to_owned).to_vec();
                // The flag has precedence over the environment. The token in the variable is not shown either.
                (
                    self.variable("DIGITALOCEAN_TOKEN", CANARY).with_doctl(),
                    none,
                )
            }
            Source::DoctlByKey => (self.with_doctl(), "doctl_context = 'default'\n".to_owned()),
        }
    }

    fn variable(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        let value = value.as_ref().to_str().unwrap();
        self.sandbox = self.sandbox.with(name, value);
        self
    }

    fn with_doctl(self) -> Self {
        let text = format!("access-token: {CANARY}\nauth-contexts:\n  work: {CANARY}\n");
        self.secret("doctl/config.yaml", &text);
        let folder = self.secrets.path().to_owned();
        self.variable("XDG_CONFIG_HOME", folder)
    }

    /// A file that only its owner can read.
    fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.secrets.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A command that sends its requests to this server.
    pub(super) fn command(&self, url: &str, arguments: &[&str]) -> std::process::Command {
        let flags = self.flags.iter().map(String::as_str);
        let arguments: Vec<_> = arguments.iter().copied().chain(flags).collect();
        let mut command = self.sandbox.command(&arguments);
        command.env("DIGITALOCEAN_API_URL", url);
        command
    }
}
