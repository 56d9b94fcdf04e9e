//! The commented configuration that `archiver config init` writes.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::path::Path;

use super::error::Error;
use super::file;
use crate::core::files::folder_of;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, with those of its tables: `sync.recheck`.
    pub key: &'static str,
    /// A value in TOML.
    pub example: &'static str,
    /// True when the example is also the value of a key that is not set.
    is_default: bool,
    /// Its meaning, in one line.
    pub about: &'static str,
}

const fn example(key: &'static str, example: &'static str, about: &'static str) -> Key {
    let is_default = false;
    Key {
        key,
        example,
        is_default,
        about,
    }
}

const fn default(key: &'static str, example: &'static str, about: &'static str) -> Key {
    let is_default = true;
    Key {
        key,
        example,
        is_default,
        about,
    }
}

/// Every key that can be at the top level of the file and in its tables, but the tables of accounts.
pub const KEYS: [Key; 22] = [
    example(
        "database",
        "\"~/.local/share/archiver/archive.db\"",
        "the archive, relative to this file; --db and $ARCHIVER_DB win over it",
    ),
    example(
        "api_url",
        "\"https://api.digitalocean.com\"",
        "the API; --api-url and $DIGITALOCEAN_API_URL win over it",
    ),
    example(
        "token_file",
        "\"token\"",
        "a file with the token, readable by you alone; relative to this file",
    ),
    example(
        "token_command",
        "\"pass show digitalocean\"",
        "a command that prints the token, instead of token_file",
    ),
    example(
        "doctl_context",
        "\"work\"",
        "the context of doctl whose token is used if there is no other",
    ),
    example(
        "default_account",
        "\"all\"",
        "the accounts that are meant without --account; see the end",
    ),
    example(
        "sync.droplets",
        "[3164444, 3164445]",
        "archive these droplets, by id",
    ),
    example(
        "sync.tags",
        "[\"production\"]",
        "archive the droplets that have one of these tags",
    ),
    default("sync.all", "true", "archive the whole account"),
    default(
        "sync.recheck",
        "\"1d\"",
        "each droplet's own listing is read again within this time",
    ),
    default(
        "sync.audit",
        "\"1h\"",
        "the time between two audits of an archived page, or \"off\"",
    ),
    example(
        "schedule.cron",
        "\"*/15 * * * *\"",
        "when the daemon syncs; --cron wins over it",
    ),
    default(
        "schedule.timezone",
        "\"UTC\"",
        "the time zone of the schedule; --timezone wins over it",
    ),
    example(
        "schedule.jitter",
        "\"2m\"",
        "the longest random delay of a sync; --jitter wins over it",
    ),
    default("limits.requests_per_minute", "250", "the API allows 250"),
    default("limits.requests_per_hour", "5000", "the API allows 5,000"),
    default(
        "limits.reserve",
        "0",
        "requests of the hour that are left to the token's other users",
    ),
    default("limits.concurrency", "4", "pages under way at once"),
    example(
        "monitoring.listen",
        "\"127.0.0.1:9184\"",
        "where the daemon serves metrics and pages; --listen wins over it",
    ),
    example(
        "monitoring.max_age",
        "\"1h\"",
        "the daemon is ready while the last complete sync began within this time",
    ),
    example(
        "monitoring.metrics_file",
        "\"archiver.prom\"",
        "metrics for node_exporter's textfile collector",
    ),
    example(
        "monitoring.ping_url",
        "\"https://hc-ping.com/...\"",
        "the check that each sync pings; better in $ARCHIVER_PING_URL",
    ),
];

const HEAD: &str = "\
# The configuration of archiver. Every key is optional, and one behind a # is not in force. `archiver config show`
# prints the values in force. The token itself does not belong here: use DIGITALOCEAN_TOKEN, `token_file` or
# `token_command`.
";
const TAIL: &str = "
# Several accounts have an archive each, and the same keys and tables: [accounts.work], [accounts.work.sync] ...
# [accounts.work]
# token_file = \"work.token\"
";

impl Key {
    /// The value of a key that is not set, as it is shown.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        self.is_default
            .then(|| self.example.trim_matches('"').to_owned())
    }
}

/// The text of a configuration in which `set` has the keys that are in force, each with its value in TOML.
///
/// # Errors
/// When a value is invalid.
pub fn text(set: &[(&str, String)], path: &Path) -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    let mut table = "";
    for Key {
        key,
        example,
        about,
        ..
    } in KEYS
    {
        let (of, name) = key.split_once('.').unwrap_or(("", key));
        if of != table {
            table = of;
            text.push_str(&format!("\n[{table}]"));
        }
        let given = set.iter().find(|(set, _)| *set == key);
        let line = match given {
            Some((_, value)) => format!("{name} = {value}"),
            None => format!("# {name} = {example}"),
        };
        text.push_str(&format!("\n# {name}: {about}\n{line}\n"));
    }
    text.push_str(TAIL);
    file::parse(&text, path)?;
    Ok(text)
}

/// A text in TOML.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Writes a new configuration that only its owner can read. Its folder is made if it is missing.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable {
        path: path.to_owned(),
        source,
    };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::ConfigExists {
            path: path.to_owned(),
        },
        _ => unwritable(source),
    };
    let mut folder = DirBuilder::new();
    let mut options = File::options();
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    folder
        .recursive(true)
        .create(folder_of(path))
        .map_err(unwritable)?;
    let mut file = options
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        // Half a configuration would be in force.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::super::ConfigFile;
    use super::*;

    /// The keys of a table, with the names of the tables above it.
    fn keys(table: &serde_json::Value, above: &str) -> Vec<String> {
        let entries = table.as_object().unwrap().iter();
        let below = entries.flat_map(|(name, value)| match value.is_object() {
            true => keys(value, &format!("{above}{name}.")),
            false => vec![format!("{above}{name}")],
        });
        below.collect()
    }

    #[test]
    fn every_key_of_the_file_is_explained_and_no_other() {
        let mut known = keys(&serde_json::to_value(ConfigFile::default()).unwrap(), "");
        let mut explained: Vec<_> = KEYS.iter().map(|key| key.key.to_owned()).collect();
        known.sort();
        explained.sort();
        assert_eq!(explained, known);
    }

    #[test]
    fn a_new_configuration_changes_nothing_and_each_of_its_keys_can_be_uncommented() {
        let path = Path::new("config.toml");
        let plain = text(&[], path).unwrap();
        let as_without = file::parse(&plain, path).unwrap().file;
        assert_eq!(
            format!("{as_without:?}"),
            format!("{:?}", ConfigFile::default())
        );
        for key in KEYS {
            let name = key.key.rsplit('.').next().unwrap();
            let commented = format!("\n# {name} = {}\n", key.example);
            assert_eq!(plain.matches(&commented).count(), 1, "{name}");
            let uncommented = plain.replace(&commented, &commented.replace("# ", ""));
            let read = file::parse(&uncommented, path).unwrap();
            assert_eq!(
                read.line_of_key(key.key),
                uncommented
                    .lines()
                    .position(|line| line.starts_with(&format!("{name} =")))
                    .map(|line| line + 1)
            );
            assert_eq!(
                text(&[(key.key, key.example.to_owned())], path).unwrap(),
                uncommented
            );
        }
    }

    #[test]
    fn a_file_in_the_place_of_its_folder_is_no_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let below = path.join("config.toml");
        let error = create(&below, "").unwrap_err();
        assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    }

    #[test]
    fn an_answer_that_is_no_value_or_a_token_is_refused() {
        for value in ["x", "[", "\"dop_v1_canary\""] {
            let error = text(&[("database", value.to_owned())], Path::new("c.toml")).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert_eq!(quoted("a\"b"), "'a\"b'");
    }
}
