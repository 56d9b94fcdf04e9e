//! The values that a flag or an argument takes, by the name that its help gives them.

use std::any::TypeId;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use archiver::archive::{self, LockWait};
use archiver::config::{self, Config, Environment};
use archiver::core::cancellation::Cancellation;
use archiver::output::Format;
use archiver::query::known::{self, Known};
use archiver::query::report::{self, Library};
use archiver::query::stats::{self, Dimension};
use archiver::query::{Column, GROUPS, Last, RESOURCE_TYPES, STATUSES, timeline};
use clap::{Arg, Command};
use rusqlite::Connection;

use crate::cli::grammar::{path_of, takes_value};
use crate::cli::{accounts, config as config_command, droplets, report as reports, report_digest};

/// Stands for the names of files, which the shell knows itself.
pub(super) const FILES: &str = ":files";

/// A text that a word may become.
pub(super) fn of(value: impl Into<String>, about: Option<&impl ToString>) -> Known {
    Known {
        value: value.into(),
        about: about.map(ToString::to_string).unwrap_or_default(),
    }
}

/// The place in a command line after some words.
pub(super) struct Place<'a> {
    pub(super) path: &'a [&'a Command],
    pub(super) before: &'a [String],
    pub(super) environment: &'a Environment,
    pub(super) library: &'a Library,
}

/// The longest time for all archives together. They usually need a few milliseconds, and more on a busy machine; a person
/// does not wait longer for a completion.
const LONGEST: Duration = Duration::from_millis(300);
const LONGEST_LOCK: Duration = Duration::from_millis(5);

impl Place<'_> {
    /// The number of words after the commands that are no flags.
    pub(super) fn given(&self) -> usize {
        let words = self.before.iter().filter(|word| !word.starts_with('-'));
        let values = (self.before.iter()).filter(|word| takes_value(self.path, word));
        words
            .count()
            .saturating_sub(values.count() + self.path.len())
    }

    /// The argument without a flag that stands here: the next one, or the last one, if it takes several values.
    pub(super) fn positional(&self) -> Option<&Arg> {
        let command = self.path.last()?;
        let several = |it: &&Arg| it.get_num_args().is_some_and(|it| it.max_values() > 1);
        let all = command.get_positionals().filter(|it| !it.is_hide_set());
        let all: Vec<_> = all.collect();
        let next = all.get(self.given()).copied();
        next.or_else(|| all.last().copied().filter(several))
    }

    /// The values of `argument`, each behind `lead` and the values that `written` has already.
    pub(super) fn values(&self, argument: &Arg, lead: &str, written: &str) -> Vec<Known> {
        if argument.get_value_parser().type_id() == TypeId::of::<PathBuf>() {
            return all(&[FILES]);
        }
        let names = argument.get_value_names().unwrap_or_default();
        let name = names.first().map_or("", |name| name.as_str());
        let is_list =
            argument.get_value_delimiter().is_some() || ["ID|NAME", "TYPE"].contains(&name);
        let comma = written.rfind(',').filter(|_| is_list);
        let start = comma.map_or(0, |comma| comma + 1);
        let negated = usize::from(is_list && written[start..].starts_with('!'));
        let (kept, beginning) = written.split_at(start + negated);
        let long = argument.get_long().unwrap_or_default();
        let possible = argument.get_possible_values();
        let values = possible.iter().map(|it| of(it.get_name(), it.get_help()));
        let known = match possible.is_empty() {
            true => self.known((name, long), beginning),
            false => values.collect(),
        };
        let known = known.into_iter().map(|known| Known {
            value: format!("{lead}{kept}{}", known.value),
            ..known
        });
        known.collect()
    }

    /// The values of an argument that its help calls `name`.
    fn known(&self, (name, long): (&str, &str), beginning: &str) -> Vec<Known> {
        let archived = |find: fn(Option<&Connection>, &str) -> Vec<Known>| {
            self.archived(|archive| find(archive, beginning))
        };
        match (name, long) {
            ("ID|NAME" | "DROPLET", _) => archived(known::droplets),
            ("TYPE", "resource-type") => all(&RESOURCE_TYPES),
            ("TYPE", _) => {
                let groups = GROUPS.iter();
                let groups = groups.map(|group| of(group.to_string(), Some(&group.description)));
                let mut types = self.archived(known::types);
                types.extend(groups);
                types
            }
            ("TAG", _) => archived(known::tags),
            ("SLUG", _) => self.archived(known::regions),
            ("ID", _) => archived(known::actions),
            ("NAME", "account") => {
                let config = self.config().ok();
                let accounts = config
                    .iter()
                    .flat_map(|config| config.file().accounts.keys());
                let names = accounts.map(String::as_str).chain(["all"]);
                all(&names.collect::<Vec<_>>())
            }
            ("STATUS", _) => all(&STATUSES),
            ("STATE", _) => all(&droplets::STATES),
            ("TIME|SYNC", _) => all(&["last-sync", "last-news"]),
            ("WHAT", "by") => all(&Dimension::ALL.map(Dimension::name)),
            ("PERIOD", "by") => all(&["month", "week", "day", "all"]),
            ("KEY", "sort") => all(&Column::KEYS.map(Column::key)),
            ("COLUMN", _) => self.columns(),
            ("FORMAT", "output") => all(&Format::ALL.map(|it| it.to_string())),
            _ => Vec::new(),
        }
    }

    /// The columns of the command.
    fn columns(&self) -> Vec<Known> {
        let names: Vec<&str> = self.path.iter().map(|command| command.get_name()).collect();
        match names.get(1..).unwrap_or_default() {
            ["query"] => all(&Column::ALL.map(Column::name)),
            ["last"] => all(&Last::columns()),
            ["accounts"] => all(&accounts::COLUMNS),
            ["config", "show"] => all(&config_command::COLUMNS[1..]),
            ["droplets"] => all(&droplets::COLUMNS.map(|(name, _)| name)),
            ["timeline"] => all(&timeline::COLUMNS),
            ["stats"] => all(&stats::column_names()),
            ["report"] if self.before.iter().any(|word| word == "--all") => {
                all(&report_digest::COLUMNS)
            }
            ["report"] => all(&reports::COLUMNS),
            ["report", name] => {
                let report = self.library.get(name).ok();
                let archive = self.archives().into_iter().next();
                let names = report.zip(archive);
                let names = names.map(|(report, archive)| report::column_names(&archive, report));
                all(&names.unwrap_or_default())
            }
            _ => Vec::new(),
        }
    }

    /// The values in the archives that the command line names, each once.
    fn archived(&self, find: impl Fn(Option<&Connection>) -> Vec<Known>) -> Vec<Known> {
        let archives = self.archives();
        if archives.is_empty() {
            return find(None);
        }
        let mut seen = HashSet::new();
        let found = archives.iter().flat_map(|archive| find(Some(archive)));
        found
            .filter(|known| seen.insert(known.value.clone()))
            .collect()
    }

    /// The archives that the command line names, if they can be read at once.
    fn archives(&self) -> Vec<Connection> {
        let started = Instant::now();
        let lock_wait = LockWait::new(&Cancellation::never()).up_to(LONGEST_LOCK);
        let open = |path: PathBuf| {
            let mut connection = archive::open_read_only_unless(&path, &lock_wait).ok()?;
            archive::end_when(&mut connection, move || started.elapsed() > LONGEST).ok()?;
            Some(connection)
        };
        let paths = self.paths().unwrap_or_default().into_iter();
        let in_time = paths.take_while(|_| started.elapsed() < LONGEST);
        in_time.filter_map(open).collect()
    }

    fn paths(&self) -> Result<Vec<PathBuf>, config::Error> {
        let config = self.config()?;
        let db = path_of(self.before, "--db");
        let names = path_of(self.before, "--account");
        let names: Vec<_> = names.iter().map(|it| it.display().to_string()).collect();
        let has_archive = db.is_some() || self.environment.path("ARCHIVER_DB").is_some();
        let accounts = config.select(&names, has_archive)?;
        let path = |config: &Config| Ok(config.database(db.as_deref())?.value);
        match accounts.as_slice() {
            [] => Ok(vec![path(&config)?]),
            accounts => accounts.iter().map(path).collect(),
        }
    }

    fn config(&self) -> Result<Config, config::Error> {
        let flag = path_of(self.before, "--config");
        Config::load(flag.as_deref(), self.environment.clone())
    }
}

fn all(values: &[impl AsRef<str>]) -> Vec<Known> {
    let values = values.iter();
    values
        .map(|value| of(value.as_ref(), None::<&String>))
        .collect()
}
