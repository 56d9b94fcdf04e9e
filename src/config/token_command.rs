//! The command that prints the token: run by the shell, its output read into memory that is wiped.

use std::process::{Child, Command, Stdio};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::Error;
use super::private_file::{read_within, text};

/// The most that is read of what it prints.
const MOST_BYTES: usize = 64 << 10;
/// What is made room for at once: ten tokens and their line ends.
const EXPECTED_BYTES: usize = 1_024;

/// A shell command. It may name a secret, or even hold one, so its text is not shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct TokenCommand(SecretString);

impl From<String> for TokenCommand {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl TokenCommand {
    /// What it prints.
    pub(super) fn output(&self) -> Result<Zeroizing<String>, Error> {
        let failed = |reason: String| Error::TokenCommand { reason };
        let mut child = Command::new("sh")
            .args(["-c", self.0.expose_secret()])
            // The command is not the service that systemd watches.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let printed = match child.stdout.take() {
            Some(pipe) => read_within(pipe, EXPECTED_BYTES, MOST_BYTES),
            None => Ok(Some(Zeroizing::default())),
        };
        let printed = match printed {
            Ok(printed) => printed,
            Err(error) => {
                end(child);
                return Err(failed(error.to_string()));
            }
        };
        let Some(printed) = printed else {
            end(child);
            return Err(failed(format!("it prints more than {MOST_BYTES} bytes")));
        };
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(status.to_string()));
        }
        text(printed).ok_or_else(|| failed("its output is not text".to_owned()))
    }
}

/// Ends a command whose output is of no use.
fn end(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn output(command: &str) -> Result<String, String> {
        let output = TokenCommand::from(command.to_owned()).output();
        output
            .map(|text| text.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_it_prints_is_read_whole() {
        assert_eq!(output("echo one; echo two").unwrap(), "one\ntwo\n");
        assert_eq!(output("true").unwrap(), "");
    }

    #[test]
    fn a_command_that_fails_or_never_stops_printing_is_refused_without_its_words() {
        for (command, reason) in [
            ("echo canary; exit 3", "3"),
            ("yes canary", "more than 65536 bytes"),
            ("printf 'canary\\377'", "not text"),
            ("kill -9 $$", "signal: 9"),
        ] {
            let error = output(command).unwrap_err();
            assert!(
                error.contains(reason) && !error.contains("canary"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_command_itself_is_not_shown() {
        let command = TokenCommand::from("echo canary".to_owned());
        assert!(!format!("{command:?}").contains("canary"));
    }
}
