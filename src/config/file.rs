//! The configuration file: TOML, every key optional, unknown keys refused.

use std::fs::Metadata;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Deserializer, Spanned};

use super::error::{Error, MISPLACED};
use super::private_file::{self, Readers};
use super::token_command::TokenCommand;
use crate::core::files::is_foreign;
use crate::core::model::DropletId;
use crate::core::secrets::{is_token_for_path, looks_like_token};

/// All that the file can say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where the archive is.
    pub database: Option<PathBuf>,
    /// Where the API is.
    pub api_url: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// A shell command that prints the token.
    pub token_command: Option<TokenCommand>,
    /// A context of doctl whose token to use, where nothing else gives one.
    pub doctl_context: Option<String>,
    /// What to read.
    #[serde(default)]
    pub sync: SyncScope,
    /// When to read it.
    #[serde(default)]
    pub schedule: Schedule,
    /// How fast to read it.
    #[serde(default)]
    pub limits: Limits,
    /// Who is told how it went.
    #[serde(default)]
    pub monitoring: Monitoring,
}

/// What to read; with nothing set, the whole account.
#[derive(Clone, Debug, Default, Deserialize)]
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
    /// Within which time each droplet's own listing is read again: `1d`.
    pub recheck: Option<Spanned<String>>,
    /// The time between two audits, each of which reads an archived page again: `1h`, or `off`.
    pub audit: Option<Spanned<String>>,
}

/// When to sync, for the daemon.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// A cron expression.
    pub cron: Option<Spanned<String>>,
    /// An IANA time zone: `Europe/Dublin`.
    pub timezone: Option<Spanned<String>>,
    /// The longest random delay: `5m`.
    pub jitter: Option<Spanned<String>>,
}

/// Who is told how a sync went.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// Where the daemon answers Prometheus: `127.0.0.1:9184`.
    pub listen: Option<Spanned<String>>,
    /// How old the last complete sync may be: `2h`.
    pub max_age: Option<Spanned<String>>,
    /// A file for node_exporter's textfile collector.
    pub metrics_file: Option<PathBuf>,
    /// A check of healthchecks.io, or of what works like it. The address is a secret of sorts.
    pub ping_url: Option<Spanned<PingAddress>>,
}

/// An address that is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct PingAddress(pub String);

impl std::fmt::Debug for PingAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an address")
    }
}

/// How fast to ask the API.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The API allows 250.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The API allows 5,000.
    pub requests_per_hour: Option<NonZeroU32>,
    /// Requests of the hour to leave to the token's other users.
    pub reserve: Option<u32>,
    /// Pages under way at once.
    pub concurrency: Option<NonZeroU32>,
}

/// What a file says, and where its lines begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) file: ConfigFile,
    lines: Vec<usize>,
}

impl Read {
    /// The line, from 1, of a byte of the file.
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
    let invalid = |line, message: &str| Error::Invalid {
        path: path.to_owned(),
        line,
        message: message.to_owned(),
    };
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let mut read = Read {
        file: ConfigFile::default(),
        lines: std::iter::once(0).chain(starts).collect(),
    };
    // The parser shows the line, which may hold what is secret: its words and the place are enough.
    let problem = |error: toml::de::Error, message: &str| {
        let offset = error.span().map_or(0, |span| span.start);
        invalid(read.line_of(offset), message)
    };
    let parsed = Deserializer::parse(&text).map_err(|error| {
        let message = error.message().to_owned();
        problem(error, &message)
    })?;
    let file = ConfigFile::deserialize(parsed).map_err(|error| {
        let message = without_values(error.message());
        problem(error, &message)
    })?;
    if let Some((key, message)) = contradiction(&file) {
        return Err(invalid(line_of_key(&text, key), &message));
    }
    if file.token_command.is_some() && is_anybodys(&about) {
        return Err(Error::ForeignCommand {
            path: path.to_owned(),
        });
    }
    read.file = file;
    Ok(Some(read))
}

/// Whether a file can be changed by another user than this one and root.
fn is_anybodys(about: &Metadata) -> bool {
    #[cfg(unix)]
    let others_may_write = std::os::unix::fs::MetadataExt::mode(about) & 0o002 != 0;
    #[cfg(not(unix))]
    let others_may_write = false;
    others_may_write || is_foreign(about)
}

/// The key of a setting that cannot be meant, and what is wrong with it.
fn contradiction(file: &ConfigFile) -> Option<(&'static str, String)> {
    let scope = &file.sync;
    if scope.all && !(scope.droplets.is_empty() && scope.tags.is_empty()) {
        let message = "`all` already includes every droplet: remove it, or `droplets` and `tags`";
        return Some(("all", message.to_owned()));
    }
    if file.token_file.is_some() && file.token_command.is_some() {
        let message = "`token_file` and `token_command` both say where the token is: remove one";
        return Some(("token_command", message.to_owned()));
    }
    let key = holding_a_token(file)?;
    Some((key, format!("`{key}` holds {MISPLACED}")))
}

/// The first setting that holds a token: no message, and no request, is to repeat it.
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

/// The line, from 1, that a setting stands in.
fn line_of_key(text: &str, key: &str) -> usize {
    let is_its_line = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines()
        .position(is_its_line)
        .map_or(1, |line| line + 1)
}

/// What serde says of the file without what the file says: names of settings and kinds of values are kept.
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
        let kind = found.split(['"', '`']).next().unwrap_or_default();
        let expected = if expected.starts_with("struct ") {
            "a table"
        } else {
            expected
        };
        Some(format!("{problem}{}, expected {expected}", kind.trim_end()))
    };
    value("invalid type: ")
        .or_else(|| value("invalid value: "))
        .unwrap_or_else(|| "its value is not understood".to_owned())
}

/// Whether a key may be a slip of the pen, and no secret that stands in the place of one.
fn looks_like_setting(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || b"_-".contains(&byte);
    (1..=30).contains(&key.len()) && key.bytes().all(is_plain) && !looks_like_token(key)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
