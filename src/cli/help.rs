//! The layout of help: commands in groups, flags of every command last, and lines as wide as the terminal.

use archiver::config::Environment;
use archiver::output::wrapped;
use clap::Command;
use clap::builder::StyledStr;
use console::Term;
use unicode_width::UnicodeWidthStr;

use super::terminal::size;

/// The commands by purpose. A test notices one that is missing.
const GROUPS: [(&str, &str); 4] = [
    ("Archive", "sync daemon import"),
    (
        "Ask",
        "query last show stats timeline droplets report page serve sql schema",
    ),
    ("Maintain", "status verify backup export accounts auth"),
    ("Set up", "config completions man help"),
];

/// The files of the program, for the manual: names, two blanks, and meanings.
pub(super) const FILES: &str = "\
~/.config/archiver/config.toml       The configuration; $XDG_CONFIG_HOME replaces ~/.config.
~/.config/archiver/*.sql             Reports of your own, beside the configuration.
~/.local/share/archiver/archive.db   The archive; $XDG_DATA_HOME replaces ~/.local/share.
~/.local/share/archiver/NAME.db      The archive of the account NAME, unless its `database` names another.
archive.db.vN.bak                    The archive as it was before an upgrade of its tables, beside it.";

/// The variables of the environment that it reads, as [`FILES`].
pub(super) const ENVIRONMENT: &str = "\
DIGITALOCEAN_TOKEN                    The token; no flag takes it.
DIGITALOCEAN_ACCESS_TOKEN             The token, where the variable above is not set.
DIGITALOCEAN_API_URL                  The API, as --api-url.
ARCHIVER_DB                           The archive, as --db.
ARCHIVER_ACCOUNT                      The accounts, as --account, with commas between them.
ARCHIVER_CONFIG                       The configuration, as --config.
ARCHIVER_PING_URL                     The check of healthchecks.io or a similar service, as --ping-url.
ARCHIVER_PAGER, PAGER                 The pager for long answers; empty or cat for none.
NO_COLOR                              No colours, if it is set.
COLUMNS                               The width of help.
TERM                                  A terminal that is dumb gets neither colours nor a bar.
HTTPS_PROXY, ALL_PROXY                The proxy for the API: http or https, no SOCKS.
CREDENTIALS_DIRECTORY                 Where systemd puts the credential digitalocean-token.
JOURNAL_STREAM                        Set by systemd: the log then has no times, which the journal adds.
TMPDIR                                The folder for rows that wait for a pager.
HOME, XDG_CONFIG_HOME, XDG_DATA_HOME  Where the files are.
APPDATA                               Where doctl's configuration is, on Windows.";

/// The purpose of `archiver help`.
pub(super) const HELP_OF_A_COMMAND: &str = "Show the help of a command";

/// Longer lines are tiring to read.
const WIDEST: usize = 100;
const NARROWEST: usize = 20;

/// The width of help and of other texts for people.
pub(super) fn width(environment: &Environment) -> usize {
    let shown = Term::stdout().size_checked();
    // Help is often piped into a pager of the same terminal.
    let shown = shown.or_else(|| Term::stderr().size_checked());
    let width = size(environment, "COLUMNS", shown.map(|(_, columns)| columns));
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
    let about = |name: &str| match root.find_subcommand(name) {
        Some(command) if name != "help" => command.get_about().map(ToString::to_string),
        _ => Some(HELP_OF_A_COMMAND.to_owned()),
    };
    let groups = GROUPS.map(|(title, names)| {
        let names = names.split(' ');
        let entries: Vec<_> = names
            .map(|name| (name.to_owned(), about(name).unwrap_or_default()))
            .collect();
        let entries = two_columns(&entries, width);
        format!("{style}{title}:{style:#}\n{entries}\n")
    });
    let groups = groups.concat();
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
        let lead = if is_beside {
            format!("  {name:<longest$}  ")
        } else {
            text.push_str(&format!("  {name}\n"));
            " ".repeat(indent)
        };
        let lines = wrapped(&(lead + explanation), Some(width), indent);
        text.push_str(lines.trim_end());
        text.push('\n');
    }
    text
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
}
