//! The flag or the command that a word was probably meant for.

use archiver::core::time::{Timestamp, Zone, parse_period, parse_since};
use archiver::output::Format;
use archiver::query::stats::Dimension;
use archiver::query::{REGIONS, RESOURCE_TYPES, STATUSES, groups};

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

const STATES: [&str; 3] = ["on", "off", "unknown"];

/// The flag whose values look like this word; `None` for a word that may be anything.
pub(super) fn flag_of(
    word: &str,
    has: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Option<&'static str> {
    let zone = Zone::utc();
    let each = |is_it: &dyn Fn(&str) -> bool| !word.is_empty() && word.split(',').all(is_it);
    let is_type = |word: &str| {
        let mut types = groups().iter().flat_map(|group| group.types);
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
        ("state", each(&|word| STATES.contains(&word))),
        ("region", each(&is_region)),
        ("resource-type", each(&is_resource)),
        ("during", parse_period(word, now, &zone).is_ok()),
        ("since", parse_since(word, now, &zone).is_ok()),
        ("tag", word.contains(':')),
    ];
    let sure = guesses
        .into_iter()
        .find(|(flag, is_it)| *is_it && has(flag));
    sure.map(|(flag, _)| flag)
}

/// The flags that a word without a flag was probably meant for, each with the word: `--type reboot`.
pub(super) fn flags_of(
    word: &str,
    next: Option<&String>,
    has: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Vec<String> {
    let sure = flag_of(word, has, now);
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
