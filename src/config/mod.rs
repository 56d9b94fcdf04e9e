//! The user's configuration. Flags win over the environment, the environment over the file, and the file over defaults.
//!
//! The environment of the process comes in as an [`Environment`], the file as a [`ConfigFile`]. Other modules read
//! neither of them. Each question (the archive, the API, the token) has one method that knows the order of precedence.
//! The methods are separate, so that an invalid token does not prevent a query.

mod accounts;
mod doctl;
mod environment;
mod error;
mod file;
mod private_file;
mod settings;
pub mod template;
mod token;
mod token_command;

use std::fmt::Display;
use std::path::{Path, PathBuf};

pub use accounts::sharing_a_token;
pub use environment::Environment;
pub use error::Error;
pub use file::{ConfigFile, Hidden, Limits, Monitoring, Schedule, SyncScope};
pub use settings::{Flags, Setting, Source, Sourced};
pub use token::Token;
pub use token_command::Patience;

use crate::core::account::AccountName;
use crate::core::secrets::shown_path;
use file::TOKEN;
use token::Sources;

/// The environment and the configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    environment: Environment,
    read: file::Read,
    /// The path of the file, which may not exist.
    path: PathBuf,
    /// The account whose settings these are.
    account: Option<AccountName>,
}

impl Config {
    /// Reads the file at `flag`, else at `$ARCHIVER_CONFIG`, else at its default path. Only the last may be missing.
    ///
    /// # Errors
    /// When the file cannot be read, or has an invalid setting.
    pub fn load(flag: Option<&Path>, environment: Environment) -> Result<Self, Error> {
        let (path, read) = match Self::place(flag, &environment) {
            Ok(Sourced { value, source }) => match file::read(&value)? {
                None if source != Source::Default => {
                    return Err(Error::refused(
                        format!("there is no configuration at {}", shown_path(&value)),
                        "no file is needed: leave out --config and ARCHIVER_CONFIG, or make the file",
                    ));
                }
                read => (value, read.unwrap_or_default()),
            },
            Err(Error::NoConfigHome) => (PathBuf::new(), file::Read::default()),
            Err(error) => return Err(error),
        };
        Ok(Self {
            environment,
            read,
            path,
            account: None,
        })
    }

    /// The settings of the file; all empty without a file.
    #[must_use]
    pub fn file(&self) -> &ConfigFile {
        &self.read.file
    }

    /// The environment of this configuration.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The error for the invalid value of a key of the file, such as `sync.recheck`.
    #[must_use]
    pub fn invalid(&self, key: &str, reason: &dyn Display) -> Error {
        let name = key.rsplit('.').next().unwrap_or(key);
        self.problem_at(key, format!("`{name}`: {reason}"))
    }

    fn problem_at(&self, key: &str, message: String) -> Error {
        Error::Invalid {
            path: self.path.clone(),
            line: self.line_of(key).unwrap_or(1),
            message,
        }
    }

    /// The line of a key that the file sets: of the account itself, else of the top level.
    fn line_of(&self, key: &str) -> Option<usize> {
        let lines = &self.read.lines;
        let own = self.account.map(|name| format!("accounts.{name}.{key}"));
        let own = own.and_then(|key| lines.get(&key));
        own.or_else(|| lines.get(key)).copied()
    }

    /// The path of the configuration file, which may not exist: `flag`, else `$ARCHIVER_CONFIG`, else its default path.
    ///
    /// # Errors
    /// When there is no home for the default path.
    pub fn place(
        flag: Option<&Path>,
        environment: &Environment,
    ) -> Result<Sourced<PathBuf>, Error> {
        let by_variable = environment.path("ARCHIVER_CONFIG");
        let by_flag = flag.map(Path::to_owned);
        match Sourced::given(("--config", by_flag), ("ARCHIVER_CONFIG", by_variable)) {
            Some(given) => environment.given_path(given),
            None => {
                let home = environment.config_home().ok_or(Error::NoConfigHome)?;
                Ok(Sourced::by_default(home.join("archiver/config.toml")))
            }
        }
    }

    /// The folder of the configuration file, even if the file does not exist; `None` without a home.
    #[must_use]
    pub fn folder(flag: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
        let path = Self::place(flag, environment).ok()?.value;
        path.parent().map(Path::to_owned)
    }

    /// The path of the archive by the configuration, or by default.
    fn configured_database(&self) -> Result<Sourced<PathBuf>, Error> {
        if let Some(path) = &self.file().database {
            return self
                .in_file("database", path)
                .try_map(|path| self.resolve(path));
        }
        let home = self.environment.xdg_home("XDG_DATA_HOME", ".local/share");
        let home = home.ok_or_else(|| {
            let message =
                "neither HOME nor XDG_DATA_HOME is set, so the archive has no default path";
            Error::refused(message, "set its path with --db")
        })?;
        let name = self.account.as_ref().map_or("archive", AccountName::as_str);
        Ok(Sourced::by_default(
            home.join(format!("archiver/{name}.db")),
        ))
    }

    /// Checks the proxy for connections to other machines.
    ///
    /// # Errors
    /// When the environment names an invalid proxy, which the HTTP client would ignore.
    pub fn check_proxy(&self) -> Result<(), Error> {
        environment::check(&self.environment)
    }

    /// The token from the first source that is set. `doctl_context` is the context of a flag, which wins over all other
    /// sources; a context in the file comes last. The sources that an account names itself win over the environment.
    /// `patience` sets the wait for a command, which never lasts longer than a minute.
    ///
    /// # Errors
    /// When no source is set, or the first one that is set gives no usable token.
    pub fn token(&self, doctl_context: Option<&str>, patience: Patience) -> Result<Token, Error> {
        token::find(&self.token_sources(doctl_context)?, &patience)
    }

    /// True when a source of the token is set. It is not read.
    ///
    /// # Errors
    /// When the path of a file with a token cannot be resolved.
    pub fn names_token(&self) -> Result<bool, Error> {
        Ok(token::first_name(&self.token_sources(None)?).is_some())
    }

    fn token_sources<'a>(&'a self, doctl_context: Option<&'a str>) -> Result<Sources<'a>, Error> {
        let file = self.file();
        let path = file.token_file.as_ref();
        let lines = &self.read.lines;
        let is_set = |name, key| lines.contains_key(&format!("accounts.{name}.{key}"));
        let is_own = |name: AccountName| TOKEN.iter().any(|key| is_set(name, *key));
        Ok(Sources {
            environment: &self.environment,
            flag: doctl_context,
            file: path.map(|path| self.resolve(path)).transpose()?,
            command: file.token_command.as_ref(),
            context: file.doctl_context.as_deref(),
            is_own: self.account.is_some_and(is_own),
        })
    }

    /// Resolves a path in the file: `~/` is the home, and a relative path begins at the file's folder.
    ///
    /// # Errors
    /// As [`Environment::in_full`].
    pub fn resolve(&self, path: &Path) -> Result<PathBuf, Error> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok(folder.join(self.environment.in_full(path)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path, text: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
        let path = folder.join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), Environment::of(variables))
    }

    #[test]
    fn what_would_depend_on_where_one_happens_to_be_is_ignored() {
        let relative = [
            ("HOME", "/home/x"),
            ("XDG_DATA_HOME", "d"),
            ("XDG_CONFIG_HOME", "c"),
        ];
        let environment = Environment::of(&relative);
        let usual = Config::place(None, &environment).unwrap().value;
        assert_eq!(usual, Path::new("/home/x/.config/archiver/config.toml"));
        let config = Config::load(None, environment).unwrap();
        let usual = Path::new("/home/x/.local/share/archiver/archive.db");
        assert_eq!(config.database(None).unwrap().value, usual);
    }

    #[test]
    fn without_a_home_no_path_begins_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let by_file = config(folder.path(), "database = '~/archive.db'", &[]).unwrap();
        let by_variable = config(folder.path(), "", &[("ARCHIVER_DB", "~/archive.db")]).unwrap();
        let tilde = Path::new("~/archive.toml");
        for outcome in [
            by_file.database(None).map(|it| it.value),
            by_variable.database(None).map(|it| it.value),
            by_file.database(Some(tilde)).map(|it| it.value),
            Config::load(Some(tilde), Environment::default()).map(|config| config.path),
        ] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("HOME is not set"), "{error}");
        }
    }

    #[test]
    fn a_tilde_that_no_shell_saw_is_the_home_wherever_a_path_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("config.toml"), "token_file = '~/t'").unwrap();
        let environment = Environment::of(&[
            ("HOME", home),
            ("ARCHIVER_DB", "~/a.db"),
            ("ARCHIVER_CONFIG", "~/config.toml"),
        ]);
        let config = Config::load(None, environment.clone()).unwrap();
        let in_home = |name| folder.path().join(name);
        assert_eq!(config.database(None).unwrap().value, in_home("a.db"));
        let flag = Some(Path::new("~/b.db"));
        assert_eq!(config.database(flag).unwrap().value, in_home("b.db"));
        assert_eq!(config.resolve(Path::new("~/t")).unwrap(), in_home("t"));
        assert_eq!(environment.in_full(Path::new("~")).unwrap(), folder.path());
        for as_it_is in ["a~", "./~/x", "/~", "x/~"] {
            let path = Path::new(as_it_is);
            assert_eq!(environment.in_full(path).unwrap(), path);
        }
        let error = config.database(Some(Path::new("~web/a.db"))).unwrap_err();
        assert!(error.to_string().contains("~web/a.db begins"), "{error}");
    }

    #[test]
    fn an_address_that_is_no_text_is_refused_and_no_other_taken() {
        use std::os::unix::ffi::OsStringExt;
        let broken = std::ffi::OsString::from_vec(b"https://host/\xff".to_vec());
        let environment = Environment::default().with("DIGITALOCEAN_API_URL", broken);
        let config = Config::load(None, environment).unwrap();
        let error = config.origin(None).unwrap_err().to_string();
        assert_eq!(error, "DIGITALOCEAN_API_URL is not text");
        assert!(config.origin(Some("https://flag.example")).is_ok());
    }

    #[test]
    fn a_command_that_another_user_could_write_is_not_run() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let load = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Config::load(Some(&path), Environment::default())
        };
        let command = "token_command = 'pass show do'";
        let is_refused = |outcome: Result<Config, Error>| {
            let error = outcome.unwrap_err().to_string();
            error.ends_with("and another user can change it")
        };
        for mode in [0o666, 0o602] {
            assert!(is_refused(load(command, mode)), "{mode:o}");
            assert!(load("token_file = 'token'", mode).is_ok());
        }
        for mode in [0o600, 0o644, 0o664] {
            assert!(load(command, mode).is_ok(), "{mode:o}");
        }
        // Only root may give files away.
        if chown(&path, Some(65_534), None).is_ok() {
            assert!(is_refused(load(command, 0o600)));
        }
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let text = "database = 'in-file.db'\napi_url = 'https://file.example'\n";
        let variables = [("ARCHIVER_DB", "/in-environment.db"), ("HOME", "/home/x")];
        let both = config(folder.path(), text, &variables).unwrap();
        assert_eq!(
            both.database(Some(Path::new("flag.db"))).unwrap().value,
            Path::new("flag.db")
        );
        assert_eq!(
            both.database(None).unwrap().value,
            Path::new("/in-environment.db")
        );
        assert_eq!(
            both.origin(Some("https://flag.example"))
                .unwrap()
                .value
                .to_string(),
            "https://flag.example"
        );
        assert_eq!(
            both.origin(None).unwrap().value.to_string(),
            "https://file.example"
        );
        let file = config(folder.path(), text, &[]).unwrap();
        assert_eq!(
            file.database(None).unwrap().value,
            folder.path().join("in-file.db")
        );
        let home = config(folder.path(), "", &[("HOME", "/home/x")]).unwrap();
        assert_eq!(
            home.database(None).unwrap().value,
            Path::new("/home/x/.local/share/archiver/archive.db")
        );
        assert_eq!(
            home.origin(None).unwrap().value.to_string(),
            "https://api.digitalocean.com"
        );
        let tilde = config(folder.path(), "database = '~/a.db'", &[("HOME", "/home/x")]).unwrap();
        assert_eq!(
            tilde.database(None).unwrap().value,
            Path::new("/home/x/a.db")
        );
    }

    #[test]
    fn no_file_is_needed_but_one_that_was_asked_for_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        assert!(Config::load(None, Environment::of(&[("XDG_CONFIG_HOME", home)])).is_ok());
        let missing = folder.path().join("missing.toml");
        assert!(Config::load(Some(&missing), Environment::of(&[])).is_err());
        let named = [("ARCHIVER_CONFIG", missing.to_str().unwrap())];
        assert!(Config::load(None, Environment::of(&named)).is_err());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_without_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let text = "database = 'x.db'\n\n[sync]\ntoken = 'dop_v1_secret'\n";
        let message = config(folder.path(), text, &[]).unwrap_err().to_string();
        assert!(
            message.contains("line 4") && message.contains("`token`"),
            "{message}"
        );
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn the_example_beside_the_systemd_units_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let text = include_str!("../../examples/systemd/config.toml");
        let example = config(folder.path(), text, &[]).unwrap();
        assert!(example.file().schedule.cron.is_some());
    }

    #[test]
    fn its_debug_text_shows_no_value_that_may_be_secret() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "token_command = 'echo canary'\n[monitoring]\nping_url = 'https://x.example/canary'\n";
        let variables = [
            ("DIGITALOCEAN_TOKEN", "canary"),
            ("ARCHIVER_PING_URL", "https://x.example/canary"),
            ("PASSWORD", "canary"),
        ];
        let config = config(folder.path(), text, &variables).unwrap();
        let token = config.token(None, Patience::default()).unwrap();
        let shown = format!(
            "{config:?} {config:#?} {token:?} {:?}",
            config.environment()
        );
        assert!(
            shown.contains("ping_url") && !shown.contains("canary"),
            "{shown}"
        );
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "[limits]\nconcurrency = 0",
            "[limits]\nrequests_per_minute = 0",
            "[limits]\nrequests_per_hour = -1",
            "[sync]\ndroplets = ['web-1']",
            "[sync]\nall = true\ndroplets = [1]",
            "database = 7",
            "= broken",
        ] {
            assert!(config(folder.path(), text, &[]).is_err(), "{text}");
        }
    }
}
