//! The commands and flags that the words of a command line name, found without clap, which refuses what is not finished.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command};

/// The commands that the words name, beginning with the program itself.
pub(super) fn commands<'a>(root: &'a Command, words: &[String]) -> Vec<&'a Command> {
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
pub(super) fn flags<'a>(path: &[&'a Command]) -> impl Iterator<Item = &'a Arg> {
    let (command, above) = path
        .split_last()
        .map_or((None, path), |(last, above)| (Some(*last), above));
    let global = above.iter().copied().flat_map(Command::get_arguments);
    let own = command.into_iter().flat_map(Command::get_arguments);
    own.chain(global.filter(|flag| flag.is_global_set()))
}

/// The flag that a word names.
pub(super) fn find<'a>(path: &[&'a Command], word: &str) -> Option<&'a Arg> {
    flags(path).find(|flag| match word.strip_prefix("--") {
        Some(name) => {
            let aliases = flag.get_all_aliases().unwrap_or_default();
            flag.get_long() == Some(name) || aliases.contains(&name)
        }
        None => (flag.get_short()).is_some_and(|short| word == format!("-{short}")),
    })
}

pub(super) fn takes_value(path: &[&Command], word: &str) -> bool {
    find(path, word).is_some_and(|flag| flag.get_action().takes_values())
}

/// The path that follows a flag of every command, before the arguments are parsed.
pub(super) fn path_of(arguments: &[OsString], flag: &str) -> Option<PathBuf> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == flag {
            return rest.next().map(PathBuf::from);
        }
        let value = argument
            .to_str()
            .and_then(|text| text.strip_prefix(flag)?.strip_prefix('='));
        if let Some(path) = value {
            return Some(PathBuf::from(path));
        }
    }
    None
}
