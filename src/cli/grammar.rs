//! The words of a command line: the commands and flags that they name, and those that they were probably meant for. All
//! is found without clap's parser, which refuses what is not finished.

use std::ffi::OsStr;
use std::path::PathBuf;

use archiver::core::time::{Timestamp, Zone, parse_period, parse_since};
use archiver::output::Format;
use archiver::query::stats::Dimension;
use archiver::query::{GROUPS, REGIONS, RESOURCE_TYPES, STATUSES};
use clap::{Arg, Command};

/// The commands that the words name, beginning with the program itself.
pub(super) fn commands<'a>(root: &'a Command, words: &[String]) -> Vec<&'a Command> {
    let mut path = vec![root];
    let mut is_value = false;
    for word in words.iter().skip(1).take_while(|word| *word != "--") {
        let was_value = std::mem::replace(&mut is_value, takes_value(&path, word));
        let last = path.last().filter(|_| !was_value);
        path.extend(last.and_then(|command| command.find_subcommand(word)));
    }
    path
}

/// The flags of a command, the global ones included.
pub(super) fn flags<'a>(path: &[&'a Command]) -> impl Iterator<Item = &'a Arg> {
    let (above, own) = path.split_at(path.len().saturating_sub(1));
    let global = above.iter().flat_map(|command| command.get_arguments());
    let own = own.iter().flat_map(|command| command.get_arguments());
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
pub(super) fn path_of(arguments: &[impl AsRef<OsStr>], flag: &str) -> Option<PathBuf> {
    let mut rest = arguments.iter().map(AsRef::as_ref);
    while let Some(argument) = rest.next() {
        if argument == flag {
            return rest.next().map(PathBuf::from);
        }
        let text = argument.to_str().unwrap_or_default();
        if let Some(path) = text.strip_prefix(flag).and_then(|it| it.strip_prefix('=')) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

/// The flags and commands, each with the names that it has in other programs. The first one that a command has counts.
const SYNONYMS: [(&str, &str); 26] = [
    ("--since", "--from --start --newer-than"),
    ("--until", "--to --end --older-than"),
    ("--during", "--between --period"),
    ("--at", "--when"),
    ("--droplet", "--name --host --server --droplet-id"),
    ("--type", "-t --kind --action --action-type"),
    ("--state", "--status --power"),
    ("--gone", "--deleted --destroyed"),
    ("--existing", "--active"),
    ("--output", "-f --format --output-format"),
    ("--columns", "--fields --select"),
    ("--tz", "--timezone --zone"),
    ("--sort", "--order --order-by --sort-by"),
    ("--reverse", "--desc --descending"),
    ("--limit", "-l --last --head --tail --max --top"),
    ("--by", "--group --group-by --per"),
    ("--db", "--database"),
    ("--api-url", "--url"),
    ("--full", "--force"),
    ("--cron", "--schedule"),
    ("query", "actions events find list log logs ls search"),
    ("timeline", "history"),
    ("droplets", "inventory"),
    ("stats", "count"),
    ("sync", "fetch pull update"),
    ("auth check", "login"),
];

/// The flag or command that means the same as `word`, if `has` knows one.
pub(super) fn synonym(word: &str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let mut all = SYNONYMS.iter();
    let found = all.find(|(meant, written)| {
        let name = meant.split(' ').next().unwrap_or_default();
        written.split(' ').any(|it| it == word) && has(name.trim_start_matches('-'))
    });
    found.map(|(meant, _)| *meant)
}

/// The flag whose values look like this word; `None` for a word that may be anything.
pub(super) fn flag_of(word: &str, has: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let (now, zone) = (Timestamp::now(), Zone::utc());
    let each = |is_it: &dyn Fn(&str) -> bool| !word.is_empty() && word.split(',').all(is_it);
    let is_type = |word: &str| {
        let mut types = GROUPS.iter().flat_map(|group| group.types);
        word.starts_with('@') || word == "create" || types.any(|it| *it == word)
    };
    // New regions are numbered on: a place, and a digit.
    let is_region = |word: &str| {
        let place = word.strip_suffix(|last: char| last.is_ascii_digit());
        place.is_some_and(|place| REGIONS.iter().any(|known| known[..3] == *place))
    };
    // A droplet is rather one of its own.
    let is_resource = |word: &str| word != "droplet" && RESOURCE_TYPES.contains(&word);
    let guesses = [
        ("by", each(&|word| word.parse::<Dimension>().is_ok())),
        ("type", each(&is_type)),
        ("status", each(&|word| STATUSES.contains(&word))),
        (
            "state",
            each(&|word| ["on", "off", "unknown"].contains(&word)),
        ),
        ("region", each(&is_region)),
        ("resource-type", each(&is_resource)),
        ("during", parse_period(word, now, &zone).is_ok()),
        ("since", parse_since(word, now, &zone).is_ok()),
        ("tag", word.contains(':')),
    ];
    let mut guesses = guesses.into_iter();
    let sure = guesses.find(|(flag, is_it)| *is_it && has(flag));
    sure.map(|(flag, _)| flag)
}

/// The flags that a word without a flag was probably meant for, each with the word: `--type reboot`.
pub(super) fn flags_of(
    word: &str,
    next: Option<&String>,
    has: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let sure = flag_of(word, has);
    if has(word) && (next.is_some() || sure != Some("by")) {
        let value = next.map(|next| format!(" {}", quoted(next)));
        return vec![format!("--{word}{}", value.unwrap_or_default())];
    }
    if word.parse::<Format>().is_ok() && has("output") {
        return vec![format!("-o {word}")];
    }
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let flags = match sure {
        Some(flag) => vec![flag],
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
pub(super) fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "_-./:@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
