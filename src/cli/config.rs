//! `archiver config`: makes a configuration, and shows which values are in force and where each comes from.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use archiver::config::template::{self, quoted};
use archiver::config::{Config, Environment, Flags, Setting};
use archiver::core::account::AccountName;
use archiver::core::time::{Timestamp, Zone};
use archiver::daemon::schedule::Schedule;
use archiver::output::{Heading, RowWriter, Value};
use archiver::query;
use clap::Subcommand;

use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status, unless_closed};
use super::terminal::Terminal;
use super::written::Written;
use super::{Context, Global};

/// Flags of `archiver config`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write a commented configuration, and never over an existing one
    #[command(after_help = INIT_HELP)]
    Init,
    /// Show every value in force, and where it comes from
    #[command(after_help = SHOW_HELP)]
    Show(AnswerFlags),
    /// Print the path of the configuration
    #[command(after_help = "Examples:\n  archiver config path")]
    Path,
}

const AFTER_HELP: &str = "\
Examples:
  archiver config init
  archiver config show
  archiver config path";
const INIT_HELP: &str = "\
Examples:
  archiver config init
  archiver config init --config /etc/archiver/config.toml

The file has every key, commented out, and only its owner can read it (mode 0600). On a terminal it asks for the \
archive, the scope and the schedule; an empty answer means the default. It never asks for a token.

Exit status: 0 written; 2 there is a configuration already, or the file cannot be written.";
const SHOW_HELP: &str = "\
Examples:
  archiver config show
  archiver config show --account work -o json
  archiver config show --columns key,source

A value comes from a flag, from a variable of the environment, from a line of the configuration, or is the default. No \
token is read, and neither a token, nor a command that prints one, nor a ping URL is shown.";

/// The columns of `show`; the first one where there are several accounts.
pub(super) const COLUMNS: [&str; 4] = ["account", "key", "value", "source"];

pub(super) fn run(
    arguments: &Arguments,
    global: Global,
    environment: Environment,
    terminal: Terminal,
    written: Written,
) -> Result<Status, Failure> {
    let place = || Config::place(global.config.as_deref(), &environment);
    match &arguments.what {
        What::Init => init(&place()?.value, terminal),
        What::Path => unless_closed(writeln!(io::stdout(), "{}", place()?.value.display())),
        What::Show(flags) => Context::new(global, environment, terminal, written)
            .and_then(|context| show(&context, flags)),
    }
}

fn show(context: &Context, flags: &AnswerFlags) -> Result<Status, Failure> {
    let global = &context.global;
    let given = Flags {
        config: global.config.as_deref(),
        db: global.db.as_deref(),
        account: &global.account,
        api_url: global.api_url.as_deref(),
        doctl_context: global.doctl_context.as_deref(),
    };
    let mut rows = Vec::new();
    for own in context.of_each() {
        let settings = own.config.settings(given)?.into_iter();
        rows.extend(settings.map(|setting| (own.terminal.account, setting)));
    }
    let headings = COLUMNS.map(Heading::plain);
    let skipped = usize::from(!context.has_several());
    let printed = answer::print(context, flags, |printer| {
        let mut written = printer.header(&headings[skipped..]);
        for (account, Setting { key, value, source }) in &rows {
            let source = source.to_string();
            let row = [
                account.as_ref().map(AccountName::as_str).into(),
                Value::Text(key),
                value.as_deref().into(),
                Value::Text(&source),
            ];
            written = written.and_then(|()| printer.row(&row[skipped..]));
        }
        written.map_err(query::Error::Write)
    })?;
    Ok(flags.status(printed.rows, context.basis.doubt()))
}

fn init(path: &Path, terminal: Terminal) -> Result<Status, Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(template::exists(path).into());
    }
    let is_asked = terminal.is_interactive && io::stdin().is_terminal();
    let mut set = Vec::new();
    for (words, usual, keys) in QUESTIONS.iter().filter(|_| is_asked) {
        set.extend(question(words, usual, *keys, path)?);
    }
    let text = template::text(&set, path)?;
    template::create(path, &text)?;
    terminal.detail(0, &format!("wrote {}", path.display()));
    Ok(Status::Done)
}

/// Keys of the configuration with their values in TOML.
type Keys = Vec<(&'static str, String)>;
type AsKeys = fn(&str) -> Keys;

/// The questions, each with its usual answer and the keys that another one sets.
const QUESTIONS: [(&str, &str, AsKeys); 3] = [
    (
        "The archive",
        "~/.local/share/archiver/archive.db",
        |text| vec![("database", quoted(text))],
    ),
    (
        "The scope: all, or tags and ids of droplets with commas between them",
        "all",
        scope,
    ),
    (
        "The schedule of the daemon, such as @hourly or */15 * * * *",
        "none",
        |text| vec![("schedule.cron", quoted(text))],
    ),
];

/// Droplets are numbers, everything else is a tag.
fn scope(text: &str) -> Keys {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let is_id = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let (ids, tags): (Vec<&str>, Vec<&str>) = words.partition(is_id);
    let tags: Vec<_> = tags.into_iter().map(quoted).collect();
    let lists = [
        ("sync.droplets", ids.join(", ")),
        ("sync.tags", tags.join(", ")),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    lists
        .map(|(key, list)| (key, format!("[{list}]")))
        .collect()
}

/// Asks until the answer is valid. Nothing, and the end of the input, mean the default, which needs no key.
fn question(words: &str, usual: &str, keys: AsKeys, path: &Path) -> Result<Keys, Failure> {
    let unreadable = |error| Failure::failed(format!("cannot read the answer: {error}"));
    loop {
        let mut stderr = io::stderr();
        let asked = write!(stderr, "{words} [{usual}]: ").and_then(|()| stderr.flush());
        asked.map_err(unreadable)?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if read.map_err(unreadable)? == 0 {
            // The end of the input ends no line on the screen.
            writeln!(stderr).map_err(unreadable)?;
        }
        let text = line.trim();
        if text.is_empty() || text.eq_ignore_ascii_case(usual) {
            return Ok(Vec::new());
        }
        let keys = keys(text);
        match refusal(&keys, text, path) {
            None => return Ok(keys),
            Some(problem) => writeln!(stderr, "{problem}").map_err(unreadable)?,
        }
    }
}

/// The reason why an answer cannot be in a configuration.
fn refusal(keys: &[(&'static str, String)], text: &str, path: &Path) -> Option<String> {
    match template::text(keys, path) {
        Ok(_) => {}
        // The file, and so its line, does not exist yet.
        Err(archiver::config::Error::Invalid { message, .. }) => return Some(message),
        Err(error) => return Some(error.to_string()),
    }
    let is_schedule = keys.iter().any(|(key, _)| *key == "schedule.cron");
    let schedule = is_schedule.then(|| Schedule::new(text, Zone::utc(), Timestamp::now()));
    schedule
        .and_then(Result::err)
        .map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use archiver::api::Pace;
    use archiver::core::time::parse_duration;

    use crate::cli::attempt::{CONCURRENCY, DAY_SECONDS, HOUR_SECONDS};

    #[test]
    fn a_default_that_is_shown_is_the_one_in_force() {
        let environment = Environment::of(&[("HOME", "/home/x")]);
        let config = Config::load(None, environment).unwrap();
        let shown = config.settings(Flags::default()).unwrap();
        let value = |key: &str| {
            let mut shown = shown.iter();
            shown.find(|it| it.key == key).unwrap().value.clone()
        };
        let pace = Pace::default();
        for (key, expected) in [
            (
                "limits.requests_per_minute",
                pace.requests_per_minute.to_string(),
            ),
            (
                "limits.requests_per_hour",
                pace.requests_per_hour.to_string(),
            ),
            ("limits.reserve", pace.reserve.to_string()),
            ("limits.concurrency", CONCURRENCY.to_string()),
            ("sync.all", "true".to_owned()),
            (
                "database",
                "/home/x/.local/share/archiver/archive.db".to_owned(),
            ),
            ("schedule.timezone", Zone::utc().to_string()),
        ] {
            assert_eq!(value(key), Some(expected), "{key}");
        }
        let seconds = |key| parse_duration(&value(key).unwrap()).unwrap();
        assert_eq!(
            (seconds("sync.recheck"), seconds("sync.audit")),
            (DAY_SECONDS, HOUR_SECONDS)
        );
    }
}
