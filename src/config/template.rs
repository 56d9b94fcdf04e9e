//! The commented configuration that `archiver config init` writes.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::path::Path;

use super::error::{CHECK_FILE, Error};
use super::file;
use crate::core::files::folder_of;
use crate::core::secrets::shown_path;

const TEMPLATE: &str = include_str!("template.toml");

/// The keys whose example is also the value of a key that is not set.
const DEFAULTS: [&str; 8] = [
    "sync.all",
    "sync.recheck",
    "sync.audit",
    "schedule.timezone",
    "limits.requests_per_minute",
    "limits.requests_per_hour",
    "limits.reserve",
    "limits.concurrency",
];

/// The lines of the template, each with the key and the example that it has. A key has the names of its tables.
fn lines() -> impl Iterator<Item = (&'static str, Option<(String, &'static str)>)> {
    let mut table = String::new();
    TEMPLATE.lines().map(move |line| {
        let text = line.trim_start_matches("# ");
        if let Some(name) = text.strip_prefix('[') {
            table = name.replace(']', ".");
        }
        let key = text.split_once(" = ");
        let key = key.map(|(name, example)| (format!("{table}{name}"), example));
        (line, key)
    })
}

/// Every key that can be at the top level of the file and in its tables, but the tables of accounts; with the value of
/// a key that is not set, as it is shown.
pub(super) fn keys() -> impl Iterator<Item = (String, Option<String>)> {
    let keys = lines().filter_map(|(_, key)| key);
    let keys = keys.filter(|(key, _)| !key.starts_with("accounts."));
    keys.map(|(key, example)| {
        let is_default = DEFAULTS.contains(&key.as_str());
        let default = is_default.then(|| example.trim_matches('"').to_owned());
        (key, default)
    })
}

/// The text of a configuration in which `set` has the keys that are in force, each with its value in TOML.
///
/// # Errors
/// When a value is invalid.
pub fn text(set: &[(&str, String)], path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    for (line, key) in lines() {
        let given = key.and_then(|(key, _)| set.iter().find(|(set, _)| *set == key));
        match given {
            Some((key, value)) => {
                let name = key.rsplit('.').next().unwrap_or(key);
                text.push_str(&format!("{name} = {value}\n"));
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    file::parse(&text, path)?;
    Ok(text)
}

/// A text in TOML.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The error for a configuration that exists already.
#[must_use]
pub fn exists(path: &Path) -> Error {
    Error::refused(
        format!("there is a configuration at {} already", shown_path(path)),
        "`archiver config show` prints the values in force; --config FILE makes another one",
    )
}

/// Writes a new configuration that only its owner can read. Its folder is made if it is missing.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: io::Error| {
        let message = format!("cannot write {}: {error}", shown_path(path));
        Error::refused(message, CHECK_FILE)
    };
    let mut folder = DirBuilder::new();
    let mut options = File::options();
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = folder.recursive(true).create(folder_of(path));
    made.map_err(failed)?;
    let file = options.write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => failed(error),
    })?;
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
        let mut explained: Vec<_> = super::keys().map(|(key, _)| key).collect();
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
        for (key, example) in lines().filter_map(|(_, key)| key) {
            if key.starts_with("accounts.") {
                continue;
            }
            let name = key.rsplit('.').next().unwrap();
            let commented = format!("\n# {name} = {example}\n");
            assert_eq!(plain.matches(&commented).count(), 1, "{name}");
            let uncommented = plain.replace(&commented, &commented.replace("# ", ""));
            let read = file::parse(&uncommented, path).unwrap();
            assert_eq!(
                read.lines.get(&key).copied(),
                uncommented
                    .lines()
                    .position(|line| line.starts_with(&format!("{name} =")))
                    .map(|line| line + 1)
            );
            assert_eq!(
                text(&[(&key, example.to_owned())], path).unwrap(),
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
        let error = create(&below, "").unwrap_err().to_string();
        assert!(error.starts_with("cannot write "), "{error}");
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
