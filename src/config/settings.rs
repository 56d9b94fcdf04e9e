//! The values in force, each with its source. No secret is among them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::HIDDEN;
use super::{Config, Environment, Error, Hidden, template, token};
use crate::api::Origin;
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

    /// As [`Self::try_map`].
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Sourced<U> {
        let (value, source) = (map(self.value), self.source);
        Sourced { value, source }
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
    pub key: String,
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
                let message = format!("{what} takes a path, but its value looks like a token");
                let hint = "a token does not belong there: use DIGITALOCEAN_TOKEN, `token_file` or `token_command`";
                Err(Error::refused(message, hint))
            }
            _ => given.try_map(|path| self.in_full(&path)),
        }
    }
}

impl Config {
    /// The path of the archive: `flag`, else `$ARCHIVER_DB`, else `database`, else its default. Each account has its
    /// own.
    ///
    /// # Errors
    /// When no path is set and there is no home for the default, or a token was given instead of a path.
    pub fn database(&self, flag: Option<&Path>) -> Result<Sourced<PathBuf>, Error> {
        let by_variable = self.environment.path("ARCHIVER_DB");
        let by_flag = flag.map(Path::to_owned);
        let Some(given) = Sourced::given(("--db", by_flag), ("ARCHIVER_DB", by_variable)) else {
            return self.configured_database();
        };
        self.environment.given_path(given)
    }

    /// The address of the API: `flag`, else `$DIGITALOCEAN_API_URL`, else `api_url`, else the address of DigitalOcean.
    ///
    /// # Errors
    /// When the token must not be sent to this address.
    pub fn origin(&self, flag: Option<&str>) -> Result<Sourced<Origin>, Error> {
        let url = self.given_text(
            ("--api-url", flag.map(str::to_owned)),
            "DIGITALOCEAN_API_URL",
            ("api_url", self.file().api_url.as_deref()),
        )?;
        let url = url.unwrap_or_else(|| Sourced::by_default(Origin::DIGITALOCEAN.to_owned()));
        url.try_map(|url| Ok(Origin::parse(&url)?))
    }

    /// The address for pings with its source: `flag`, else `$ARCHIVER_PING_URL`, else `ping_url`.
    ///
    /// # Errors
    /// When the variable is not text.
    pub fn ping_address(&self, flag: Option<&str>) -> Result<Option<Sourced<Hidden>>, Error> {
        let by_file = self.file().monitoring.ping_url.as_ref();
        let url = self.given_text(
            ("--ping-url", flag.map(str::to_owned)),
            "ARCHIVER_PING_URL",
            ("monitoring.ping_url", by_file.map(Hidden::expose)),
        )?;
        Ok(url.map(|url| url.map(Hidden::from)))
    }

    /// The text of a flag, else of a variable, else of a key of the file.
    pub(super) fn given_text(
        &self,
        flag: (&'static str, Option<String>),
        variable: &'static str,
        (key, by_file): (&str, Option<&str>),
    ) -> Result<Option<Sourced<String>>, Error> {
        let by_variable = match flag.1 {
            Some(_) => None,
            None => self.environment.text_or_refused(variable)?,
        };
        let given = Sourced::given(flag, (variable, by_variable));
        Ok(given.or_else(|| by_file.map(|text| self.in_file(key, text.to_owned()))))
    }

    /// Every value in force. Secrets are not read, and none is shown.
    ///
    /// # Errors
    /// When the archive, the API or a path of the configuration is invalid.
    pub fn settings(&self, flags: Flags<'_>) -> Result<Vec<Setting>, Error> {
        let file = serde_json::to_value(self.file()).unwrap_or_default();
        let others = ["configuration", "token"].map(|key| (key.to_owned(), None));
        let keys = others.into_iter().chain(template::keys());
        let setting = |(key, default): (String, Option<String>)| {
            let by_file = shown(at(&file, &key)).map(|value| self.in_file(&key, value));
            let value = self.value_of(&key, flags, by_file)?;
            let value = value.or(default.map(Sourced::by_default));
            let (value, source) = value.map(|it| (it.value, it.source)).unzip();
            let source = source.unwrap_or(Source::Default);
            Ok(Setting { key, value, source })
        };
        keys.map(setting).collect()
    }

    /// The value of a key, which the file has as `by_file`, for people.
    fn value_of(
        &self,
        key: &str,
        flags: Flags<'_>,
        by_file: Option<Sourced<String>>,
    ) -> Result<Option<Sourced<String>>, Error> {
        let path = |path: PathBuf| shown_path(&path);
        Ok(match key {
            "configuration" => match Self::place(flags.config, &self.environment) {
                Err(Error::NoConfigHome) => None,
                place => Some(place?.map(path)),
            },
            "token" => self.token_source(flags.doctl_context)?,
            "database" => Some(self.database(flags.db)?.map(path)),
            "api_url" => {
                let origin = self.origin(flags.api_url)?;
                Some(origin.map(|origin| origin.to_string()))
            }
            "default_account" => self.asked_accounts(flags.account)?,
            "monitoring.ping_url" => {
                let address = self.ping_address(None)?;
                address.map(|address| address.map(|_| HIDDEN.to_owned()))
            }
            "sync.all" if !self.file().sync.is_account() => {
                Some(Sourced::by_default("false".to_owned()))
            }
            _ => by_file,
        })
    }

    /// The first source of the token that is set.
    fn token_source(&self, doctl_context: Option<&str>) -> Result<Option<Sourced<String>>, Error> {
        let first = token::first_name(&self.token_sources(doctl_context)?);
        Ok(first.map(|name| Sourced {
            value: "(set, not shown)".to_owned(),
            source: match name.strip_prefix('`') {
                Some(key) => self.source_of(key.trim_end_matches('`')),
                None if name.starts_with("DIGITALOCEAN") => Source::Variable(name),
                None => Source::Other(name),
            },
        }))
    }

    pub(super) fn in_file<T>(&self, key: &str, value: T) -> Sourced<T> {
        let source = self.source_of(key);
        Sourced { value, source }
    }

    /// The place of a key that the file sets.
    fn source_of(&self, key: &str) -> Source {
        match self.line_of(key) {
            Some(line) => Source::File {
                path: self.path.clone(),
                line,
            },
            None => Source::Default,
        }
    }
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
