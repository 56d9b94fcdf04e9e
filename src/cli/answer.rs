//! The way of an answer to stdout: the output flags of every question, and the rows on their way to a format.

use super::Context;
use super::basis::Doubt;
use super::exit::{Failure, Status, unless_closed};
use super::order::{Key, OrderFlags, no_column};
use super::outlet::Outlet;
use super::pager::Stdout;
use super::terminal::Terminal;
use archiver::core::time::Zone;
use archiver::output::{
    Cell, Format, Frame, Heading, NOT_FOR_PEOPLE, Options, RowWriter, Value, Writer, is_same_name,
};
use std::io::{self, Write};
use std::mem;

/// The output flags.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct AnswerFlags {
    /// The format: table, json, jsonl, csv, tsv, markdown or html
    #[arg(short, long, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(super) output: Format,
    /// These columns, comma-separated, in this order
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', alias = "format")]
    #[arg(value_parser = column)]
    pub(super) columns: Vec<String>,
    /// Leave out the header of tables, CSV and TSV
    #[arg(long, alias = "no-headers")]
    pub(super) no_header: bool,
    /// Keep spreadsheets from running texts of CSV and TSV as formulas: such a text gets an apostrophe in front
    #[arg(long)]
    pub(super) csv_safe: bool,
    /// The time zone in which times are read and shown: UTC, local, Europe/Berlin, +02:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    #[arg(allow_hyphen_values = true)]
    pub(super) tz: Zone,
    /// Exit with 10 when there are rows, with 0 when there are none, with 3 when missing actions could change that
    #[arg(long)]
    pub(super) exit_code: bool,
    /// With html: link to the other pages of the server
    #[arg(long, hide = true)]
    linked: bool,
}

/// A value of `--columns`.
fn column(text: &str) -> Result<String, String> {
    match text.parse::<Format>() {
        Ok(format) => Err(format!("`{format}` is an output format, not a column")),
        Err(_) => Ok(text.to_owned()),
    }
}

impl AnswerFlags {
    /// True when notes explain the answer. A check in a script prints nothing when it finds nothing.
    pub(super) fn is_explained(&self, context: &Context) -> bool {
        let is_check = self.exit_code && !context.terminal.shows_answers;
        self.output.is_for_people() && !is_check
    }

    /// The exit status of an answer with this number of rows. An answer that may be wrong is partial.
    pub(super) fn status(&self, rows: u64, doubt: Doubt) -> Status {
        match (rows, doubt) {
            _ if !self.exit_code => Status::Done,
            (_, Doubt::Rows) | (0, Doubt::NoRows) => Status::Partial,
            (0, Doubt::Nothing) => Status::Done,
            (1.., _) => Status::Found,
        }
    }
}

/// The result of a printed answer.
pub(super) struct Printed<T> {
    pub(super) rows: u64,
    /// The result of the question; `None` when the reader closed the pipe before the end.
    pub(super) outcome: Option<T>,
    /// The columns that did not fit the terminal, if there are rows.
    hidden: Vec<String>,
}

/// Prints the rows of `ask`. Drops everything that `ask` owns, such as a connection, before it waits for a slow reader,
/// so that the archive is not kept locked.
pub(super) fn print<T, E: Into<Failure>>(
    context: &Context,
    flags: &AnswerFlags,
    ask: impl FnOnce(&mut Printer<'_>) -> Result<T, E>,
) -> Result<Printed<T>, Failure> {
    let stdout = Stdout::new(context, flags.status(1, Doubt::Nothing));
    print_to(context, flags, stdout, ask)
}

/// Prints the rows to another sink than stdout, like [`print`].
pub(super) fn print_to<T, E: Into<Failure>>(
    context: &Context,
    flags: &AnswerFlags,
    sink: impl Write + Send + 'static,
    ask: impl FnOnce(&mut Printer<'_>) -> Result<T, E>,
) -> Result<Printed<T>, Failure> {
    let mut outlet = Outlet::new(context.terminal, sink);
    let mut printer = Printer::new(context, flags, &mut outlet);
    let outcome = ask(&mut printer);
    let printed = printer.finished(outcome);
    // Rows before a failure are printed too.
    let written = outlet.finish();
    // The notes come after the rows, when the user has left the pager.
    drop(outlet);
    let printed = printed?;
    unless_closed(written)?;
    if flags.output == Format::Table && context.terminal.shows_answers {
        context.basis.tell_age(context.terminal);
    }
    tell_hidden(context.terminal, &printed.hidden, "--columns or -o csv");
    Ok(printed)
}

/// Tells which columns of a table did not fit the terminal.
pub(super) fn tell_hidden(terminal: Terminal, columns: &[String], remedy: &str) {
    if !columns.is_empty() {
        let columns = columns.join(", ");
        terminal.note(&format!("hidden: {columns}; use {remedy}"));
    }
}

/// Prints a table for people among other texts. Returns the columns that did not fit.
pub(super) fn print_table(
    terminal: Terminal,
    flags: Option<&AnswerFlags>,
    sink: &mut dyn Write,
    headings: &[Heading<'_>],
    rows: &[Vec<Value<'_>>],
) -> io::Result<Vec<String>> {
    let options = Options {
        width: terminal.width,
        hides_columns: true,
        is_colored: terminal.colors_answers,
        no_header: flags.is_some_and(|flags| flags.no_header),
        zone: flags.map(|flags| flags.tz.clone()).unwrap_or_default(),
        ..Options::default()
    };
    let mut table = Writer::new(Format::Table, options, sink);
    table.header(headings)?;
    rows.iter().try_for_each(|row| table.row(row))?;
    table.finish()?;
    Ok(table.hidden().iter().map(ToString::to_string).collect())
}

/// Takes the rows of an answer, and passes on the chosen columns. A question ends at the first row that cannot be
/// written.
pub(super) struct Printer<'a> {
    writer: Writer<'a>,
    flags: &'a AnswerFlags,
    /// The order of the rows, and the number of those that are printed.
    pub(super) order: OrderFlags,
    /// The indexes of the shown columns; `None` for all.
    chosen: Option<Vec<usize>>,
    /// The column that sorts the rows, and the rows that wait for the last one.
    key: Option<Key>,
    waiting: Vec<Vec<Cell>>,
    rows: u64,
}

impl<'a> Printer<'a> {
    fn new(context: &'a Context, flags: &'a AnswerFlags, sink: &'a mut dyn Write) -> Self {
        let options = Options {
            no_header: flags.no_header,
            width: context.terminal.width,
            hides_columns: flags.columns.is_empty(),
            is_for_terminal: context.terminal.shows_answers,
            is_colored: context.terminal.colors_answers,
            zone: flags.tz.clone(),
            defuses_formulas: flags.csv_safe,
            frame: match flags.output {
                Format::Html => context.written.frame(flags.linked),
                _ => Frame::default(),
            },
        };
        Self {
            writer: Writer::new(flags.output, options, sink),
            flags,
            order: OrderFlags::default(),
            chosen: None,
            key: None,
            waiting: Vec::new(),
            rows: 0,
        }
    }

    /// The headings of the chosen columns. Where several have the same title, they are called by their names.
    fn choose<'h>(&mut self, headings: &[Heading<'h>]) -> Result<Vec<Heading<'h>>, Failure> {
        self.chosen = match self.flags.columns.as_slice() {
            [] if self.flags.output.is_compact() => {
                let is_shown = |index: &usize| headings[*index].rank != NOT_FOR_PEOPLE;
                let shown: Vec<_> = (0..headings.len()).filter(is_shown).collect();
                Some(shown).filter(|shown| shown.len() < headings.len())
            }
            [] => None,
            names => Some(choose(names, headings)?),
        };
        let mut shown = match &self.chosen {
            Some(chosen) => chosen.iter().map(|index| headings[*index]).collect(),
            None => headings.to_vec(),
        };
        if let Some(name) = twice(shown.iter().map(|heading| heading.name))
            && matches!(self.flags.output, Format::Json | Format::Jsonl)
        {
            let message = format!("two columns are called `{name}`, but JSON needs unique names");
            return Err(Failure::usage(message)
                .with_hint("rename one with AS, choose columns with --columns, or use -o csv"));
        }
        let titles: Vec<_> = shown.iter().map(|heading| heading.title).collect();
        for heading in &mut shown {
            if titles.iter().filter(|it| **it == heading.title).count() > 1 {
                heading.title = heading.name;
            }
        }
        Ok(shown)
    }

    /// Writes the rest of the answer, unless the question failed.
    fn finished<T, E: Into<Failure>>(
        mut self,
        outcome: Result<T, E>,
    ) -> Result<Printed<T>, Failure> {
        let outcome = match outcome.map_err(Into::into) {
            Err(failure) if failure.status == Status::Closed => None,
            Err(failure) => return Err(failure),
            Ok(outcome) => {
                let sorted = self.write_waiting();
                unless_closed(sorted.and_then(|()| self.writer.finish()))?;
                Some(outcome)
            }
        };
        let hidden = self.writer.hidden();
        let hidden = hidden.iter().filter(|_| self.rows > 0);
        Ok(Printed {
            rows: self.rows,
            outcome,
            hidden: hidden.map(ToString::to_string).collect(),
        })
    }

    /// Writes the rows that have waited for the last one.
    fn write_waiting(&mut self) -> io::Result<()> {
        let mut waiting = mem::take(&mut self.waiting);
        if let Some(key) = self.key.take() {
            waiting.sort_by(|one, other| key.compare(one, other));
        }
        waiting.iter().try_for_each(|row| {
            let values: Vec<_> = row.iter().map(Value::from).collect();
            self.row(&values)
        })
    }
}

impl RowWriter for Printer<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.key = self.order.key(headings).map_err(io::Error::other)?;
        let headings = self.choose(headings).map_err(io::Error::other)?;
        self.writer.header(&headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        if self.key.is_some() {
            self.waiting.push(values.iter().map(Cell::from).collect());
            return Ok(());
        }
        let limit = self.order.limit;
        if limit.is_some_and(|limit| self.rows >= limit.get()) {
            return Ok(());
        }
        self.rows += 1;
        match &self.chosen {
            None => self.writer.row(values),
            Some(chosen) => self.writer.row(&at(chosen, values)),
        }
    }

    /// For people the label stands in the first empty column if its own is not shown. Without an empty column there is
    /// no total, because nobody could tell it from the other rows.
    fn total(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.write_waiting()?;
        let Some(chosen) = &self.chosen else {
            return self.row(values);
        };
        let is_label = |value: &&Value<'_>| matches!(value, Value::Text(_));
        let mut shown = at(chosen, values);
        if self.flags.output.is_for_people() && !shown.iter().any(|value| is_label(&value)) {
            let empty = shown.iter_mut().find(|value| matches!(value, Value::Null));
            match (empty, values.iter().find(is_label)) {
                (Some(empty), Some(label)) => *empty = *label,
                _ => return Ok(()),
            }
        }
        self.rows += 1;
        self.writer.row(&shown)
    }
}

/// The values at these indexes.
fn at<'a>(indexes: &[usize], values: &[Value<'a>]) -> Vec<Value<'a>> {
    let value = |index: &usize| values.get(*index).copied().unwrap_or(Value::Null);
    indexes.iter().map(value).collect()
}

/// The first text that occurs a second time.
pub(super) fn twice<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    texts.find(|text| !seen.insert(*text))
}

/// The indexes of the named columns. A name matches a name or a title, in any case and with or without underscores, as
/// in doctl's `StartedAt`.
fn choose(names: &[String], headings: &[Heading<'_>]) -> Result<Vec<usize>, Failure> {
    let position = |name: &String| {
        let is_named = |heading: &Heading<'_>| is_same_name(heading.name, name);
        let is_titled = |heading: &Heading<'_>| is_same_name(heading.title, name);
        let found = headings.iter().position(is_named);
        let found = found.or_else(|| headings.iter().position(is_titled));
        found.ok_or_else(|| no_column("--columns", name, headings))
    };
    names.iter().map(position).collect()
}
