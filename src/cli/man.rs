//! `archiver man`: writes a manual page for each command, with the texts of its help.
//!
//! clap knows the names, the usage and the flags. The text after the flags has paragraphs: examples, the exit status,
//! and notes. Files, variables and the exit statuses of all commands are the same on each page.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use archiver::config::Environment;
use archiver::output::wrapped;
use archiver::query::report::Library;
use clap::Command;
use clap::builder::StyledStr;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::exit::{Failure, MEANINGS, Status};
use super::help::{ENVIRONMENT, FILES};

/// Flags of `archiver man`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The folder for the pages, which is created if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

const AFTER_HELP: &str = "\
Examples:
  archiver man ~/.local/share/man/man1
  archiver man pages && man -l pages/archiver-query.1

Pages that DIR has already are replaced. `man archiver-query` finds those in ~/.local/share/man/man1 if `man --path` \
names ~/.local/share/man.";

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<Status, Failure> {
    let failed =
        |path: &Path, error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let folder = &environment.in_full(&arguments.folder)?;
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text) in pages() {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(Status::Done)
}

/// The names of the files, and their texts.
fn pages() -> Vec<(String, Vec<u8>)> {
    let library = Library::load(None);
    let mut root = super::root(&library).disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    add(root, None, &mut pages);
    pages
}

/// Adds the page of a command, and those of the commands below it.
fn add(command: Command, above: Option<&str>, pages: &mut Vec<(String, Vec<u8>)>) {
    let name = command.get_display_name();
    let name = name.unwrap_or(command.get_name()).to_owned();
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        add(below.clone(), Some(&name), pages);
    }
    // The flags of every command are on the page of the program.
    let own = command.mut_args(|flag| match above.is_some() && flag.is_global_set() {
        true => flag.hide(true),
        false => flag,
    });
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = page(own, &name, above, &mut text);
    pages.push((format!("{name}.1"), text));
}

fn page(command: Command, name: &str, above: Option<&str>, text: &mut Vec<u8>) -> io::Result<()> {
    let mut description = Roff::new();
    for paragraph in paragraphs(command.get_before_help()) {
        description.control("PP", []);
        add_paragraph(&mut description, &paragraph, WIDEST);
    }
    let others = others(&paragraphs(command.get_after_help()), above);
    let has_commands = command.has_subcommands();
    let has_flags = command.get_arguments().any(|it| !it.is_hide_set());
    // `render_title` leaves out an empty date, and takes what follows for it.
    let (title, version) = (name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    writeln!(text, ".TH {title} 1 \"\" \"archiver {version}\" archiver")?;
    let command = command.subcommand_help_heading("COMMANDS");
    let man = Man::new(command.subcommand_value_name("COMMAND"));
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    description.to_writer(text)?;
    if has_flags {
        man.render_options_section(text)?;
    }
    if has_commands {
        man.render_subcommands_section(text)?;
    }
    others.to_writer(text)
}

/// The sections after the flags. The first ones are paragraphs of the help.
fn others(help: &[String], above: Option<&str>) -> Roff {
    const LEADS: [&str; 2] = ["Examples:\n", "Exit status: "];
    let led_by = |lead| help.iter().filter_map(move |it| it.strip_prefix(lead));
    let [examples, statuses] = LEADS.map(|lead| led_by(lead).collect::<Vec<_>>());
    let is_led = |text: &&str| LEADS.iter().any(|lead| text.starts_with(lead));
    let notes = help.iter().map(String::as_str).filter(|it| !is_led(it));
    let notes: Vec<_> = notes.collect();
    let mut page = Roff::new();
    for (title, paragraphs, widest) in [("NOTES", notes, WIDEST), ("EXAMPLES", examples, None)] {
        if !paragraphs.is_empty() {
            page.control("SH", [title]);
            add_paragraphs(&mut page, &paragraphs, widest);
        }
    }
    page.control("SH", ["EXIT STATUS"]);
    // The paragraph of the program lists all of them, as the page does.
    if above.is_some() {
        add_paragraphs(&mut page, &statuses, WIDEST);
    }
    for (status, meaning) in MEANINGS {
        add_entry(&mut page, &status.code().to_string(), meaning);
    }
    for (title, entries) in [("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)] {
        page.control("SH", [title]);
        let entries = entries.lines().filter_map(|line| line.split_once("  "));
        for (name, meaning) in entries {
            add_entry(&mut page, name, meaning.trim_start());
        }
    }
    if let Some(above) = above {
        page.control("SH", ["SEE ALSO"]);
        let program = env!("CARGO_PKG_NAME");
        if above != program {
            page.text([bold(above), roman("(1),")]);
        }
        page.text([
            bold(program),
            roman("(1), which has the flags of every command"),
        ]);
    }
    page
}

fn paragraphs(text: Option<&StyledStr>) -> Vec<String> {
    let text = text.map(ToString::to_string).unwrap_or_default();
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(str::to_owned).collect()
}

/// The columns that a page of 80 has for a line that keeps its end.
const WIDEST: Option<usize> = Some(69);

fn add_paragraphs(page: &mut Roff, paragraphs: &[&str], widest: Option<usize>) {
    for (position, paragraph) in paragraphs.iter().enumerate() {
        if position > 0 {
            page.control("PP", []);
        }
        add_paragraph(page, paragraph, widest);
    }
}

/// Adds a paragraph. Lines that begin with blanks keep their ends. Those of a table that are longer than `widest` are
/// broken, and go on below their last column.
fn add_paragraph(page: &mut Roff, text: &str, widest: Option<usize>) {
    let mut is_kept = false;
    for line in text.lines() {
        let (was_kept, kept) = (is_kept, line.strip_prefix("  "));
        is_kept = kept.is_some();
        match (was_kept, is_kept) {
            (false, true) => page.control("RS", ["4"]).control("nf", []),
            (true, false) => page.control("fi", []).control("RE", []),
            _ => &mut *page,
        };
        let column = kept.and_then(|kept| Some(kept.rfind("  ")? + 2));
        let broken = kept.map(|kept| wrapped(kept, widest, column.unwrap_or(0)));
        for line in broken.as_deref().unwrap_or(line).lines() {
            page.text([roman(line)]);
        }
    }
    if is_kept {
        page.control("fi", []).control("RE", []);
    }
}

fn add_entry(page: &mut Roff, name: &str, meaning: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    page.text([roman(meaning)]);
}
