//! The configuration file: TOML, every key optional, unknown keys refused.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use toml::de::{DeString, DeTable, DeValue};
use toml::{Deserializer, Spanned};

use super::error::{Error, HIDDEN, MISPLACED};
use super::private_file::{self, Readers};
use crate::core::account::AccountName;
use crate::core::files::is_foreign;
use crate::core::model::{DropletId, is_tag};
use crate::core::secrets::{is_token_for_path, looks_like_token};

/// All settings of the file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// The path of the archive.
    pub database: Option<PathBuf>,
    /// The address of the API.
    pub api_url: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// A shell command that prints the token.
    pub token_command: Option<Hidden>,
    /// The context of doctl whose token is used when no other source gives one.
    pub doctl_context: Option<String>,
    /// The scope of a sync.
    pub sync: SyncScope,
    /// The schedule of the daemon.
    pub schedule: Schedule,
    /// The limits for requests.
    pub limits: Limits,
    /// The reports to other programs.
    pub monitoring: Monitoring,
    /// The accounts that are meant when none is selected: names with commas between them, or `all`.
    pub default_account: Option<String>,
    /// The settings of each account. They have no accounts of their own.
    #[serde(skip_serializing)]
    pub accounts: BTreeMap<String, ConfigFile>,
}

/// The scope of a sync; the whole account by default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncScope {
    /// Droplets by id.
    pub droplets: Vec<DropletId>,
    /// Droplets by tag.
    pub tags: Vec<String>,
    /// The whole account.
    pub all: bool,
    /// The time within which each droplet's own listing is read again: `1d`.
    pub recheck: Option<String>,
    /// The time between two audits, each of which reads an archived page again: `1h`, or `off`.
    pub audit: Option<String>,
}

/// The schedule of the daemon.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// A cron expression.
    pub cron: Option<String>,
    /// An IANA time zone: `Europe/Dublin`.
    pub timezone: Option<String>,
    /// The longest random delay: `5m`.
    pub jitter: Option<String>,
}

/// The reports to other programs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// The address on which the daemon serves metrics: `127.0.0.1:9184`.
    pub listen: Option<String>,
    /// The longest age of the last complete sync: `2h`.
    pub max_age: Option<String>,
    /// A file for node_exporter's textfile collector.
    pub metrics_file: Option<PathBuf>,
    /// The ping URL of a check of healthchecks.io or a similar service. The URL is a kind of secret.
    pub ping_url: Option<Hidden>,
}

/// The limits for requests.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
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

/// A text that is not shown, because it may hold a secret: a command that prints a token, or the address of a check.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Hidden(SecretString);

impl Hidden {
    /// The text, which may hold a secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Hides the text.
impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// The settings of a file, and their places in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    /// An account has the settings of the top level where it has none of its own.
    pub(super) file: ConfigFile,
    /// The line of each key, from 1. A key has the names of its tables: `sync.recheck`.
    pub(super) lines: Arc<BTreeMap<String, usize>>,
}

/// Reads the file at `path`; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Read>, Error> {
    let (text, about) = match private_file::read(path, Readers::Any) {
        Ok(read) => read,
        Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let read = parse(&text, path)?;
    let has_command = |file: &ConfigFile| file.token_command.is_some();
    let file = &read.file;
    // Root could change it anyway.
    let is_anybodys = about.permissions().mode() & 0o002 != 0 || is_foreign(&about);
    if is_anybodys && (has_command(file) || file.accounts.values().any(has_command)) {
        let message = " has a `token_command`, and another user can change it";
        let hint = "make it writable only by you: chown, and chmod o-w";
        return Err(Error::of_path(path, message, hint));
    }
    Ok(Some(read))
}

/// Reads the text of a file. `path` is for messages.
pub(super) fn parse(text: &str, path: &Path) -> Result<Read, Error> {
    checked(text).map_err(|(line, message)| Error::Invalid {
        path: path.to_owned(),
        line,
        message,
    })
}

/// A line, and what is wrong there.
type Problem = (usize, String);

fn checked(text: &str) -> Result<Read, Problem> {
    // The full message of the parser shows the line, which may hold a secret. Its short message and the place are
    // enough.
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message();
        let message = message.trim_end_matches(", expected literal string");
        (line_at(text, place(&error)), message.to_owned())
    })?;
    let mut lines = BTreeMap::new();
    each_key(table.get_ref(), "", &mut |key, name, _| {
        lines.insert(key.to_owned(), line_at(text, name.span().start));
    });
    let lines = lines.into();
    let file = settings(&table, text)?;
    let read = Read { file, lines };
    if let Some(problem) = problem(&read, table.get_ref()) {
        return Err(problem);
    }
    let file = settings(&with_top_level(table), text)?;
    Ok(Read { file, ..read })
}

fn settings(table: &Spanned<DeTable<'_>>, text: &str) -> Result<ConfigFile, Problem> {
    ConfigFile::deserialize(Deserializer::from(table.clone())).map_err(|error| {
        let place = place(&error);
        let mut message = without_values(error.message());
        // The innermost key comes last.
        let mut key = None;
        each_key(table.get_ref(), "", &mut |_, name, value| {
            if value.span().contains(&place) {
                key = Some(name.get_ref().to_string());
            }
        });
        if let Some(key) = key.filter(|key| looks_like_setting(key)) {
            message = message.replacen("the value", &format!("`{key}`"), 1);
        }
        (line_at(text, place), message)
    })
}

fn place(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// The line, from 1, of a byte offset in a text.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|byte| *byte == b'\n').count() + 1
}

/// Passes on each key, with the names of its tables and without them, and its value.
fn each_key<'text>(
    table: &DeTable<'text>,
    above: &str,
    visit: &mut impl FnMut(&str, &Spanned<DeString<'text>>, &Spanned<DeValue<'text>>),
) {
    for (name, value) in table {
        let key = format!("{above}{}", name.get_ref());
        visit(&key, name, value);
        if let DeValue::Table(table) = value.get_ref() {
            each_key(table, &format!("{key}."), visit);
        }
    }
}

/// The keys of the sources of the token.
pub(super) const TOKEN: [&str; 3] = ["token_file", "token_command", "doctl_context"];
/// The keys of the scope.
const SCOPE: [&str; 3] = ["droplets", "tags", "all"];

/// The file in which each account has the settings of the top level where it has none of its own. The scope and the
/// source of the token are taken as a whole, or not at all.
fn with_top_level(mut file: Spanned<DeTable<'_>>) -> Spanned<DeTable<'_>> {
    let mut top = file.get_ref().clone();
    // Histories must not mix.
    remove(&mut top, &["accounts", "database"]);
    let accounts = file.get_mut().get_mut("accounts").and_then(table_mut);
    for own in accounts.into_iter().flat_map(|it| it.iter_mut()) {
        let Some(own) = table_mut(own.1) else {
            continue;
        };
        let mut merged = top.clone();
        if TOKEN.iter().any(|key| own.contains_key(*key)) {
            remove(&mut merged, &TOKEN);
        }
        // An empty list says something too: no limit to what the top level lists.
        let scope = own.get("sync").and_then(|it| it.get_ref().as_table());
        let has_scope = scope.is_some_and(|scope| {
            let all = scope.get("all").and_then(|it| it.get_ref().as_bool());
            all == Some(true) || scope.contains_key("droplets") || scope.contains_key("tags")
        });
        if has_scope && let Some(scope) = merged.get_mut("sync").and_then(table_mut) {
            remove(scope, &SCOPE);
        }
        add(&mut merged, own);
        *own = merged;
    }
    file
}

fn table_mut<'a, 'text>(value: &'a mut Spanned<DeValue<'text>>) -> Option<&'a mut DeTable<'text>> {
    match value.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn remove(table: &mut DeTable<'_>, keys: &[&str]) {
    for key in keys {
        table.remove(*key);
    }
}

/// Adds the settings of a table to those of another, and replaces them where both have the same.
fn add<'text>(all: &mut DeTable<'text>, own: &DeTable<'text>) {
    for (key, value) in own {
        match (all.get_mut(key).and_then(table_mut), value.get_ref()) {
            (Some(all), DeValue::Table(own)) => add(all, own),
            _ => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The first problem of settings whose kinds are right, and its line.
fn problem(read: &Read, table: &DeTable<'_>) -> Option<Problem> {
    let line = |key: &str| read.lines.get(key).copied();
    if let Some((key, message)) = contradiction(&read.file) {
        return Some((line(key)?, message.to_owned()));
    }
    for (name, account) in &read.file.accounts {
        let above = format!("accounts.{name}");
        if looks_like_token(name) {
            let message = format!("the name of an account is {MISPLACED}");
            return Some((line(&above)?, message));
        }
        if let Err(error) = name.parse::<AccountName>() {
            return Some((line(&above)?, error.to_string()));
        }
        for key in ["accounts", "default_account"] {
            if let Some(line) = line(&format!("{above}.{key}")) {
                return Some((line, format!("`{key}` does not belong into an account")));
            }
        }
        if let Some((key, message)) = contradiction(account) {
            return Some((line(&format!("{above}.{key}"))?, message.to_owned()));
        }
    }
    let mut misplaced = None;
    each_key(table, "", &mut |key, name, value| {
        if misplaced.is_none() && holds_token(name.get_ref(), value.get_ref()) {
            let message = format!("`{}` holds {MISPLACED}", name.get_ref());
            misplaced = line(key).map(|line| (line, message));
        }
    });
    misplaced
}

/// The key of a contradictory setting, and the problem.
fn contradiction(file: &ConfigFile) -> Option<(&'static str, &'static str)> {
    let scope = &file.sync;
    if scope.all && !scope.is_account() {
        let message = "`all` already includes every droplet: remove it, or `droplets` and `tags`";
        return Some(("sync.all", message));
    }
    if !scope.tags.iter().all(|tag| is_tag(tag)) {
        let message = "`tags` has an invalid tag: a tag is not empty and has no blanks";
        return Some(("sync.tags", message));
    }
    let message = "`token_file` and `token_command` both say where the token is: remove one";
    (file.token_file.is_some() && file.token_command.is_some())
        .then_some(("token_command", message))
}

/// True for a setting that holds a token. Messages and requests must not repeat it. Commands and addresses may hold
/// secrets, and are not shown.
fn holds_token(name: &str, value: &DeValue<'_>) -> bool {
    match (name, value) {
        ("token_command" | "api_url" | "ping_url", _) => false,
        ("database" | "token_file" | "metrics_file", DeValue::String(path)) => {
            is_token_for_path(Path::new(&**path))
        }
        (_, DeValue::String(text)) => looks_like_token(text),
        (_, DeValue::Array(values)) => values.iter().any(|it| holds_token(name, it.get_ref())),
        _ => false,
    }
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
    let is_about_a_value = message.starts_with("invalid ");
    match message
        .rsplit_once(", expected ")
        .filter(|_| is_about_a_value)
    {
        Some((_, expected)) => format!("the value must be {}", in_plain_words(expected)),
        None => "its value is invalid".to_owned(),
    }
}

/// A kind of value, as a person would call it who never wrote a program.
fn in_plain_words(kind: &str) -> &str {
    match kind {
        "a nonzero u32" => "a whole number from 1 to 4,294,967,295",
        "u32" => "a whole number from 0 to 4,294,967,295",
        "i64" => "a list of ids, such as [3164444]",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list in brackets",
        "a string" | "path string" => "a text in quotes",
        "a map" => "a table",
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
