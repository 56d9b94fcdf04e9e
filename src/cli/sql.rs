//! `archiver sql`: runs a statement from the command line, a file or a pipe, and prints its rows on stdout.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use archiver::archive::{self, LockWait};
use archiver::core::cancellation::Cancellation;
use archiver::output::visible;
use archiver::query::Filter;
use archiver::query::sql::{self, Error, LONGEST_SQL_BYTES, Parameter, Place};
use rusqlite::Connection;
use unicode_width::UnicodeWidthStr;

use super::Context;
use super::answer::{self, AnswerFlags, Printed};
use super::basis::Doubt;
use super::exit::{Failure, Status};
use super::pager::Stdout;
use super::runtime::UntilDeadline;
use super::sync::duration;
use super::union;

/// Flags of `archiver sql`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// One statement that reads; `-`, or none with a pipe, reads it from stdin
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// Read the statement from this file
    #[arg(short, long, value_name = "FILE", conflicts_with = "sql")]
    file: Option<PathBuf>,
    /// The value of `:name` in the statement (repeatable): a number if it looks like one, else text
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<Parameter>,
    /// Give up after this long, printing included, such as 30s [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    answer: AnswerFlags,
}

const AFTER_HELP: &str = "\
Examples:
  archiver sql 'SELECT type, count(*) FROM actions GROUP BY type'
  archiver sql 'SELECT * FROM actions WHERE id = :id' --param id=36804636
  archiver sql --timeout 30s -o csv < question.sql

Only reading is possible: SELECT, WITH, VALUES, EXPLAIN, and pragmas that only read, one statement at a time. \
`archiver schema` shows the tables and views. A BLOB is printed as x'00ff'.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let text = text(context, arguments)?;
    if !context.has_several() {
        let connection = context.open_archive()?;
        let printed = print(context, arguments, connection, &text)?;
        return Ok(arguments.answer.status(printed.rows, context.basis.doubt()));
    }
    let archives = union::each(context, &Filter::default(), |own| {
        own.open_archive()?;
        own.archive_path()
    })?;
    if let Some(status) = archives.nothing() {
        return Ok(status);
    }
    let named = archives.all.iter();
    let named =
        named.filter_map(|(account, path)| Some((account.as_ref()?.as_str(), path.clone())));
    let named: Vec<_> = named.collect();
    let connection = archive::open_together(&named, &LockWait::new(&Cancellation::never()))?;
    let printed = print(context, arguments, connection, &text).map_err(|failure| {
        // SQLite does not say which of the archives it could not read.
        let names: Vec<_> = named.iter().map(|(account, _)| *account).collect();
        match failure.status {
            Status::UnusableArchive => {
                failure.about(format!("one of the archives of {}", names.join(", ")))
            }
            _ => failure,
        }
    })?;
    Ok(archives.status(&arguments.answer, printed.rows))
}

/// Prints the answer of a connection.
fn print(
    context: &Context,
    arguments: &Arguments,
    mut connection: Connection,
    text: &str,
) -> Result<Printed<u64>, Failure> {
    // A deadline beyond the range of the clock is none.
    let deadline = |limit| Some((limit, Instant::now().checked_add(limit)?));
    let deadline = arguments.timeout.and_then(deadline);
    let sink: Box<dyn Write + Send> = match deadline {
        // No user reads on in a pager after the deadline.
        Some((limit, end)) => {
            let failure = timed_out(limit);
            Box::new(UntilDeadline::new(end, context.terminal, failure)?)
        }
        None => {
            let early = arguments.answer.status(1, Doubt::Nothing);
            Box::new(Stdout::new(context, early))
        }
    };
    answer::print_to(context, &arguments.answer, sink, move |printer| {
        let stop = deadline.map(|(_, end)| -> Box<dyn FnMut() -> bool + Send> {
            Box::new(move || Instant::now() >= end)
        });
        let outcome = sql::run(&mut connection, text, &arguments.parameters, stop, printer);
        outcome.map_err(|error| match (error, deadline) {
            (Error::Stopped, Some((limit, _))) => timed_out(limit),
            (error, _) => error.into(),
        })
    })
}

/// The statement from the argument, the file or stdin.
fn text(context: &Context, arguments: &Arguments) -> Result<String, Failure> {
    match (&arguments.file, arguments.sql.as_deref()) {
        (Some(path), _) => {
            let path = &context.config.environment().in_full(path)?;
            let text = File::open(path).and_then(read);
            text.map_err(|error| unreadable(path, &error))
        }
        (None, Some(sql)) if sql != "-" => Ok(sql.to_owned()),
        (None, None) if io::stdin().is_terminal() => {
            Err(Failure::usage("there is no SQL to run").with_hint(
                "use archiver sql 'SELECT …', --file FILE, or a pipe; `archiver schema` shows the tables",
            ))
        }
        _ => read(io::stdin()).map_err(|error| unreadable(Path::new("stdin"), &error)),
    }
}

/// Reads at most one byte more than a statement may have, which is enough to refuse it.
fn read(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let most = LONGEST_SQL_BYTES as u64 + 1;
    source.take(most).read_to_string(&mut text)?;
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read SQL from {}: {error}", path.display()))
}

fn timed_out(limit: Duration) -> Failure {
    let limit = limit.as_secs();
    let message = format!("the SQL was stopped: it took longer than --timeout {limit}s");
    Failure::failed(message).with_hint(
        "the printed answer is incomplete; ask for less, use an index (`archiver schema`), or give it more time",
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = error.hint();
        let failure = match error {
            Error::Read(source) => return archiver::query::Error::Read(source).into(),
            Error::Write(source) => return archiver::query::Error::Write(source).into(),
            Error::Rejected {
                message,
                place: Some(place),
                ..
            } => Self::usage(format!("{message}\n{}", pointed_at(&place))),
            Error::Stopped | Error::TooMuchMemory | Error::Failed { .. } => {
                Self::failed(error.to_string())
            }
            error => Self::usage(error.to_string()),
        };
        Self { hint, ..failure }
    }
}

/// The line, with a caret below the place of the error.
fn pointed_at(place: &Place) -> String {
    /// A longer part of the line does not help to find the place.
    const MOST_BEFORE: usize = 60;
    const MOST_AFTER: usize = 40;
    let skipped = place.before.chars().count().saturating_sub(MOST_BEFORE);
    let before: String = place.before.chars().skip(skipped).collect();
    let after: String = place.after.chars().take(MOST_AFTER).collect();
    let line = match place.line_number {
        1 => String::new(),
        number => format!("line {number}: "),
    };
    let cut = if skipped > 0 { "…" } else { "" };
    let before = format!("{line}{cut}{}", visible(&before));
    let spaces = " ".repeat(before.width());
    format!("{before}{}\n{spaces}^", visible(&after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointed(line_number: usize, before: &str, after: &str) -> String {
        pointed_at(&Place {
            line_number,
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        assert_eq!(
            pointed(1, "SELECT ", "tpye FROM actions"),
            "SELECT tpye FROM actions\n       ^"
        );
        assert_eq!(pointed(3, "\t日 ", "x"), "line 3: \\t日 x\n             ^");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = pointed(1, &"a".repeat(1_000), &"b".repeat(1_000));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("…{}{}", "a".repeat(60), "b".repeat(40)));
        assert_eq!(lines[1], format!("{}^", " ".repeat(61)));
    }
}
