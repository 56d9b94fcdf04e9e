//! The configuration file: TOML, every key optional, unknown keys refused.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use toml::de::{DeTable, DeValue};
use toml::{Deserializer, Spanned};

use super::error::{Error, HIDDEN, MISPLACED};
use super::private_file::{self, Readers};
use super::token_command::TokenCommand;
use crate::core::account::{AccountName, NameError};
use crate::core::files::is_foreign;
use crate::core::model::{DropletId, is_tag};
use crate::core::secrets::{is_token_for_path, looks_like_token};

/// All settings of the file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The path of the archive.
    pub database: Option<PathBuf>,
    /// The address of the API.
    pub api_url: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// A shell command that prints the token.
    pub token_command: Option<TokenCommand>,
    /// The context of doctl whose token is used when no other source gives one.
    pub doctl_context: Option<String>,
    /// The scope of a sync.
    #[serde(default)]
    pub sync: SyncScope,
    /// The schedule of the daemon.
    #[serde(default)]
    pub schedule: Schedule,
    /// The limits for requests.
    #[serde(default)]
    pub limits: Limits,
    /// The reports to other programs.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// The accounts that are meant when none is selected: names with commas between them, or `all`.
    pub default_account: Option<Spanned<String>>,
    /// The settings of each account. They have no accounts of their own.
    #[serde(default, skip_serializing)]
    pub accounts: BTreeMap<Spanned<String>, ConfigFile>,
}

/// The scope of a sync; the whole account by default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SyncScope {
    /// Droplets by id.
    #[serde(default)]
    pub droplets: Vec<DropletId>,
    /// Droplets by tag.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The whole account.
    #[serde(default)]
    pub all: bool,
    /// The time within which each droplet's own listing is read again: `1d`.
    pub recheck: Option<Spanned<String>>,
    /// The time between two audits, each of which reads an archived page again: `1h`, or `off`.
    pub audit: Option<Spanned<String>>,
}

/// The schedule of the daemon.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// A cron expression.
    pub cron: Option<Spanned<String>>,
    /// An IANA time zone: `Europe/Dublin`.
    pub timezone: Option<Spanned<String>>,
    /// The longest random delay: `5m`.
    pub jitter: Option<Spanned<String>>,
}

/// The reports to other programs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// The address on which the daemon serves metrics: `127.0.0.1:9184`.
    pub listen: Option<Spanned<String>>,
    /// The longest age of the last complete sync: `2h`.
    pub max_age: Option<Spanned<String>>,
    /// A file for node_exporter's textfile collector.
    pub metrics_file: Option<PathBuf>,
    /// The ping URL of a check of healthchecks.io or a similar service. The URL is a kind of secret.
    pub ping_url: Option<Spanned<PingAddress>>,
}

/// An address that `Debug` hides.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct PingAddress(pub String);

/// Hides the address.
impl Serialize for PingAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl std::fmt::Debug for PingAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an address")
    }
}

/// The limits for requests.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The API allows 250.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The API allows 5,000.
    pub requests_per_hour: Option<NonZeroU32>,
    /// Requests of each hour that are left to other users of the token.
    pub reserve: Option<u32>,
    /// The number of pages that are requested at the same time.
    pub concurrency: Option<NonZeroU32>,
}

impl SyncScope {
    /// True for the whole account.
    pub(super) fn is_account(&self) -> bool {
        self.droplets.is_empty() && self.tags.is_empty()
    }
}

/// The settings of a file, and the places in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) file: ConfigFile,
    /// The offsets of its lines.
    lines: Arc<[usize]>,
    /// The line of each key, from 1. A key has the names of its tables: `sync.recheck`.
    keys: Arc<BTreeMap<String, usize>>,
}

impl Read {
    /// Other settings of the same file.
    pub(super) fn with(&self, file: ConfigFile) -> Self {
        let (lines, keys) = (Arc::clone(&self.lines), Arc::clone(&self.keys));
        Self { file, lines, keys }
    }

    /// The line, from 1, of a key with the names of its tables.
    pub(super) fn line_of_key(&self, key: &str) -> Option<usize> {
        self.keys.get(key).copied()
    }

    /// The line of a setting of this account; without a name, of the top level. The names of its tables are left out.
    fn line_in(&self, account: Option<&str>, setting: &str) -> usize {
        let above = account.map_or(String::new(), |name| format!("accounts.{name}."));
        let mut keys = self.keys.iter();
        let found = keys.find(|(key, _)| {
            let own = key
                .strip_prefix(&above)
                .filter(|own| account.is_some() || !own.starts_with("accounts."));
            own.is_some_and(|own| own.rsplit('.').next() == Some(setting))
        });
        found.map_or(1, |(_, line)| *line)
    }

    /// The lines of the keys of a table.
    fn lines_of_keys(&self, table: &DeTable<'_>, above: &str, lines: &mut BTreeMap<String, usize>) {
        for (name, value) in table {
            let key = format!("{above}{}", name.get_ref());
            lines.insert(key.clone(), self.line_of(name.span().start));
            if let DeValue::Table(table) = value.get_ref() {
                self.lines_of_keys(table, &format!("{key}."), lines);
            }
        }
    }

    /// The line, from 1, of a byte offset in the file.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).max(1)
    }
}

/// Reads the file at `path`; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Read>, Error> {
    let (text, about) = match private_file::read_with_metadata(path, Readers::Any) {
        Ok(read) => read,
        Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let read = parse(&text, path)?;
    let has_command = |file: &ConfigFile| file.token_command.is_some();
    let file = &read.file;
    if (has_command(file) || file.accounts.values().any(has_command)) && is_anybodys(&about) {
        return Err(Error::ForeignCommand {
            path: path.to_owned(),
        });
    }
    Ok(Some(read))
}

/// Reads the text of a file. `path` is for messages.
pub(super) fn parse(text: &str, path: &Path) -> Result<Read, Error> {
    let invalid = |line, message: &str| Error::Invalid {
        path: path.to_owned(),
        line,
        message: message.to_owned(),
    };
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let mut read = Read {
        file: ConfigFile::default(),
        lines: std::iter::once(0).chain(starts).collect(),
        keys: Arc::default(),
    };
    // The full message of the parser shows the line, which may hold a secret. Its short message and the place are
    // enough.
    let problem = |error: toml::de::Error, message: &str| {
        let offset = error.span().map_or(0, |span| span.start);
        invalid(read.line_of(offset), message)
    };
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().to_owned();
        problem(error, message.trim_end_matches(", expected literal string"))
    })?;
    let mut keys = BTreeMap::new();
    read.lines_of_keys(table.get_ref(), "", &mut keys);
    let file = ConfigFile::deserialize(Deserializer::from(table)).map_err(|error| {
        let message = without_values(error.message());
        let place = error.span().map_or(0, |span| span.start);
        let named =
            key_at(text, place).map(|key| message.replacen("the value", &format!("`{key}`"), 1));
        problem(error, &named.unwrap_or(message))
    })?;
    read.keys = keys.into();
    if let Some((key, message)) = contradiction(&file) {
        return Err(invalid(read.line_in(None, key), &message));
    }
    for (name, account) in &file.accounts {
        let line = read.line_of(name.span().start);
        let name = name.get_ref();
        if let Err(error) = account_name(name) {
            return Err(invalid(line, &error));
        }
        if let Some((key, message)) = contradiction_of_account(account) {
            let line = read.line_in(Some(name), key).max(line);
            return Err(invalid(line, &message));
        }
    }
    read.file = file;
    Ok(read)
}

/// True when a user other than this one and root can change the file.
fn is_anybodys(about: &Metadata) -> bool {
    #[cfg(unix)]
    let others_may_write = std::os::unix::fs::MetadataExt::mode(about) & 0o002 != 0;
    #[cfg(not(unix))]
    let others_may_write = false;
    others_may_write || is_foreign(about)
}

/// Checks the name of an account, which a token must not be.
fn account_name(name: &str) -> Result<AccountName, String> {
    if looks_like_token(name) {
        return Err(format!("the name of an account is {MISPLACED}"));
    }
    name.parse().map_err(|error: NameError| error.to_string())
}

/// As [`contradiction`], for the settings of an account.
fn contradiction_of_account(account: &ConfigFile) -> Option<(&'static str, String)> {
    let nested = [
        ("accounts", !account.accounts.is_empty()),
        ("default_account", account.default_account.is_some()),
    ];
    if let Some((key, _)) = nested.into_iter().find(|(_, is_set)| *is_set) {
        return Some((key, format!("`{key}` does not belong into an account")));
    }
    contradiction(account)
}

/// The key of a contradictory setting, and the problem.
fn contradiction(file: &ConfigFile) -> Option<(&'static str, String)> {
    let scope = &file.sync;
    if scope.all && !(scope.droplets.is_empty() && scope.tags.is_empty()) {
        let message = "`all` already includes every droplet: remove it, or `droplets` and `tags`";
        return Some(("all", message.to_owned()));
    }
    if !scope.tags.iter().all(|tag| is_tag(tag)) {
        let message = "`tags` has an invalid tag: a tag is not empty and has no blanks";
        return Some(("tags", message.to_owned()));
    }
    if file.token_file.is_some() && file.token_command.is_some() {
        let message = "`token_file` and `token_command` both say where the token is: remove one";
        return Some(("token_command", message.to_owned()));
    }
    let key = holding_a_token(file)?;
    Some((key, format!("`{key}` holds {MISPLACED}")))
}

/// The first setting that holds a token. Messages and requests must not repeat it.
fn holding_a_token(file: &ConfigFile) -> Option<&'static str> {
    let path = |path: &Option<PathBuf>| path.as_deref().is_some_and(is_token_for_path);
    let text = |text: Option<&String>| text.is_some_and(|text| looks_like_token(text));
    let spanned = |value: &Option<Spanned<String>>| text(value.as_ref().map(Spanned::get_ref));
    let (schedule, monitoring) = (&file.schedule, &file.monitoring);
    let settings = [
        ("database", path(&file.database)),
        ("token_file", path(&file.token_file)),
        ("metrics_file", path(&monitoring.metrics_file)),
        ("doctl_context", text(file.doctl_context.as_ref())),
        ("default_account", spanned(&file.default_account)),
        (
            "tags",
            file.sync.tags.iter().any(|tag| looks_like_token(tag)),
        ),
        ("cron", spanned(&schedule.cron)),
        ("timezone", spanned(&schedule.timezone)),
        ("jitter", spanned(&schedule.jitter)),
        ("listen", spanned(&monitoring.listen)),
        ("max_age", spanned(&monitoring.max_age)),
    ];
    let found = settings.into_iter().find(|(_, holds_one)| *holds_one);
    found.map(|(key, _)| key)
}

/// The setting on the line of a place in the file, if its name can be shown.
fn key_at(text: &str, place: usize) -> Option<&str> {
    let line = text.get(..place)?.rsplit('\n').next()?;
    // In a table on one line, the key is the last one.
    let (before, _) = match line.contains('{') {
        true => line.rsplit_once('=')?,
        false => line.split_once('=')?,
    };
    let key = before.rsplit(['{', ',']).next()?.trim();
    looks_like_setting(key).then_some(key)
}

/// The message of serde without values of the file. It keeps names of settings and kinds of values.
fn without_values(message: &str) -> String {
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.rsplit_once("`, expected "));
    if let Some((key, expected)) = unknown {
        return if looks_like_setting(key) {
            format!("unknown field `{key}`, expected {expected}")
        } else {
            format!("a field that is not shown is unknown, expected {expected}")
        };
    }
    let value = |problem| {
        let (found, expected) = message.strip_prefix(problem)?.rsplit_once(", expected ")?;
        let kind = found
            .split(['"', '`'])
            .next()
            .unwrap_or_default()
            .trim_end();
        let (kind, expected) = (in_plain_words(kind), in_plain_words(expected));
        // Of two whole numbers, one is out of range.
        let found = if kind == "a whole number" {
            String::new()
        } else {
            format!(", and this is {kind}")
        };
        Some(format!("the value must be {expected}{found}"))
    };
    value("invalid type: ")
        .or_else(|| value("invalid value: "))
        .unwrap_or_else(|| "its value is invalid".to_owned())
}

/// A kind of value, as a person would call it who never wrote a program.
fn in_plain_words(kind: &str) -> &str {
    match kind {
        "a nonzero u32" => "a whole number from 1 to 4,294,967,295",
        "u32" => "a whole number from 0 to 4,294,967,295",
        "i64" => "a list of ids, such as [3164444]",
        "integer" => "a whole number",
        "floating point" => "a number with a fraction",
        "a boolean" => "true or false, without quotes",
        "boolean" => "true or false",
        "a sequence" => "a list in brackets",
        "sequence" | "array" => "a list",
        "string" | "a string" | "path string" => "a text in quotes",
        "a map" | "map" | "table" => "a table",
        table if table.starts_with("struct ") => "a table, such as [sync]",
        other => other,
    }
}

/// True when an unknown key may be a misspelt setting, and not a secret in the wrong place.
fn looks_like_setting(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || b"_-".contains(&byte);
    (1..=30).contains(&key.len()) && key.bytes().all(is_plain) && !looks_like_token(key)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
