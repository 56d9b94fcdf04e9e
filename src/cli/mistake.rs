//! Explains a command line that cannot be parsed, in plain words and with the flag that was probably meant.
//!
//! clap finds the mistake. But its words are those of a parser ("invalid digit found in string"), and it suggests any
//! flag that shares a few letters. It also takes `-3d` for a flag, so such a value is joined to its flag first.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use archiver::core::secrets::looks_like_token;
use archiver::output::Format;
use archiver::query::nearest;
use archiver::query::report::Library;
use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ErrorKind};

use super::exit::Failure;
use super::grammar::{commands, find, flags, flags_of, quoted, synonym, takes_value};
use super::help;

/// Joins a flag and a value that begins with a minus sign and a digit: `--since -3d` becomes `--since=-3d`. No flag
/// begins with a digit. Joins `--sort -size` too, which other programs take for the opposite order.
pub(super) fn joined(root: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let words = words(&arguments);
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for (position, argument) in arguments.into_iter().enumerate() {
        match joined.last_mut() {
            Some(flag) if is_signed_value(root, &words[..=position]) => {
                flag.push("=");
                flag.push(argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}

/// True when the last word begins with a minus sign, and is the value of the flag before it.
fn is_signed_value(root: &Command, words: &[String]) -> bool {
    let [before @ .., flag, word] = words else {
        return false;
    };
    let is_order = flag == "--sort" && word.starts_with('-') && !word.starts_with("--");
    // Few words get as far as the search for the command, which looks at all words before.
    if !is_negative(word) && !is_order || before.iter().any(|word| word == "--") {
        return false;
    }
    let path = commands(root, before);
    takes_value(&path, flag) && (is_negative(word) || find(&path, word).is_none())
}

fn words(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

fn is_negative(word: &str) -> bool {
    let digits = word.strip_prefix('-');
    digits.is_some_and(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
}

/// The help of the command that needs another one after it, in short: usage and commands.
pub(super) fn without_command(root: &Command, arguments: &[OsString], width: usize) -> StyledStr {
    match commands(root, &words(arguments)).as_slice() {
        [.., command] if command.get_name() != root.get_name() => (*command).clone().render_help(),
        _ => help::short(root, width),
    }
}

/// The failure for arguments that clap refused.
pub(super) fn failure(
    error: &clap::Error,
    root: &Command,
    arguments: &[OsString],
    library: &Library,
) -> Failure {
    let mut parts = error.context();
    if parts.any(|(_, part)| looks_like_token(&part.to_string())) {
        let message = "a token does not belong in the command line, where others can see it";
        return Failure::usage(message)
            .with_hint("put it in DIGITALOCEAN_TOKEN, or in a file that `token_file` names");
    }
    let words = words(arguments);
    let path = commands(root, &words);
    let names: Vec<&str> = path.iter().map(|command| command.get_name()).collect();
    let mistake = Mistake {
        error,
        words: &words,
        path: &path,
        command: path.last().copied().unwrap_or(root),
        written: names.join(" "),
        library,
    };
    mistake.failure()
}

struct Mistake<'a> {
    error: &'a clap::Error,
    words: &'a [String],
    path: &'a [&'a Command],
    /// The last command of the path.
    command: &'a Command,
    /// `archiver query`
    written: String,
    library: &'a Library,
}

impl Mistake<'_> {
    fn failure(&self) -> Failure {
        let flag = name(&self.part(ContextKind::InvalidArg));
        let value = self.part(ContextKind::InvalidValue);
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
            ErrorKind::ValueValidation => self.invalid_value(&flag, &value),
            ErrorKind::MissingRequiredArgument => {
                let missing = self.part(ContextKind::InvalidArg);
                self.with_help(format!("`{}` needs {missing}", self.written))
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
        let part = self.error.get(kind);
        part.map(ToString::to_string).unwrap_or_default()
    }

    fn with_help(&self, message: impl Into<String>) -> Failure {
        let hint = format!("`{} --help` shows what it takes", self.written);
        Failure::usage(message).with_hint(hint)
    }

    fn has(&self, long: &str) -> bool {
        flags(self.path).any(|flag| flag.get_long() == Some(long))
    }

    fn unknown_argument(&self) -> Failure {
        let word = self.part(ContextKind::InvalidArg);
        if is_negative(&word) || !word.starts_with('-') {
            // clap names only the first letter of `-3d`.
            let mut words = self.words.iter().filter(|_| is_negative(&word));
            let whole = words.find(|it| it.starts_with(&word));
            return self.stray(whole.unwrap_or(&word));
        }
        let message = format!("`{}` has no flag `{word}`", self.written);
        self.with_meant(message, "", &self.near_flags(&word))
    }

    /// The flags that were probably meant by an unknown one: the same under its name here, that of another command, or
    /// one with a similar name.
    fn near_flags(&self, word: &str) -> Vec<String> {
        let name = word.trim_start_matches('-');
        if let Ok(format) = name.parse::<Format>()
            && self.has("output")
        {
            return vec![format!("-o {format}")];
        }
        if let Some(flag) = synonym(word, |flag| self.has(flag)) {
            return vec![self.with_value(word, flag)];
        }
        if let Some(below) = self.below(name) {
            return vec![below];
        }
        let visible = flags(self.path).filter(|flag| !flag.is_hide_set());
        let names = visible.flat_map(|flag| {
            let aliases = flag.get_visible_aliases().unwrap_or_default();
            flag.get_long().into_iter().chain(aliases)
        });
        let long = |flag: &str| format!("--{flag}");
        if name.chars().count() == 1 {
            // A global flag is one of the command and one of the program.
            let mut seen = BTreeSet::new();
            let beginning = names.filter(|flag| flag.starts_with(name) && seen.insert(*flag));
            return beginning.take(2).map(long).collect();
        }
        let mut near = nearest(name, names);
        if near.iter().any(|flag| flag.starts_with(name)) {
            near.retain(|flag| flag.starts_with(name));
        }
        near.iter().map(|flag| long(flag)).collect()
    }

    /// A flag with the value that was written after the unknown one: `--until 2026` for `--to 2026`.
    fn with_value(&self, written: &str, flag: &str) -> String {
        let mut words = self.words.iter().skip_while(|it| !it.starts_with(written));
        let joined = words
            .next()
            .and_then(|word| word.strip_prefix(written)?.strip_prefix('='));
        let next = words.next().map(String::as_str);
        let value = joined.or(next).filter(|value| !value.starts_with('-'));
        let value = value.filter(|_| takes_value(self.path, flag));
        match value {
            Some(value) if flag != "--output" => format!("{flag} {}", quoted(value)),
            Some(value) if value.parse::<Format>().is_ok() => format!("-o {value}"),
            _ => flag.to_owned(),
        }
    }

    /// The flag after the command that has it: `archiver query --type`, `archiver report NAME --sort`.
    fn below(&self, name: &str) -> Option<String> {
        let query = self.command.find_subcommand("query").into_iter();
        let mut commands = query.chain(self.command.get_subcommands());
        let command = commands.find(|command| {
            let mut flags = command.get_arguments();
            flags.any(|flag| flag.get_long() == Some(name))
        })?;
        let command = match self.is_report() {
            true => "NAME",
            false => command.get_name(),
        };
        Some(format!("{} {command} --{name}", self.written))
    }

    fn is_report(&self) -> bool {
        self.written == "archiver report"
    }

    fn invalid_value(&self, flag: &str, value: &str) -> Failure {
        let failure = Failure::usage(format!("{flag}: {}", reason(self.error, value)));
        let is_name = value.starts_with(char::is_alphabetic);
        let meant = match value.strip_prefix('-') {
            // Other columns are refused later.
            None if flag == "--columns" => format!("-o {value}"),
            Some(key) if flag == "--sort" => format!("--sort {} --reverse", quoted(key)),
            None if self.written == "archiver show" && flag == "ID" && is_name => {
                format!("archiver timeline {}", quoted(value))
            }
            _ => return failure,
        };
        failure.with_hint(format!("did you mean `{meant}`?"))
    }

    /// The failure for a word without a flag.
    fn stray(&self, word: &str) -> Failure {
        let message = format!("`{}` takes no argument `{word}`", self.written);
        let next = self.words.iter().skip_while(|it| *it != word).nth(1);
        let meant = flags_of(word, next, &|long| self.has(long));
        self.with_meant(message, "", &meant)
    }

    fn unknown_command(&self) -> Failure {
        let word = self.part(ContextKind::InvalidSubcommand);
        let is_report = self.is_report();
        let what = if is_report { "report" } else { "command" };
        let message = format!("there is no {what} `{word}`");
        let near = self.near_commands(&word);
        self.with_meant(message, &format!("{} ", self.written), &near)
    }

    /// The words that were probably meant by an unknown command: a flag, the command under its name here, a report, a
    /// question about the word, or a similar name.
    fn near_commands(&self, word: &str) -> Vec<String> {
        let command = self.command;
        if self.has(word) {
            return vec![format!("--{word}")];
        }
        let query = command.find_subcommand("query");
        let reports = self.library.reports.iter().filter(|_| query.is_some());
        let reports: Vec<&str> = reports.map(|report| &*report.name).collect();
        if reports.contains(&word) {
            return vec![format!("report {word}")];
        }
        let has = |name: &str| command.find_subcommand(name).is_some();
        if let Some(meant) = synonym(word, has) {
            return vec![meant.to_owned()];
        }
        if let Some(query) = query {
            let has = |long: &str| {
                let mut flags = query.get_arguments();
                // Any word may be a droplet, and most words here are misspelt commands.
                long != "droplet" && flags.any(|flag| flag.get_long() == Some(long))
            };
            let meant = flags_of(word, None, &has);
            if !meant.is_empty() {
                return meant.iter().map(|it| format!("query {it}")).collect();
            }
        }
        let names = command.get_subcommands().map(Command::get_name);
        let mut near = nearest(word, names);
        let reports = nearest(word, reports.into_iter()).into_iter();
        near.extend(reports.map(|report| format!("report {report}")));
        near
    }

    fn with_meant(&self, message: String, before: &str, meant: &[String]) -> Failure {
        if meant.is_empty() {
            return self.with_help(message);
        }
        let meant: Vec<_> = meant.iter().map(|it| format!("`{before}{it}`")).collect();
        Failure::usage(message).with_hint(format!("did you mean {}?", meant.join(" or ")))
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
