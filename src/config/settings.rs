//! The values in force, each with its source. No secret is among them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::HIDDEN;
use super::template::KEYS;
use super::{Config, Environment, Error, PingAddress, token};
use crate::api::Origin;
use crate::config::Patience;
use crate::core::secrets::{is_token_for_path, shown_path};

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag: `--db`.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// The configuration.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Another source of a token.
    Other(&'static str),
    /// Nothing sets it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Other(name) => formatter.write_str(name),
            Self::Variable(name) => write!(formatter, "${name}"),
            Self::File { path, line } => write!(formatter, "{}:{line}", shown_path(path)),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A value and its source.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub source: Source,
}

impl<T> Sourced<T> {
    /// The value of a flag, else of a variable.
    pub(super) fn given(
        (flag, by_flag): (&'static str, Option<T>),
        (variable, by_variable): (&'static str, Option<T>),
    ) -> Option<Self> {
        let of = |source| move |value| Self { value, source };
        let by_flag = by_flag.map(of(Source::Flag(flag)));
        by_flag.or_else(|| by_variable.map(of(Source::Variable(variable))))
    }

    pub(super) fn by_default(value: T) -> Self {
        let source = Source::Default;
        Self { value, source }
    }

    /// Another value of the same source.
    pub(super) fn try_map<U>(
        self,
        map: impl FnOnce(T) -> Result<U, Error>,
    ) -> Result<Sourced<U>, Error> {
        let (value, source) = (map(self.value)?, self.source);
        Ok(Sourced { value, source })
    }
}

/// The flags of every command that set a value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags<'a> {
    /// `--config`
    pub config: Option<&'a Path>,
    /// `--db`
    pub db: Option<&'a Path>,
    /// `--account`, each time it is given
    pub account: &'a [String],
    /// `--api-url`
    pub api_url: Option<&'a str>,
    /// `--doctl-context`
    pub doctl_context: Option<&'a str>,
}

/// A value as it is shown.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key in the configuration, such as `sync.recheck`; or `configuration`, or `token`.
    pub key: &'static str,
    /// The value; `None` when nothing sets it, and it has no default.
    pub value: Option<String>,
    /// Its source.
    pub source: Source,
}

impl Environment {
    /// The path of a flag or a variable in full.
    pub(super) fn given_path(&self, given: Sourced<PathBuf>) -> Result<Sourced<PathBuf>, Error> {
        match given.source {
            Source::Flag(what) | Source::Variable(what) if is_token_for_path(&given.value) => {
                Err(Error::TokenForPath { what })
            }
            _ => given.try_map(|path| self.in_full(&path)),
        }
    }
}

impl Config {
    /// The path of the archive with its source, as [`Config::database`].
    ///
    /// # Errors
    /// As [`Config::database`].
    pub fn sourced_database(&self, flag: Option<&Path>) -> Result<Sourced<PathBuf>, Error> {
        let by_variable = self.environment.path("ARCHIVER_DB");
        let by_flag = flag.map(Path::to_owned);
        let Some(given) = Sourced::given(("--db", by_flag), ("ARCHIVER_DB", by_variable)) else {
            return self.configured_database();
        };
        self.environment.given_path(given)
    }

    /// The address of the API with its source, as [`Config::origin`].
    ///
    /// # Errors
    /// As [`Config::origin`].
    pub fn sourced_origin(&self, flag: Option<&str>) -> Result<Sourced<Origin>, Error> {
        const VARIABLE: &str = "DIGITALOCEAN_API_URL";
        let by_variable = match flag {
            Some(_) => None,
            None => self.environment.text_or_refused(VARIABLE)?,
        };
        let given = Sourced::given(
            ("--api-url", flag.map(str::to_owned)),
            (VARIABLE, by_variable),
        );
        let url = given.unwrap_or_else(|| match &self.file().api_url {
            Some(url) => self.in_file("api_url", url.clone()),
            None => Sourced::by_default(Origin::DIGITALOCEAN.to_owned()),
        });
        url.try_map(|url| Ok(Origin::parse(&url)?))
    }

    /// The address for pings with its source: `flag`, else `$ARCHIVER_PING_URL`, else `ping_url`.
    ///
    /// # Errors
    /// When the variable is not text.
    pub fn ping_address(&self, flag: Option<&str>) -> Result<Option<Sourced<PingAddress>>, Error> {
        const VARIABLE: &str = "ARCHIVER_PING_URL";
        let by_variable = match flag {
            Some(_) => None,
            None => self.environment.text_or_refused(VARIABLE)?,
        };
        let given = Sourced::given(
            ("--ping-url", flag.map(|url| PingAddress(url.to_owned()))),
            (VARIABLE, by_variable.map(PingAddress)),
        );
        let by_file = self.file().monitoring.ping_url.as_ref();
        let by_file = by_file.map(|url| self.in_file("monitoring.ping_url", url.get_ref().clone()));
        Ok(given.or(by_file))
    }

    /// Every value in force. Secrets are not read, and none is shown.
    ///
    /// # Errors
    /// When the archive, the API or a path of the configuration is invalid.
    pub fn settings(&self, flags: Flags<'_>) -> Result<Vec<Setting>, Error> {
        let configuration = match Self::place(flags.config, &self.environment) {
            Ok(place) => (Some(shown_path(&place.value)), place.source),
            Err(Error::NoConfigHome) => (None, Source::Default),
            Err(error) => return Err(error),
        };
        let mut settings = vec![
            setting("configuration", configuration.0, configuration.1),
            self.token_setting(flags.doctl_context)?,
        ];
        let file = serde_json::to_value(self.file()).unwrap_or_default();
        for key in KEYS {
            let name = key.key;
            settings.push(match name {
                "database" => {
                    let database = self.sourced_database(flags.db)?;
                    setting(
                        name,
                        Some(shown_path(&database.value).to_string()),
                        database.source,
                    )
                }
                "api_url" => {
                    let origin = self.sourced_origin(flags.api_url)?;
                    setting(name, Some(origin.value.to_string()), origin.source)
                }
                "default_account" => match self.asked_accounts(flags.account)? {
                    Some(names) => setting(name, Some(names.value), names.source),
                    None => setting(name, None, Source::Default),
                },
                "monitoring.ping_url" => match self.ping_address(None)? {
                    Some(address) => setting(name, Some(HIDDEN.to_owned()), address.source),
                    None => setting(name, None, Source::Default),
                },
                "sync.all" if !self.file().sync.is_account() => {
                    setting(name, Some("false".to_owned()), Source::Default)
                }
                _ => match shown(at(&file, name)) {
                    Some(value) => setting(name, Some(value), self.source_of(name)),
                    None => setting(name, key.default(), Source::Default),
                },
            });
        }
        Ok(settings)
    }

    fn token_setting(&self, doctl_context: Option<&str>) -> Result<Setting, Error> {
        let first = self.with_sources(doctl_context, Patience::default(), token::first_name)?;
        let Some(name) = first else {
            return Ok(setting("token", None, Source::Default));
        };
        let source = match name.trim_matches('`') {
            flag if flag.starts_with("--") => Source::Flag(name),
            variable if variable.starts_with("DIGITALOCEAN") => Source::Variable(name),
            key if key != name => self.source_of(key),
            _ => Source::Other(name),
        };
        Ok(setting(
            "token",
            Some("(set, not shown)".to_owned()),
            source,
        ))
    }

    pub(super) fn in_file<T>(&self, key: &str, value: T) -> Sourced<T> {
        let source = self.source_of(key);
        Sourced { value, source }
    }

    /// The place of a key that the file sets: of the account itself, else of the top level.
    fn source_of(&self, key: &str) -> Source {
        let account = self.account.map(|name| format!("accounts.{name}.{key}"));
        let own = account.and_then(|key| self.read.line_of_key(&key));
        match own.or_else(|| self.read.line_of_key(key)) {
            Some(line) => Source::File {
                path: self.path.clone(),
                line,
            },
            None => Source::Default,
        }
    }
}

fn setting(key: &'static str, value: Option<String>, source: Source) -> Setting {
    Setting { key, value, source }
}

/// The value of a key with the names of its tables.
fn at<'a>(file: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(file, |table, name| &table[name])
}

/// A value in words; `None` for one that is not set.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) | Value::Object(_) => None,
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) => {
            let values: Vec<_> = values.iter().filter_map(shown).collect();
            Some(values.join(", "))
        }
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
