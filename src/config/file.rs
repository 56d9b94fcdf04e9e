//! The configuration file: TOML, every key optional, unknown keys refused.

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::Error;
use super::token_command::TokenCommand;
use crate::model::DropletId;

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
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
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
    // The parser's own message quotes the line, which may hold what is secret: its place is enough.
    read.file = toml::from_str(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        invalid(read.line_of(offset), error.message())
    })?;
    let scope = &read.file.sync;
    if scope.all && !(scope.droplets.is_empty() && scope.tags.is_empty()) {
        let line = text
            .lines()
            .position(|line| line.trim_start().starts_with("all"))
            .map_or(1, |line| line + 1);
        return Err(invalid(
            line,
            "`all` already includes every droplet: remove it, or `droplets` and `tags`",
        ));
    }
    Ok(Some(read))
}
