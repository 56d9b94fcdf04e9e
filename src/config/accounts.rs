//! The accounts of the configuration: their names, their settings, and which of them a command is about.
//!
//! An account's keys win over those of the top level, one by one, with two exceptions that belong together: the scope
//! (`droplets`, `tags`, `all`) and the source of the token (`token_file`, `token_command`, `doctl_context`). An account
//! that sets one key of these takes none from the top level. It never takes the `database`, because histories must not
//! mix.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::Config;
use super::error::{ACCOUNTS, Error, MOST_NAMED};
use super::file::{Read, TOKEN};
use super::settings::{Source, Sourced};
use super::token::first_source;
use crate::core::account::{ALL, AccountName, NameError};
use crate::core::files::resolved;
use crate::core::secrets::{looks_like_token, shown_path};
use crate::core::similar::{did_you_mean, listed, nearest};

impl Config {
    /// The account whose settings these are, with those of the top level where it has none of its own. `None` for the top
    /// level itself.
    #[must_use]
    pub fn account(&self) -> Option<AccountName> {
        self.account
    }

    /// The settings of the accounts that a command is about: those of the flags, else of `$ARCHIVER_ACCOUNT`, else of
    /// `default_account`, sorted by name. Without any of them, all accounts, or none where the top level is meant: it
    /// has a `database` or a source of the token, or an archive was asked for (`has_archive`).
    ///
    /// # Errors
    /// When a name is unknown, or two accounts have the same archive.
    pub fn select(&self, by_flag: &[String], has_archive: bool) -> Result<Vec<Self>, Error> {
        let file = self.file();
        let is_top_level = has_archive
            || file.database.is_some()
            || TOKEN.iter().any(|key| self.read.lines.contains_key(*key));
        let names = match self.asked_accounts(by_flag)? {
            Some(Sourced { value, source }) => {
                self.names(&value).map_err(|error| match source {
                    Source::File { .. } => self.invalid("default_account", &error),
                    _ => error,
                })?
            }
            None if is_top_level => BTreeSet::new(),
            None => self.account_names(),
        };
        if !names.is_empty() {
            self.refuse_shared_archives()?;
        }
        let accounts = names.into_iter().filter_map(|name| self.of_account(name));
        Ok(accounts.collect())
    }

    /// The accounts that are asked for, with the source: a list with commas.
    pub(super) fn asked_accounts(
        &self,
        by_flag: &[String],
    ) -> Result<Option<Sourced<String>>, Error> {
        let by_flag = (!by_flag.is_empty()).then(|| by_flag.join(","));
        let by_file = self.file().default_account.as_ref();
        self.given_text(
            ("--account", by_flag),
            "ARCHIVER_ACCOUNT",
            ("default_account", by_file.map(String::as_str)),
        )
    }

    /// The names of all accounts.
    fn account_names(&self) -> BTreeSet<AccountName> {
        let names = self.file().accounts.keys();
        // Reading the file has checked them.
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// The accounts in a list with commas.
    fn names(&self, list: &str) -> Result<BTreeSet<AccountName>, Error> {
        let known = self.account_names();
        if known.is_empty() {
            let place = match self.path.as_os_str().is_empty() {
                true => String::new(),
                false => format!(" in {}", shown_path(&self.path)),
            };
            let message = format!("no account is configured{place}");
            return Err(Error::refused(message, ACCOUNTS));
        }
        let mut names = BTreeSet::new();
        for name in list.split(',').map(str::trim) {
            if name == ALL {
                return Ok(known);
            }
            // A token is not repeated.
            let parsed = match looks_like_token(name) {
                true => return Err(NameError.into()),
                false => name.parse::<AccountName>()?,
            };
            if !known.contains(&parsed) {
                let near = nearest(name, known.iter().map(AccountName::as_str));
                let meant = match near.is_empty() {
                    true => format!("; the accounts are {}", listed(MOST_NAMED, &known)),
                    false => did_you_mean(&near),
                };
                return Err(Error::refused(
                    format!("there is no account `{name}`{meant}"),
                    "`archiver accounts` lists them; `all` means all of them",
                ));
            }
            names.insert(parsed);
        }
        Ok(names)
    }

    /// The settings of the account of this name, if there is one.
    fn of_account(&self, name: AccountName) -> Option<Self> {
        let own = self.file().accounts.get(name.as_str())?;
        Some(Self {
            read: Read {
                file: own.clone(),
                lines: Arc::clone(&self.read.lines),
            },
            account: Some(name),
            environment: self.environment.clone(),
            path: self.path.clone(),
        })
    }

    /// Refuses two accounts with the same archive. Their histories would mix.
    fn refuse_shared_archives(&self) -> Result<(), Error> {
        let mut archives = BTreeMap::new();
        for name in self.account_names() {
            let Some(config) = self.of_account(name) else {
                continue;
            };
            let archive = config.configured_database()?.value;
            let path = resolved(&archive);
            // Two names of one file (hard links) are two paths.
            let file = path.metadata().map(|it| (it.dev(), it.ino()));
            if let Some(other) = archives.insert(file.map_err(|_| path), name) {
                let archive = archive.display();
                let message = format!(
                    "the accounts `{other}` and `{name}` have the same archive: {archive}; give each its own `database`"
                );
                return Err(self.problem_at(&format!("accounts.{name}"), message));
            }
        }
        Ok(())
    }
}

/// The first of these accounts that take their token from one source; fewer than two when none do. Their archives would
/// all have the history of one team.
///
/// # Errors
/// When the path of a file with a token cannot be resolved.
pub fn sharing_a_token(accounts: &[Config]) -> Result<Vec<AccountName>, Error> {
    let mut sources: Vec<(SecretString, Vec<AccountName>)> = Vec::new();
    for config in accounts {
        let Some(source) = first_source(&config.token_sources(None)?) else {
            continue;
        };
        let text = source.expose_secret();
        match sources.iter_mut().find(|it| it.0.expose_secret() == text) {
            Some((_, names)) => names.extend(config.account),
            None => sources.push((source, Vec::from_iter(config.account))),
        }
    }
    let mut groups = sources.into_iter().map(|(_, names)| names);
    Ok(groups.find(|names| names.len() > 1).unwrap_or_default())
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
