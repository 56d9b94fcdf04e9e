//! Explains a command line that cannot be parsed, in plain words and with the flag that was probably meant.
//!
//! clap finds the mistake. But its words are those of a parser ("invalid digit found in string"), and it suggests any
//! flag that shares a few letters. It also takes `-3d` for a flag, so such a value is joined to its flag first.

use std::error::Error;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use archiver::core::model::{COMPLETED, IN_PROGRESS};
use archiver::core::secrets::looks_like_token;
use archiver::core::time::{Timestamp, Zone, parse_period, parse_since};
use archiver::output::Format;
use archiver::query::{groups, nearest};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::exit::Failure;

/// Joins a flag and a value that begins with a minus sign and a digit: `--since -3d` becomes `--since=-3d`. No flag
/// begins with a digit.
pub(super) fn joined(root: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let words = words(&arguments);
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for (position, argument) in arguments.into_iter().enumerate() {
        let before = &words[..position];
        let is_value = is_negative(&words[position])
            && !before.iter().any(|word| word == "--")
            && before
                .split_last()
                .is_some_and(|(flag, before)| takes_value(&commands(root, before), flag));
        match joined.last_mut().filter(|_| is_value) {
            Some(flag) => {
                flag.push("=");
                flag.push(argument);
            }
            None => joined.push(argument),
        }
    }
    joined
}

fn words(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter().map(|word| word.to_string_lossy());
    words.map(std::borrow::Cow::into_owned).collect()
}

fn is_negative(word: &str) -> bool {
    let digits = word.strip_prefix('-');
    digits.is_some_and(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
}

/// The commands that the words name, beginning with the program itself.
fn commands<'a>(root: &'a Command, words: &[String]) -> Vec<&'a Command> {
    let mut path = vec![root];
    let mut is_value = false;
    for word in words.iter().skip(1).take_while(|word| *word != "--") {
        let was_value = std::mem::replace(&mut is_value, takes_value(&path, word));
        let named = path
            .last()
            .and_then(|command| command.find_subcommand(word));
        path.extend(named.filter(|_| !was_value));
    }
    path
}

/// The flags of a command, the global ones included.
fn flags<'a>(path: &[&'a Command]) -> impl Iterator<Item = &'a Arg> {
    let (command, above) = path
        .split_last()
        .map_or((None, path), |(last, above)| (Some(*last), above));
    let global = above.iter().copied().flat_map(Command::get_arguments);
    let own = command.into_iter().flat_map(Command::get_arguments);
    own.chain(global.filter(|flag| flag.is_global_set()))
}

fn takes_value(path: &[&Command], word: &str) -> bool {
    let is_named = |flag: &&Arg| match word.strip_prefix("--") {
        Some(name) => {
            let aliases = flag.get_all_aliases().unwrap_or_default();
            flag.get_long() == Some(name) || aliases.contains(&name)
        }
        None => {
            let mut characters = word.chars();
            let is_short = characters.next() == Some('-');
            let name = characters.next().filter(|_| is_short && word.len() == 2);
            name.is_some() && flag.get_short() == name
        }
    };
    flags(path)
        .find(is_named)
        .is_some_and(|flag| flag.get_action().takes_values())
}

/// The failure for arguments that clap refused.
pub(super) fn failure(
    error: &clap::Error,
    root: &Command,
    arguments: &[OsString],
    now: Timestamp,
) -> Failure {
    let words = words(arguments);
    let path = commands(root, &words);
    let names: Vec<&str> = path.iter().map(|command| command.get_name()).collect();
    let mistake = Mistake {
        error,
        words: &words,
        path: &path,
        command: names.join(" "),
        now,
    };
    if mistake.has_a_token() {
        return Failure::usage(
            "a token does not belong in the command line, where others can see it",
        )
        .with_hint("put it in DIGITALOCEAN_TOKEN, or in a file that `token_file` names");
    }
    mistake.failure()
}

struct Mistake<'a> {
    error: &'a clap::Error,
    words: &'a [String],
    path: &'a [&'a Command],
    /// `archiver query`
    command: String,
    now: Timestamp,
}

impl Mistake<'_> {
    fn has_a_token(&self) -> bool {
        let kinds = [
            ContextKind::InvalidArg,
            ContextKind::InvalidSubcommand,
            ContextKind::InvalidValue,
        ];
        kinds.iter().any(|kind| looks_like_token(&self.part(*kind)))
    }

    fn failure(&self) -> Failure {
        let flag = name(&self.part(ContextKind::InvalidArg));
        let value = self.part(ContextKind::InvalidValue);
        let command = &self.command;
        match self.error.kind() {
            ErrorKind::UnknownArgument => self.unknown_argument(),
            ErrorKind::InvalidSubcommand => self.unknown_command(),
            ErrorKind::InvalidValue if value.is_empty() => {
                self.with_help(format!("{flag} needs a value"))
            }
            ErrorKind::InvalidValue => {
                let valid = self.part(ContextKind::ValidValue);
                Failure::usage(format!("{flag}: `{value}` is not one of {valid}"))
            }
            ErrorKind::ValueValidation => {
                Failure::usage(format!("{flag}: {}", reason(self.error, &value)))
            }
            ErrorKind::MissingRequiredArgument => {
                let usage = self.part(ContextKind::Usage);
                let usage = usage.trim_start_matches("Usage:").trim();
                let missing = self.part(ContextKind::InvalidArg);
                Failure::usage(format!("`{command}` needs {missing}"))
                    .with_hint(format!("{usage}; `{command} --help` explains it"))
            }
            ErrorKind::ArgumentConflict => {
                let other = name(&self.part(ContextKind::PriorArg));
                self.with_help(if other.is_empty() || other == flag {
                    format!("{flag} is given twice")
                } else {
                    format!("{flag} and {other} exclude each other")
                })
            }
            ErrorKind::TooManyValues => self.with_help(format!("{flag} takes no value")),
            _ => {
                let words = self.error.to_string();
                let words = words.lines().next().unwrap_or_default();
                self.with_help(words.trim_start_matches("error: "))
            }
        }
    }

    /// The text of a part of the error; empty when it has no such part.
    fn part(&self, kind: ContextKind) -> String {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(", "),
            Some(ContextValue::StyledStr(text)) => text.to_string(),
            _ => String::new(),
        }
    }

    fn with_help(&self, message: impl Into<String>) -> Failure {
        let hint = format!("`{} --help` shows what it takes", self.command);
        Failure::usage(message).with_hint(hint)
    }

    fn has(&self, long: &str) -> bool {
        flags(self.path).any(|flag| flag.get_long() == Some(long))
    }

    fn unknown_argument(&self) -> Failure {
        let command = &self.command;
        let word = self.part(ContextKind::InvalidArg);
        if is_negative(&word) {
            // clap names only the first letter of `-3d`.
            let mut whole = self.words.iter().filter(|it| it.starts_with(&word));
            return self.stray(whole.next().unwrap_or(&word));
        }
        let Some(flag) = word.strip_prefix('-') else {
            return self.stray(&word);
        };
        let message = format!("`{command}` has no flag `{word}`");
        let flag = flag.trim_start_matches('-');
        let near = match flag.parse::<Format>() {
            Ok(format) if self.has("output") => vec![format!("-o {format}")],
            _ => {
                let visible = flags(self.path).filter(|flag| !flag.is_hide_set());
                let names = visible.flat_map(|flag| {
                    let aliases = flag.get_visible_aliases().unwrap_or_default();
                    flag.get_long().into_iter().chain(aliases)
                });
                let mut near = nearest(flag, names);
                if near.iter().any(|name| name.starts_with(flag)) {
                    near.retain(|name| name.starts_with(flag));
                }
                near.into_iter().map(|name| format!("--{name}")).collect()
            }
        };
        self.with_meant(message, "", &near)
    }

    /// The failure for a word without a flag.
    fn stray(&self, word: &str) -> Failure {
        let message = format!("`{}` takes no argument `{word}`", self.command);
        let next = self.words.iter().skip_while(|it| *it != word).nth(1);
        let meant = meant(word, next, &|long| self.has(long), self.now);
        self.with_meant(message, "", &meant)
    }

    fn unknown_command(&self) -> Failure {
        let word = self.part(ContextKind::InvalidSubcommand);
        let command = self.path.last();
        let is_report = command.is_some_and(|it| it.get_name() == "report");
        let what = if is_report { "report" } else { "command" };
        let message = format!("there is no {what} `{word}`");
        if let Some(query) = command.and_then(|it| it.find_subcommand("query")) {
            let has = |long: &str| {
                let mut flags = query.get_arguments();
                // Any word may be a droplet, and most words here are misspelt commands.
                long != "droplet" && flags.any(|flag| flag.get_long() == Some(long))
            };
            let meant = meant(&word, None, &has, self.now);
            if !meant.is_empty() {
                return self.with_meant(message, "archiver query ", &meant);
            }
        }
        let commands = command.into_iter().flat_map(|it| it.get_subcommands());
        let near = nearest(&word, commands.map(Command::get_name));
        if near.is_empty() && is_report {
            return Failure::usage(message).with_hint("`archiver report` lists the reports");
        }
        self.with_meant(message, &format!("{} ", self.command), &near)
    }

    fn with_meant(&self, message: String, before: &str, meant: &[String]) -> Failure {
        let meant: Vec<_> = meant.iter().map(|it| format!("`{before}{it}`")).collect();
        match meant.as_slice() {
            [] => self.with_help(message),
            meant => {
                Failure::usage(message).with_hint(format!("did you mean {}?", meant.join(" or ")))
            }
        }
    }
}

/// `--limit` for `--limit <N>`, `ID` for `<ID>`.
fn name(argument: &str) -> String {
    let first = argument.split(' ').next().unwrap_or_default();
    first
        .trim_start_matches(['<', '['])
        .trim_end_matches(['>', ']', '.'])
        .to_owned()
}

/// The reason why a value is refused, in plain words.
fn reason(error: &clap::Error, value: &str) -> String {
    let Some(source) = error.source() else {
        return format!("`{value}` is not valid");
    };
    let Some(error) = source.downcast_ref::<ParseIntError>() else {
        return source.to_string();
    };
    match error.kind() {
        IntErrorKind::Zero => "0 is too small: 1 or more is needed".to_owned(),
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
            format!("`{value}` is too large a number")
        }
        _ if is_negative(value) => format!("`{value}` is negative"),
        _ => format!("`{value}` is not a whole number"),
    }
}

const STATUSES: [&str; 3] = [COMPLETED, "errored", IN_PROGRESS];
const RESOURCE_TYPES: [&str; 4] = ["volume", "image", "floating_ip", "reserved_ip"];
/// The places of DigitalOcean's regions, each of which is numbered: `nyc3`.
const PLACES: [&str; 11] = [
    "ams", "atl", "blr", "fra", "lon", "nyc", "ric", "sfo", "sgp", "syd", "tor",
];

/// The flags that a word without a flag was probably meant for, each with the word: `--type reboot`.
fn meant(
    word: &str,
    next: Option<&String>,
    has: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Vec<String> {
    if has(word) {
        let value = next.map(|next| format!(" {}", quoted(next)));
        return vec![format!("--{word}{}", value.unwrap_or_default())];
    }
    if word.parse::<Format>().is_ok() && has("output") {
        return vec![format!("-o {word}")];
    }
    let zone = Zone::utc();
    let mut types = groups().iter().flat_map(|group| group.types);
    let is_type = word.starts_with('@') || word == "create" || types.any(|it| *it == word);
    let is_region = word.len() == 4
        && PLACES.iter().any(|place| word.starts_with(place))
        && word.ends_with(|last: char| last.is_ascii_digit());
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let guesses = [
        ("type", is_type),
        ("status", STATUSES.contains(&word)),
        ("region", is_region),
        ("resource-type", RESOURCE_TYPES.contains(&word)),
        ("during", parse_period(word, now, &zone).is_ok()),
        ("since", parse_since(word, now, &zone).is_ok()),
    ];
    let sure = guesses.iter().find(|(flag, is_it)| *is_it && has(flag));
    let flags = match sure {
        Some((flag, _)) => vec![*flag],
        None if is_number => vec!["droplet", "id"],
        // A sync has tags too, and no filters.
        None if has("type") => vec!["droplet"],
        None => vec!["droplet", "tag"],
    };
    let flags = flags.into_iter().filter(|flag| has(flag));
    flags
        .map(|flag| format!("--{flag} {}", quoted(word)))
        .collect()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "_-./:@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
