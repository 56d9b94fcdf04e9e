//! The flag or the command that a word was probably meant for.

use archiver::core::model::{COMPLETED, IN_PROGRESS};
use archiver::core::time::{Timestamp, Zone, parse_period, parse_since};
use archiver::output::Format;
use archiver::query::groups;
use archiver::query::stats::Dimension;

/// Names that people know from other programs, each with what means the same here. The first one that a command has
/// counts.
const SYNONYMS: [(&str, &str); 62] = [
    ("--from", "--since"),
    ("--start", "--since"),
    ("--newer-than", "--since"),
    ("--to", "--until"),
    ("--end", "--until"),
    ("--older-than", "--until"),
    ("--between", "--during"),
    ("--period", "--during"),
    ("--when", "--at"),
    ("--name", "--droplet"),
    ("--host", "--droplet"),
    ("--server", "--droplet"),
    ("--droplet-id", "--droplet"),
    ("-t", "--type"),
    ("--kind", "--type"),
    ("--action", "--type"),
    ("--action-type", "--type"),
    ("--status", "--state"),
    ("--power", "--state"),
    ("--deleted", "--gone"),
    ("--destroyed", "--gone"),
    ("--active", "--existing"),
    ("-f", "--output"),
    ("--format", "--output"),
    ("--output-format", "--output"),
    ("--fields", "--columns"),
    ("--select", "--columns"),
    ("--timezone", "--tz"),
    ("--zone", "--tz"),
    ("--order", "--sort"),
    ("--order-by", "--sort"),
    ("--sort-by", "--sort"),
    ("--desc", "--reverse"),
    ("--descending", "--reverse"),
    ("-l", "--limit"),
    ("--last", "--limit"),
    ("--head", "--limit"),
    ("--tail", "--limit"),
    ("--max", "--limit"),
    ("--top", "--limit"),
    ("--group", "--by"),
    ("--group-by", "--by"),
    ("--per", "--by"),
    ("--database", "--db"),
    ("--url", "--api-url"),
    ("--force", "--full"),
    ("--schedule", "--cron"),
    ("actions", "query"),
    ("events", "query"),
    ("find", "query"),
    ("list", "query"),
    ("log", "query"),
    ("logs", "query"),
    ("ls", "query"),
    ("search", "query"),
    ("history", "timeline"),
    ("inventory", "droplets"),
    ("count", "stats"),
    ("fetch", "sync"),
    ("pull", "sync"),
    ("update", "sync"),
    ("login", "auth check"),
];

/// The flag or command that means the same as `word`, if `has` knows one.
pub(super) fn synonym(word: &str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let is_had = |meant: &str| {
        has(meant
            .split(' ')
            .next()
            .unwrap_or_default()
            .trim_start_matches('-'))
    };
    let mut known = SYNONYMS.iter();
    let found = known.find(|(written, meant)| *written == word && is_had(meant));
    found.map(|(_, meant)| *meant)
}

pub(super) const STATUSES: [&str; 3] = [COMPLETED, "errored", IN_PROGRESS];
const STATES: [&str; 3] = ["on", "off", "unknown"];
const RESOURCE_TYPES: [&str; 4] = ["volume", "image", "floating_ip", "reserved_ip"];
/// The places of DigitalOcean's regions, each of which is numbered: `nyc3`.
const PLACES: [&str; 11] = [
    "ams", "atl", "blr", "fra", "lon", "nyc", "ric", "sfo", "sgp", "syd", "tor",
];

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
    let is_region = |word: &str| {
        word.len() == 4
            && PLACES.iter().any(|place| word.starts_with(place))
            && word.ends_with(|last: char| last.is_ascii_digit())
    };
    let guesses = [
        ("by", each(&|word| word.parse::<Dimension>().is_ok())),
        ("type", each(&is_type)),
        ("status", each(&|word| STATUSES.contains(&word))),
        ("state", each(&|word| STATES.contains(&word))),
        ("region", each(&is_region)),
        (
            "resource-type",
            each(&|word| RESOURCE_TYPES.contains(&word)),
        ),
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
