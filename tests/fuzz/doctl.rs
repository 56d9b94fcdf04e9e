//! doctl's configuration, which is YAML: the reader refuses what it does not understand, and no message shows a token.
//! Only the fuzzer compares the result with another YAML parser (`fuzz_targets/doctl.rs`).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use archiver::config::{Config, Environment, Error, Patience};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::answer::{PLACE_OF_TOKEN, TOKEN};

thread_local! {
    static HOME: TempDir = tempfile::tempdir().expect("there is room for a folder");
}

/// Context names that an input may use.
pub(crate) const CONTEXTS: [&str; 4] = ["default", "work", "a", "nowhere"];

/// No message shows the token, which replaces `$TOKEN` in the input.
pub(crate) fn doctl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let text = text.replace(PLACE_OF_TOKEN, TOKEN);
    for context in CONTEXTS {
        match token(&text, context) {
            Ok(token) => assert!(token.bytes().all(|byte| byte.is_ascii_graphic())),
            Err(error) => {
                let shown = format!("{error} {error:?} {}", error.hint());
                assert!(!shown.contains(TOKEN), "{shown}");
            }
        }
    }
}

/// The token of a context when `text` is doctl's configuration.
pub(crate) fn token(text: &str, context: &str) -> Result<String, Error> {
    HOME.with(|home| {
        let folder = home.path().join("doctl");
        let path = folder.join("config.yaml");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text))
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)))
            .expect("there is room for a file");
        let environment = Environment::default().with("XDG_CONFIG_HOME", home.path());
        let token = Config::load(None, environment)?.token(Some(context), Patience::default())?;
        Ok(token.secret.expose_secret().to_owned())
    })
}
