//! The layout of help: commands in groups, flags of every command last, and lines as wide as the terminal.

use archiver::config::Environment;
use archiver::output::wrapped;
use clap::Command;
use clap::builder::StyledStr;
use console::Term;
use unicode_width::UnicodeWidthStr;

/// The commands by purpose. A command that is not in a group is shown in the last one.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Archive", &["sync", "daemon", "import"]),
    (
        "Ask",
        &[
            "query", "last", "show", "stats", "timeline", "droplets", "report", "page", "serve",
            "sql", "schema",
        ],
    ),
    (
        "Maintain",
        &["status", "verify", "backup", "export", "accounts", "auth"],
    ),
    ("Set up", &["config", "completions", "man"]),
];

/// The files of the program, for the manual.
pub(super) const FILES: [(&str, &str); 5] = [
    (
        "~/.config/archiver/config.toml",
        "The configuration; $XDG_CONFIG_HOME replaces ~/.config.",
    ),
    (
        "~/.config/archiver/*.sql",
        "Reports of your own, beside the configuration.",
    ),
    (
        "~/.local/share/archiver/archive.db",
        "The archive; $XDG_DATA_HOME replaces ~/.local/share.",
    ),
    (
        "~/.local/share/archiver/NAME.db",
        "The archive of the account NAME, unless its `database` names another.",
    ),
    (
        "archive.db.vN.bak",
        "The archive as it was before an upgrade of its tables, beside it.",
    ),
];

/// The variables of the environment that it reads, for the manual.
pub(super) const ENVIRONMENT: [(&str, &str); 17] = [
    ("DIGITALOCEAN_TOKEN", "The token; no flag takes it."),
    (
        "DIGITALOCEAN_ACCESS_TOKEN",
        "The token, where the variable above is not set.",
    ),
    ("DIGITALOCEAN_API_URL", "The API, as --api-url."),
    ("ARCHIVER_DB", "The archive, as --db."),
    (
        "ARCHIVER_ACCOUNT",
        "The accounts, as --account, with commas between them.",
    ),
    ("ARCHIVER_CONFIG", "The configuration, as --config."),
    (
        "ARCHIVER_PING_URL",
        "The check of healthchecks.io or a similar service, as --ping-url.",
    ),
    (
        "ARCHIVER_PAGER, PAGER",
        "The pager for long answers; empty or cat for none.",
    ),
    ("NO_COLOR", "No colours, if it is set."),
    ("COLUMNS", "The width of help."),
    (
        "TERM",
        "A terminal that is dumb gets neither colours nor a bar.",
    ),
    (
        "HTTPS_PROXY, ALL_PROXY",
        "The proxy for the API: http or https, no SOCKS.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Where systemd puts the credential digitalocean-token.",
    ),
    (
        "JOURNAL_STREAM",
        "Set by systemd: the log then has no times, which the journal adds.",
    ),
    ("TMPDIR", "The folder for rows that wait for a pager."),
    (
        "HOME, XDG_CONFIG_HOME, XDG_DATA_HOME",
        "Where the files are.",
    ),
    ("APPDATA", "Where doctl's configuration is, on Windows."),
];

/// What `archiver help` does.
pub(super) const HELP_OF_A_COMMAND: &str = "Show the help of a command";

/// Longer lines are tiring to read.
const WIDEST: usize = 100;
const NARROWEST: usize = 20;

/// The width of help and of other texts for people.
pub(super) fn width(environment: &Environment) -> usize {
    let columns = environment.text("COLUMNS");
    let columns = columns.and_then(|columns| columns.parse().ok());
    let of = |terminal: Term| Some(usize::from(terminal.size_checked()?.1));
    // Help is often piped into a pager of the same terminal.
    let width = columns
        .or_else(|| of(Term::stdout()))
        .or_else(|| of(Term::stderr()));
    width.map_or(WIDEST, |width| width.clamp(NARROWEST, WIDEST))
}

/// The root command with its help in groups, and the width for the help of all commands.
pub(super) fn laid_out(root: Command, width: usize) -> Command {
    let style = *root.get_styles().get_header();
    let template = format!(
        "{}{style}Global options:{style:#}\n{{options}}{{after-help}}",
        beginning(&root, width)
    );
    root.term_width(width).help_template(template)
}

/// The usage and the commands alone.
pub(super) fn short(root: &Command, width: usize) -> StyledStr {
    let more = "`archiver --help` shows more, `archiver COMMAND --help` the flags of a command.";
    let template = beginning(root, width) + &wrapped(more, Some(width), 0);
    root.clone().help_template(template).render_help()
}

/// The template of the help until the commands, which are in groups.
fn beginning(root: &Command, width: usize) -> String {
    let style = *root.get_styles().get_header();
    let about = |command: &Command| command.get_about().map(ToString::to_string);
    let entry = |command: &Command| {
        let name = command.get_name().to_owned();
        (name, about(command).unwrap_or_default())
    };
    let mut rest: Vec<&Command> = root.get_subcommands().collect();
    rest.retain(|command| command.get_name() != "help");
    let mut groups = String::new();
    for (number, (title, names)) in GROUPS.iter().enumerate() {
        let is_last = number + 1 == GROUPS.len();
        let mut entries: Vec<_> = names
            .iter()
            .filter_map(|name| root.find_subcommand(name))
            .map(entry)
            .collect();
        rest.retain(|command| !names.contains(&command.get_name()));
        if is_last {
            entries.extend(rest.iter().map(|command| entry(command)));
            entries.push(("help".to_owned(), HELP_OF_A_COMMAND.to_owned()));
        }
        let entries = two_columns(&entries, width);
        groups.push_str(&format!("{style}{title}:{style:#}\n{entries}\n"));
    }
    format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}")
}

/// Names with their explanations beside them, or below them where there is no room.
pub(super) fn two_columns(entries: &[(String, String)], width: usize) -> String {
    /// An explanation in fewer characters than these is hard to read.
    const LEAST_BESIDE: usize = 30;
    let longest = entries.iter().map(|(name, _)| name.width()).max();
    let longest = longest.unwrap_or_default();
    let is_beside = width >= 2 + longest + 2 + LEAST_BESIDE;
    let indent = if is_beside { 2 + longest + 2 } else { 6 };
    let mut text = String::new();
    for (name, explanation) in entries {
        let mut lead = format!("  {name}");
        if is_beside {
            lead.push_str(&" ".repeat(indent - lead.width()));
        } else {
            text.push_str(&lead);
            text.push('\n');
            lead = " ".repeat(indent);
        }
        for line in lines(explanation, width.saturating_sub(indent)) {
            text.push_str(&lead);
            text.push_str(&line);
            text.push('\n');
            lead = " ".repeat(indent);
        }
    }
    text
}

/// Breaks a text between words. A word that is wider than a line has its own line.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_beside_their_explanations_where_there_is_room() {
        let entries = [
            ("sync", "Archive new actions"),
            ("timeline", "Show one life"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(
            two_columns(&entries, 80),
            "  sync      Archive new actions\n  timeline  Show one life\n"
        );
        assert_eq!(
            two_columns(&entries, 20),
            "  sync\n      Archive new\n      actions\n  timeline\n      Show one life\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_a_word_is() {
        let text = "no line is wider than it has to be incomprehensibilities aside";
        for width in 1..80 {
            let lines = lines(text, width);
            assert_eq!(lines.join(" "), text);
            for line in &lines {
                assert!(line.width() <= width || !line.contains(' '), "{line}");
            }
        }
    }
}
