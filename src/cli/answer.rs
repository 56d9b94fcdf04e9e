//! The way of an answer to stdout: the output flags of every question, and the rows on their way to a format.

use super::Context;
use super::basis::Basis;
use super::exit::{Failure, Status, unless_closed};
use super::member::Member;
use super::pager::Stdout;
use super::terminal::Terminal;
use archiver::core::threads::lock;
use archiver::core::time::Zone;
use archiver::output;
use archiver::output::{Format, Frame, Heading, Options, RowWriter, Value, is_same_name};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::{env, io, thread};

/// The output flags.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct AnswerFlags {
    /// The format: table, json, jsonl, csv, tsv, markdown or html
    #[arg(short, long, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(super) output: Format,
    /// These columns, comma-separated, in this order
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', alias = "format")]
    pub(super) columns: Vec<String>,
    /// Leave out the header of tables, CSV and TSV
    #[arg(long, alias = "no-headers")]
    pub(super) no_header: bool,
    /// Keep spreadsheets from running texts of CSV and TSV as formulas: such a text gets an apostrophe in front
    #[arg(long)]
    pub(super) csv_safe: bool,
    /// The time zone in which times are read and shown: UTC, local, Europe/Berlin, +02:00
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "UTC",
        allow_hyphen_values = true
    )]
    pub(super) tz: Zone,
    /// Exit with 10 when there are rows, with 0 when there are none, with 3 when missing actions could change that
    #[arg(long)]
    pub(super) exit_code: bool,
    /// With html: link to the other pages of the server
    #[arg(long, hide = true)]
    linked: bool,
}

impl AnswerFlags {
    /// The names in `--columns`. An output format among them is an error.
    pub(super) fn columns(&self) -> Result<&[String], Failure> {
        for name in &self.columns {
            if let Ok(format) = name.parse::<Format>() {
                return Err(Failure::usage(format!(
                    "--columns: `{format}` is an output format, not a column"
                ))
                .with_hint(format!("did you mean `-o {format}`?")));
            }
        }
        Ok(&self.columns)
    }

    /// True when notes explain the answer. A check in a script prints nothing when it finds nothing.
    pub(super) fn is_explained(&self, context: &Context) -> bool {
        let is_check = self.exit_code && !context.terminal.shows_answers;
        self.output.is_for_people() && !is_check
    }

    /// The exit status of an answer with this number of rows. An answer without rows that may be wrong is partial.
    pub(super) fn status(&self, rows: u64, basis: &Basis) -> Status {
        match rows {
            _ if !self.exit_code => Status::Done,
            1.. => Status::Found,
            0 if basis.is_doubtful() => Status::Partial,
            0 => Status::Done,
        }
    }
}

/// The result of a printed answer.
pub(super) struct Printed<T> {
    pub(super) rows: u64,
    pub(super) status: Status,
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
    if let Some(member) = &context.member {
        return hand_over(context, flags, member, ask);
    }
    print_to(
        context,
        flags,
        Stdout::new(context, flags.status(1, &context.basis)),
        ask,
    )
}

/// Hands the rows over to the answer about several accounts, and waits until that is printed. Its rows are counted.
fn hand_over<T, E: Into<Failure>>(
    context: &Context,
    flags: &AnswerFlags,
    member: &Member,
    ask: impl FnOnce(&mut Printer<'_>) -> Result<T, E>,
) -> Result<Printed<T>, Failure> {
    let mut printer = Printer {
        writer: Box::new(member.feed()),
        flags,
        basis: &context.basis,
        is_part: true,
        chosen: None,
        rows: 0,
        failure: None,
        broken: None,
    };
    let outcome = ask(&mut printer);
    let printed = printer.end(outcome)?;
    let rows = member.rows_of_all(printed.rows);
    Ok(Printed {
        rows,
        status: flags.status(rows, &context.basis),
        ..printed
    })
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
    let printed = printer.end(outcome);
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

/// Takes the rows of an answer, and passes on the chosen columns.
///
/// A question ends at the first row that cannot be written. The error is kept here for [`Printer::end`].
pub(super) struct Printer<'a> {
    writer: Box<dyn RowWriter + 'a>,
    flags: &'a AnswerFlags,
    basis: &'a Basis,
    /// True when the rows go into an answer about several accounts, which chooses the columns.
    is_part: bool,
    /// The indexes of the shown columns; `None` for all.
    chosen: Option<Vec<usize>>,
    pub(super) rows: u64,
    failure: Option<Failure>,
    broken: Option<io::Error>,
}

impl<'a> Printer<'a> {
    fn new(context: &'a Context, flags: &'a AnswerFlags, sink: &'a mut dyn Write) -> Self {
        let options = Options {
            header: !flags.no_header,
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
            writer: output::writer(flags.output, options, sink),
            flags,
            basis: &context.basis,
            is_part: false,
            chosen: None,
            rows: 0,
            failure: None,
            broken: None,
        }
    }

    /// Writes the rest of the answer, unless the question failed.
    fn end<T, E: Into<Failure>>(mut self, outcome: Result<T, E>) -> Result<Printed<T>, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let (written, outcome) = match (self.broken, outcome) {
            (Some(error), _) => (Err(error), None),
            (None, Err(error)) => return Err(error.into()),
            (None, Ok(outcome)) => (self.writer.finish(), Some(outcome)),
        };
        unless_closed(written)?;
        let hidden = self.writer.hidden();
        let hidden = hidden.iter().filter(|_| self.rows > 0);
        Ok(Printed {
            rows: self.rows,
            status: self.flags.status(self.rows, self.basis),
            outcome,
            hidden: hidden.map(ToString::to_string).collect(),
        })
    }

    fn kept<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        written.map_err(|error| {
            let kind = error.kind();
            self.broken.get_or_insert(error);
            kind.into()
        })
    }
}

impl RowWriter for Printer<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        if self.is_part {
            let written = self.writer.header(headings);
            return self.kept(written);
        }
        let chosen = match self.flags.columns() {
            Ok([]) => Ok(None),
            Ok(names) => choose(names, headings).map(Some),
            Err(failure) => Err(failure),
        };
        match chosen {
            Ok(chosen) => self.chosen = chosen,
            Err(failure) => {
                self.failure = Some(failure);
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        let mut headings: Vec<_> = match &self.chosen {
            None => headings.to_vec(),
            Some(chosen) => chosen.iter().map(|index| headings[*index]).collect(),
        };
        if let Some(name) = twice(headings.iter().map(|heading| heading.name))
            && matches!(self.flags.output, Format::Json | Format::Jsonl)
        {
            let message = format!("two columns are called `{name}`, but JSON needs unique names");
            self.failure = Some(
                Failure::usage(message)
                    .with_hint("rename one with AS, choose columns with --columns, or use -o csv"),
            );
            return Err(io::ErrorKind::InvalidInput.into());
        }
        while let Some(title) = twice(headings.iter().map(|heading| heading.title)) {
            let same = headings.iter_mut().filter(|heading| heading.title == title);
            let mut is_changed = false;
            for heading in same {
                is_changed |= heading.title != heading.name;
                heading.title = heading.name;
            }
            if !is_changed {
                break;
            }
        }
        let written = self.writer.header(&headings);
        self.kept(written)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows += 1;
        let written = match &self.chosen {
            None => self.writer.row(values),
            Some(chosen) => self.writer.row(&at(chosen, values)),
        };
        self.kept(written)
    }

    /// For people the label stands in the first empty column if its own is not shown. Without an empty column there is
    /// no total, because nobody could tell it from the other rows.
    fn total(&mut self, values: &[Value<'_>]) -> io::Result<()> {
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
        let written = self.writer.row(&shown);
        self.kept(written)
    }

    fn finish(&mut self) -> io::Result<()> {
        let written = self.writer.finish();
        self.kept(written)
    }
}

/// The values at these indexes.
fn at<'a>(indexes: &[usize], values: &[Value<'a>]) -> Vec<Value<'a>> {
    let value = |index: &usize| values.get(*index).copied().unwrap_or(Value::Null);
    indexes.iter().map(value).collect()
}

/// The first text that occurs a second time.
fn twice<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    texts.into_iter().find(|text| !seen.insert(*text))
}

/// The indexes of the named columns. A name matches a name or a title, in any case and with or without underscores, as
/// in doctl's `StartedAt`.
fn choose(names: &[String], headings: &[Heading<'_>]) -> Result<Vec<usize>, Failure> {
    let position = |name: &String| {
        let is_named = |heading: &Heading<'_>| is_same_name(heading.name, name);
        let is_titled = |heading: &Heading<'_>| is_same_name(heading.title, name);
        let found = headings.iter().position(is_named);
        found
            .or_else(|| headings.iter().position(is_titled))
            .ok_or_else(|| {
                let known: Vec<_> = headings.iter().map(|heading| heading.name).collect();
                Failure::usage(format!(
                    "--columns: `{name}` is not a column: use {}",
                    known.join(", ")
                ))
            })
    };
    names.iter().map(position).collect()
}

/// The size of a full write of a format. A shorter write is the end of an answer, when nothing is locked any more.
const LONG: usize = 64 * 1024;
const MOST_IN_MEMORY: usize = 1 << 20;
/// A limit, because an answer to SQL may never end.
const MOST_ASIDE: u64 = 4 << 30;

/// Takes whole rows, and waits for the reader only at the end.
pub(super) struct Outlet {
    terminal: Terminal,
    sink: Shared<dyn Write + Send>,
    queue: Option<Queue>,
    /// True when each write waits for the reader, because rows cannot be kept anywhere else.
    is_direct: bool,
}

type Shared<T> = Arc<Mutex<T>>;

/// Rows that wait for the reader.
struct Queue {
    portions: Sender<Portion>,
    thread: JoinHandle<io::Result<()>>,
    in_memory: Arc<AtomicUsize>,
    aside: Option<Shared<File>>,
    aside_length: u64,
}

enum Portion {
    InMemory(Vec<u8>),
    Aside {
        file: Shared<File>,
        start: u64,
        length: usize,
    },
}

impl Outlet {
    pub(super) fn new(terminal: Terminal, sink: impl Write + Send + 'static) -> Self {
        Self {
            terminal,
            sink: Arc::new(Mutex::new(sink)),
            queue: None,
            is_direct: false,
        }
    }

    /// Waits until all rows are written to the sink.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(queue) = self.queue.take() {
            drop(queue.portions);
            let broken = |_| Err(io::Error::other("the writing thread ended unexpectedly"));
            queue.thread.join().unwrap_or_else(broken)?;
        }
        lock(&self.sink).flush()
    }

    /// From now on, each write waits for the reader.
    fn go_direct(&mut self, reason: &str) {
        self.is_direct = true;
        self.terminal.warning(&format!(
            "the archive stays locked until the answer is read: {reason}"
        ));
    }

    /// Writes to the sink, after the rows that wait.
    fn write_directly(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.finish()?;
        lock(&self.sink).write_all(bytes)?;
        Ok(bytes.len())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.queue.is_none() && bytes.len() >= LONG && !self.is_direct {
            match Queue::start(&self.sink) {
                Ok(queue) => self.queue = Some(queue),
                Err(error) => self.go_direct(&format!("no thread can be started: {error}")),
            }
        }
        let Some(queue) = &mut self.queue else {
            return self.write_directly(bytes);
        };
        let portion = queue.portion(bytes);
        match portion.map(|portion| queue.portions.send(portion)) {
            Ok(Ok(())) => Ok(bytes.len()),
            // The thread has failed; `finish` returns its error.
            Ok(Err(_)) => self.write_directly(bytes),
            Err(error) => {
                self.go_direct(&format!(
                    "it cannot be stored in {}, which TMPDIR sets: {error}",
                    env::temp_dir().display()
                ));
                self.write_directly(bytes)
            }
        }
    }

    /// Does nothing: a format flushes at the end of each row.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn start(sink: &Shared<dyn Write + Send>) -> io::Result<Self> {
        let (portions, received) = mpsc::channel();
        let in_memory = Arc::<AtomicUsize>::default();
        let (sink, counter) = (Arc::clone(sink), Arc::clone(&in_memory));
        let hand_on = move || hand_on(&received, &mut *lock(&sink), &counter);
        Ok(Self {
            portions,
            thread: thread::Builder::new().spawn(hand_on)?,
            in_memory,
            aside: None,
            aside_length: 0,
        })
    }

    /// Keeps these bytes in memory or, beyond a limit, in a file.
    fn portion(&mut self, bytes: &[u8]) -> io::Result<Portion> {
        let length = bytes.len();
        if self.in_memory.load(Ordering::Relaxed) + length <= MOST_IN_MEMORY {
            self.in_memory.fetch_add(length, Ordering::Relaxed);
            return Ok(Portion::InMemory(bytes.to_vec()));
        }
        let start = self.aside_length;
        if start >= MOST_ASIDE {
            return Err(io::Error::other("it has more than 4 GiB"));
        }
        let file = match self.aside.take() {
            Some(file) => file,
            None => Arc::new(Mutex::new(tempfile::tempfile()?)),
        };
        let mut opened = lock(&file);
        opened.seek(SeekFrom::Start(start))?;
        opened.write_all(bytes)?;
        drop(opened);
        self.aside_length += length as u64;
        self.aside = Some(Arc::clone(&file));
        Ok(Portion::Aside {
            file,
            start,
            length,
        })
    }
}

/// Writes each portion in one piece, so that no row is cut when an answer is given up.
fn hand_on(
    portions: &Receiver<Portion>,
    sink: &mut dyn Write,
    in_memory: &AtomicUsize,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for portion in portions {
        match portion {
            Portion::InMemory(bytes) => {
                sink.write_all(&bytes)?;
                in_memory.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Portion::Aside {
                file,
                start,
                length,
            } => {
                buffer.resize(length, 0);
                let mut file = lock(&file);
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut buffer)?;
                drop(file);
                sink.write_all(&buffer)?;
            }
        }
    }
    Ok(())
}
