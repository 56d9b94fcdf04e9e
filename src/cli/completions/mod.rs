//! `archiver completions`: prints the script that completes command lines in a shell, and answers that script.
//!
//! The script hands the words of the command line back to this command, which knows the flags from clap's description
//! of the command line, and the values from the archive. Nothing is printed but candidates: a shell that waits for them
//! has no use for an error. No token is read.

mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::{mem, slice};

use archiver::config::Environment;
use archiver::output::visible;
use archiver::query::known::Known;
use clap::{Arg, Command, CommandFactory};

use super::exit::{Failure, Status, unless_closed};
use super::grammar::{commands, find, flags, quoted, takes_value};
use super::help::HELP_OF_A_COMMAND;
use super::report;
use values::{FILES, Place, of};

/// Flags of `archiver completions`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// bash, zsh or fish
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    shell: Shell,
    /// The words of a command line that ends where it is to be completed
    #[arg(value_name = "WORD", last = true, hide = true)]
    words: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  source <(archiver completions bash)
  source <(archiver completions zsh)
  archiver completions fish | source

Write the line for your shell into ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish. Droplets, types, \
tags and other values come from the archive that the command line names.";

/// A shell with completions.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<Status, Failure> {
    let text = match (arguments.words.as_slice(), arguments.shell) {
        ([], Shell::Bash) => include_str!("archiver.bash").to_owned(),
        ([], Shell::Zsh) => include_str!("archiver.zsh").to_owned(),
        ([], Shell::Fish) => include_str!("archiver.fish").to_owned(),
        (words, shell) => shell.answer(words, environment),
    };
    unless_closed(io::stdout().lock().write_all(text.as_bytes()))
}

impl Shell {
    /// A line for each candidate, as the script of this shell takes it.
    fn answer(self, words: &[OsString], environment: &Environment) -> String {
        let texts = words.iter().map(|word| word.to_string_lossy().into_owned());
        let texts: Vec<String> = texts.collect();
        let (words, replaced) = match (self, texts.as_slice()) {
            (Self::Bash, [replaced, line]) => (words_of(line), replaced.as_str()),
            _ => (texts, ""),
        };
        let Some((word, before)) = words.split_last() else {
            return String::new();
        };
        // fish passes the quotation that is still open.
        let word = word.trim_start_matches(['\'', '"']);
        let candidates = candidates(before, word, environment);
        if let [Known { value, .. }] = candidates.as_slice()
            && value == FILES
        {
            return format!("{FILES}\n");
        }
        // The part of the word that bash keeps.
        let kept = word.strip_suffix(&unescaped(replaced));
        let kept = kept.filter(|_| self == Self::Bash).map_or(0, str::len);
        let fitting = candidates.iter().filter(|it| it.value.starts_with(word));
        // A shell would act on other texts, and they come from the network. A `!` is the user's own.
        let harmless = fitting.filter(|it| {
            let text = it.value.replace('!', "");
            quoted(&text) == text && !it.value[word.len()..].contains('!')
        });
        let lines: String = harmless
            .map(|candidate| self.line(candidate, kept))
            .collect();
        match unescaped(replaced) == replaced {
            true => lines,
            false => lines.replace('!', "\\!"),
        }
    }

    fn line(self, Known { value, about }: &Known, kept: usize) -> String {
        let about = visible(about);
        match self {
            Self::Bash => format!("{}\n", &value[kept..]),
            Self::Zsh => {
                let about = about.replace('\\', "\\\\");
                let between = if about.is_empty() { "" } else { ":" };
                format!("{}{between}{about}\n", value.replace(':', "\\:"))
            }
            Self::Fish => format!("{value}\t{about}\n"),
        }
    }
}

/// Without the backslash before a `!`, which bash needs outside of quotation.
fn unescaped(text: &str) -> String {
    text.replace("\\!", "!")
}

/// Everything that `word` may become after the words before it.
fn candidates(before: &[String], word: &str, environment: &Environment) -> Vec<Known> {
    let arguments: Vec<OsString> = before.iter().map(OsString::from).collect();
    let library = report::library(&arguments, environment, super::Arguments::command);
    let root = super::root(&library);
    if let [program, help, explained @ ..] = before
        && help == "help"
    {
        let explained = [slice::from_ref(program), explained].concat();
        return below(&commands(&root, &explained));
    }
    let path = commands(&root, before);
    let place = Place {
        path: &path,
        before,
        environment,
        library: &library,
    };
    let (flag, lead, written) = match (before.last(), word.split_once('=')) {
        (Some(flag), _) if takes_value(&path, flag) => (flag.as_str(), "", word),
        (_, Some((flag, value))) => (flag, &word[..=flag.len()], value),
        _ => ("", "", ""),
    };
    let flag = find(&path, flag).filter(|flag| flag.get_action().takes_values());
    if let Some(flag) = flag {
        return place.values(flag, lead, written);
    }
    if word.starts_with('-') {
        let shown = flags(&path).filter(|flag| !flag.is_hide_set());
        let long = |flag: &Arg| Some(of(format!("--{}", flag.get_long()?), flag.get_help()));
        return shown.filter_map(long).collect();
    }
    match place.positional() {
        Some(argument) => place.values(argument, "", word),
        None if place.given() == 0 => below(&path),
        None => Vec::new(),
    }
}

/// The commands below the last one.
fn below(path: &[&Command]) -> Vec<Known> {
    let last = path.last().into_iter();
    let below = last.flat_map(|command| command.get_subcommands());
    let below = below.map(|it| of(it.get_name(), it.get_about()));
    let help = (path.len() == 1).then(|| of("help", Some(&HELP_OF_A_COMMAND)));
    below.chain(help).collect()
}

/// The words of the last command of a line that a shell is still reading. The last word may be unfinished, and its
/// quotation open; it is empty after a blank.
fn words_of(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut quotation = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quotation, character) {
            (Some(mark), _) if mark == character => quotation = None,
            (None, '\'' | '"') => quotation = Some(character),
            (None | Some('"'), '\\') => word.extend(characters.next()),
            (None, ' ' | '\t' | '\n') if word.is_empty() => {}
            (None, ' ' | '\t' | '\n') => words.push(mem::take(&mut word)),
            (None, ';' | '|' | '&' | '(') => {
                words.clear();
                word.clear();
            }
            _ => word.push(character),
        }
    }
    words.push(word);
    // Variables that are set for this command alone.
    let is_setting = |word: &&String| word.contains('=');
    let settings = words.iter().take_while(is_setting).count();
    words.split_off(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_words_that_the_shell_will_see() {
        for (line, expected) in [
            ("archiver query --ty", &["archiver", "query", "--ty"][..]),
            ("archiver  query ", &["archiver", "query", ""]),
            (
                "archiver query --type '!po",
                &["archiver", "query", "--type", "!po"],
            ),
            (
                "archiver show \"a b\"c\\ d",
                &["archiver", "show", "a bc d"],
            ),
            ("ls; X=1 Y= archiver sy", &["archiver", "sy"]),
            ("", &[""]),
        ] {
            assert_eq!(words_of(line), expected, "{line}");
        }
    }
}
