//! `archiver verify`: checks that the archive is sound, prints the findings on stdout, and sets the exit status.

use std::io::{self, Write};

use archiver::core::time::Timestamp;
use archiver::output::{visible, wrapped};
use archiver::query::status::{counted, grouped};
use archiver::query::verify::{self, Depth, Finding, Severity, Verification};

use super::Context;
use super::exit::{Failure, Status};
use super::pager::{self, DocumentFormat, print_json};

/// Flags of `archiver verify`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Skip the checks of indexes against their tables, and of references
    #[arg(long)]
    quick: bool,
    /// The format of the findings: text or json
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: DocumentFormat,
}

const AFTER_HELP: &str = "\
Examples:
  archiver verify
  archiver verify --quick -o json
  archiver verify --db /backups/archive.db

It checks the pages and indexes of the file, references between rows, the schema against the one that archiver makes, \
coverage against rows, times, and the log of syncs. It only reads, and may run while a sync does. An error is a state \
that archiver never leaves behind; a note may occur in a sound archive, such as an action that ended before it began.

Exit status: 0 sound; 6 damaged or inconsistent, or there is no archive.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let depth = match arguments.quick {
        true => Depth::Quick,
        false => Depth::Full,
    };
    let connection = context.open_archive_itself()?;
    let verification = verify::verify(&connection, depth, Timestamp::now())?;
    drop(connection);
    match arguments.output {
        DocumentFormat::Json => print_json(context, &verification)?,
        DocumentFormat::Text => pager::print(context, |stdout| {
            print(&verification, context.terminal.width, stdout)
        })?,
    };
    Ok(match verification.is_sound {
        true => Status::Done,
        false => Status::UnusableArchive,
    })
}

fn print(
    verification: &Verification,
    width: Option<usize>,
    stdout: &mut dyn Write,
) -> io::Result<()> {
    writeln!(stdout, "{}", wrapped(&verdict(verification), width, 2))?;
    for finding in &verification.findings {
        let words = words(finding);
        writeln!(stdout, "\n{}", wrapped(&visible(&words), width, 2))?;
        let advice = format!("  {}", finding.advice);
        writeln!(stdout, "{}", wrapped(&advice, width, 2))?;
    }
    Ok(())
}

/// The first line: `sound: 52,292 actions, 3 listings, 45 syncs; 1 note`.
fn verdict(verification: &Verification) -> String {
    let found = |severity| {
        let same = |finding: &&Finding| finding.severity == severity;
        verification.findings.iter().filter(same).count() as u64
    };
    let (errors, notes) = (found(Severity::Error), found(Severity::Note));
    let notes = match notes {
        0 => String::new(),
        notes => format!("; {}", counted(notes, "note")),
    };
    if errors > 0 {
        return format!("not sound: {}{notes}", counted(errors, "error"));
    }
    let counts = [
        (verification.actions, "action"),
        (verification.listings, "listing"),
        (verification.syncs, "sync"),
    ];
    let counts = counts.map(|(count, name)| counted(count.unwrap_or(0), name));
    format!("sound: {}{notes}", counts.join(", "))
}

fn words(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Note => "note",
    };
    let example = match (&finding.example, finding.rows) {
        (Some(example), 2..) => format!(" ({}, such as {example})", grouped(finding.rows)),
        (Some(example), _) if !finding.what.contains(example) => format!(" ({example})"),
        (None, 2..) => format!(" ({})", grouped(finding.rows)),
        _ => String::new(),
    };
    format!("{severity}: {}{example}", finding.what)
}
