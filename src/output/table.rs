//! Aligned columns, for people.
//!
//! Column widths depend on the rows, but the rows must not all be kept. So the first window of rows decides the widths,
//! and later rows use them. A narrow terminal hides columns. Numbers are never shortened, because a shortened number is
//! wrong.

use super::text::{grouped_integer, shortened, visible, width};
use super::{Heading, Look, Options, RowFormat, Value};
use crate::core::time::{Timestamp, Zone, duration_text};
use std::borrow::Cow;
use std::io;

/// The number of rows that decide the widths.
const WINDOW: usize = 500;
/// The number of spaces between two columns.
const GAP: usize = 2;
/// The number of characters of a time up to the minute.
const SHORT_TIME: usize = 16;
/// The minimum width of a shortened text column: less of a name is useless.
const NARROWEST: usize = 8;
/// The width that a text column keeps while another column can be hidden instead.
const COMFORTABLE: usize = 12;
/// The width of a bar of 100 percent, in characters.
const LONGEST_BAR: usize = 10;

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Writes rows as aligned columns.
pub(super) struct Table {
    options: Options,
    columns: Vec<Column>,
    /// The cells of the window, row by row; `None` when the widths are fixed.
    window: Option<Vec<Piece<'static>>>,
    /// The width that a line may have.
    longest: isize,
}

/// A cell of a line.
struct Piece<'a> {
    text: Cow<'a, str>,
    /// True for a text that may be shortened.
    is_flexible: bool,
    is_unknown: bool,
    color: Option<&'static str>,
}

impl Table {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            columns: Vec::new(),
            window: Some(Vec::new()),
            longest: isize::MAX,
        }
    }

    /// Fixes the widths, and writes the header and the window, unless that is done.
    fn lay_out(&mut self, bytes: &mut Vec<u8>) {
        let Some(cells) = self.window.take() else {
            return;
        };
        if let Some(limit) = self.options.width {
            fit(&mut self.columns, limit, self.options.hides_columns);
            let longest = limit.max(total(&self.columns, usize::MAX));
            self.longest = longest.cast_signed();
        }
        if !self.options.no_header {
            let color = self.options.is_colored.then_some(BOLD);
            let titles = self.columns.iter().map(|column| Piece {
                color,
                ..piece(&Value::Text(&column.title), Look::Plain, &self.options)
            });
            write_line(bytes, &self.columns, self.longest, titles);
        }
        let mut cells = cells.into_iter().peekable();
        while cells.peek().is_some() {
            let row = cells.by_ref().take(self.columns.len());
            write_line(bytes, &self.columns, self.longest, row);
        }
    }
}

impl RowFormat for Table {
    fn header(&mut self, headings: &[Heading<'_>], _: &mut Vec<u8>) -> io::Result<()> {
        let has_titles = !self.options.no_header;
        let columns = headings.iter().map(|it| Column::new(it, has_titles));
        self.columns = columns.collect();
        let place = |name| headings.iter().position(|heading| heading.name == name);
        if let Some(name) = place("droplet_name") {
            self.columns[name].stand_in = place("droplet_id").or_else(|| place("resource_id"));
        }
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        let Some(window) = &mut self.window else {
            let cells = values.iter().zip(&self.columns);
            let cells = cells.map(|(value, column)| piece(value, column.look, &self.options));
            write_line(bytes, &self.columns, self.longest, cells);
            return Ok(());
        };
        for (column, value) in self.columns.iter_mut().zip(values) {
            let piece = piece(value, column.look, &self.options);
            let is_number = matches!(value, Value::Integer(_) | Value::Real(_));
            column.admit(&piece.text, piece.is_flexible, is_number);
            let stand_in = column.stand_in.filter(|_| piece.is_unknown);
            if let Some(Value::Integer(id)) = stand_in.and_then(|id| values.get(id)) {
                column.admit(&id.to_string(), false, false);
            }
            window.push(Piece {
                text: Cow::Owned(piece.text.into_owned()),
                ..piece
            });
        }
        if window.len() >= WINDOW * self.columns.len() {
            self.lay_out(bytes);
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) {
        self.lay_out(bytes);
    }

    fn hidden(&self) -> Vec<&str> {
        let hidden = self.columns.iter().filter(|column| column.is_hidden);
        hidden.map(|column| column.name.as_str()).collect()
    }
}

/// A column of a table.
#[derive(Default)]
struct Column {
    /// The title, as the header shows it.
    title: String,
    /// The title, as `--columns` accepts it.
    name: String,
    look: Look,
    rank: u8,
    width: usize,
    /// The width without bars, or without the seconds and the zone of times.
    bare_width: usize,
    is_bare: bool,
    is_hidden: bool,
    /// The column whose value is shown where a name is unknown, if it is hidden itself.
    stand_in: Option<usize>,
    has_numbers: bool,
    /// True when one of its texts may be shortened.
    is_flexible: bool,
}

impl Column {
    fn new(heading: &Heading<'_>, has_title: bool) -> Self {
        let name = visible(heading.title);
        let title = match (heading.look, name.strip_suffix("_percent")) {
            (Look::Percent(_), Some(share)) => format!("{share} %"),
            _ => name.clone().into_owned(),
        };
        let title = title.to_uppercase();
        let width = if has_title { width(&title) } else { 0 };
        Self {
            title,
            name: name.into_owned(),
            look: heading.look,
            rank: heading.rank,
            width,
            bare_width: width,
            ..Self::default()
        }
    }

    /// Makes the column wide enough for this text.
    fn admit(&mut self, text: &str, is_flexible: bool, is_number: bool) {
        self.width = self.width.max(width(text));
        self.bare_width = self.bare_width.max(width(&bare(text, self.look)));
        self.is_flexible |= is_flexible;
        self.has_numbers |= is_number;
    }
}

/// Makes the columns fit a line: without bars, with shorter times, without the columns of the highest ranks, and with
/// shorter texts.
///
/// Numbers are never shortened, and times never cut: they would be others.
fn fit(columns: &mut [Column], limit: usize, may_hide: bool) {
    for is_time in [false, true] {
        let is_too_long = total(columns, usize::MAX) > limit;
        let can_give = |it: &&mut Column| is_too_long && it.bare_width < it.width;
        let columns = columns.iter_mut().filter(can_give);
        for column in columns.filter(|it| (it.look == Look::Time) == is_time) {
            column.is_bare = true;
            column.width = column.bare_width;
        }
    }
    if may_hide {
        hide(columns, limit);
    }
    while total(columns, usize::MAX) > limit {
        let flexible = columns
            .iter_mut()
            .filter(|column| column.is_flexible && !column.is_hidden && column.width > NARROWEST);
        let Some(widest) = flexible.max_by_key(|column| column.width) else {
            break;
        };
        widest.width -= 1;
    }
}

/// The width of a line, if each text has at most `shortest` characters.
fn total(columns: &[Column], shortest: usize) -> usize {
    let shown = || columns.iter().filter(|column| !column.is_hidden);
    let gaps = GAP * shown().count().saturating_sub(1);
    let least = |column: &Column| match column.is_flexible {
        true => column.width.min(shortest),
        false => column.width,
    };
    shown().map(least).sum::<usize>() + gaps
}

/// Hides columns until the line fits: those of the highest rank first, the last of several first. One column stays.
fn hide(columns: &mut [Column], limit: usize) {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|index| columns[*index].rank);
    for index in order.into_iter().skip(1).rev() {
        let is_important = columns[index].rank == 0;
        let shortest = if is_important { NARROWEST } else { COMFORTABLE };
        if total(columns, shortest) <= limit {
            break;
        }
        columns[index].is_hidden = true;
    }
}

/// `2020-07-20 19:37` for the time `2020-07-20T19:37:30Z`, and `12.5` for a share with its bar.
fn bare(text: &str, look: Look) -> Cow<'_, str> {
    match look {
        Look::Time => match (text.get(..10), text.get(10..11), text.get(11..SHORT_TIME)) {
            (Some(date), Some("T"), Some(clock)) => Cow::Owned(format!("{date} {clock}")),
            _ => Cow::Borrowed(text),
        },
        Look::Percent(_) | Look::Bar { .. } => Cow::Borrowed(text.trim_end_matches([' ', '█'])),
        _ => Cow::Borrowed(text),
    }
}

/// Writes one line. A text that is wider than its column takes the room that the line has. When a number is wider than
/// that, the padding and the texts of the line give way.
fn write_line<'a>(
    line: &mut Vec<u8>,
    columns: &[Column],
    longest: isize,
    pieces: impl Iterator<Item = Piece<'a>>,
) {
    let start = line.len();
    let pieces = shown_pieces(columns, pieces);
    let widths = pieces.iter().map(|(column, it)| needed(column, it));
    let gaps = GAP * pieces.len().saturating_sub(1);
    let mut room = longest - (widths.sum::<usize>() + gaps).cast_signed();
    for (number, (column, mut piece)) in pieces.into_iter().enumerate() {
        let (usual, length) = (needed(column, &piece), width(&piece.text));
        let least = match piece.is_flexible {
            true => length.min(NARROWEST),
            false => length,
        };
        let place = usual.saturating_add_signed(room);
        let place = place.clamp(least.min(usual), length.max(usual));
        room -= place.cast_signed() - usual.cast_signed();
        if let Cow::Owned(text) = shortened(&piece.text, place) {
            piece.text = Cow::Owned(text);
        }
        let padding = place.saturating_sub(width(&piece.text));
        let is_right = column.has_numbers && !column.is_flexible;
        let gap = if number > 0 { GAP } else { 0 };
        pad(line, if is_right { gap + padding } else { gap });
        let plain = piece.color.map_or("", |_| PLAIN);
        for part in [piece.color.unwrap_or(""), &piece.text, plain] {
            line.extend_from_slice(part.as_bytes());
        }
        pad(line, if is_right { 0 } else { padding });
    }
    while line.len() > start && line.last() == Some(&b' ') {
        line.pop();
    }
    line.push(b'\n');
}

fn pad(line: &mut Vec<u8>, spaces: usize) {
    line.resize(line.len() + spaces, b' ');
}

/// The cells of the shown columns, as they are shown.
fn shown_pieces<'a, 'columns>(
    columns: &'columns [Column],
    pieces: impl Iterator<Item = Piece<'a>>,
) -> Vec<(&'columns Column, Piece<'a>)> {
    let mut pieces: Vec<_> = columns.iter().zip(pieces).collect();
    for index in 0..pieces.len() {
        let (column, piece) = &pieces[index];
        let stand_in = column.stand_in.filter(|_| piece.is_unknown);
        if let Some(id) = stand_in.filter(|id| columns[*id].is_hidden) {
            pieces[index].1.text = std::mem::take(&mut pieces[id].1.text);
        }
    }
    pieces.retain(|(column, _)| !column.is_hidden);
    for (column, piece) in pieces.iter_mut().filter(|(column, _)| column.is_bare) {
        piece.text = Cow::Owned(bare(&piece.text, column.look).into_owned());
    }
    pieces
}

/// The width that a cell has in a line without other room: that of its column, unless it is wider and cannot be
/// shortened.
fn needed(column: &Column, piece: &Piece<'_>) -> usize {
    match piece.is_flexible {
        true => column.width,
        false => column.width.max(width(&piece.text)),
    }
}

/// The cell of a value, with a bar for a share.
fn piece<'a>(value: &Value<'a>, look: Look, options: &Options) -> Piece<'a> {
    let text = shown(value, look, options);
    let text = match (value, look) {
        (Value::Real(percent), Look::Percent(_)) => {
            format!("{text:>5} {}", bar(percent / 100.0)).into()
        }
        (Value::Integer(number), Look::Bar { greatest }) => {
            // A total is greater than the greatest, and no part of anything.
            let part = Some(*number).filter(|number| *number <= greatest);
            let share = part.unwrap_or(0) as f64 / greatest.max(1) as f64;
            format!("{text} {}", bar(share)).into()
        }
        _ => text,
    };
    Piece {
        text,
        is_flexible: matches!(value, Value::Text(_) | Value::Json(_)) && look != Look::Time,
        is_unknown: *value == Value::Null,
        color: color(value, look).filter(|_| options.is_colored),
    }
}

/// The text of a value, without anything that a terminal would act on.
pub(super) fn shown<'a>(value: &Value<'a>, look: Look, options: &Options) -> Cow<'a, str> {
    match (value, look) {
        (Value::Null, _) => Cow::Borrowed("-"),
        (Value::Integer(seconds), Look::Seconds) => Cow::Owned(duration_text(*seconds)),
        (Value::Real(seconds), Look::Seconds) => {
            #[expect(clippy::cast_possible_truncation, reason = "a duration of an action")]
            let seconds = seconds.round() as i64;
            Cow::Owned(duration_text(seconds))
        }
        (Value::Real(percent), Look::Percent(round)) => {
            Cow::Owned(format!("{:.1}", round.share(*percent)))
        }
        (Value::Text(time), Look::Time) => match time.parse::<Timestamp>() {
            Ok(instant) if options.zone != Zone::utc() => {
                Cow::Owned(instant.in_zone(&options.zone))
            }
            // An invalid time is shown unchanged.
            _ => visible(time),
        },
        (Value::Integer(number), Look::Number | Look::Bar { .. }) => {
            Cow::Owned(grouped_integer(*number))
        }
        (Value::Integer(integer), _) => Cow::Owned(integer.to_string()),
        (Value::Real(real), _) => Cow::Owned(format!("{real:?}")),
        (Value::Text(text) | Value::Json(text), _) => visible(text),
    }
}

/// The colour of a value: green, red or yellow.
fn color(value: &Value<'_>, look: Look) -> Option<&'static str> {
    match (value, look) {
        (Value::Text("completed"), Look::Status) => Some("\x1b[32m"),
        (Value::Text("errored"), Look::Status) => Some("\x1b[31m"),
        (Value::Text("in-progress"), Look::Status) => Some("\x1b[33m"),
        _ => None,
    }
}

/// A bar for a share from 0 to 1, padded with spaces to the longest bar.
fn bar(share: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a number from 0 to the longest bar"
    )]
    let length = (share.clamp(0.0, 1.0) * LONGEST_BAR as f64).round() as usize;
    format!("{:LONGEST_BAR$}", "█".repeat(length))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CELLS, COLUMNS, plain, written, written_under};
    use super::super::{Format, Heading, Options, RowWriter, Value, Writer};
    use super::{WINDOW, *};

    fn table(width: Option<usize>, columns: &[&str], rows: &[&[Value<'_>]]) -> String {
        let options = Options {
            width,
            ..Options::default()
        };
        written(Format::Table, options, columns, rows)
    }

    fn widths(text: &str) -> Vec<usize> {
        text.lines().map(crate::output::text::width).collect()
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let reboot: [Value<'_>; 4] = [
            Value::Integer(7),
            Value::Text("reboot"),
            Value::Null,
            Value::Text("nyc3"),
        ];
        assert_eq!(
            table(None, &COLUMNS, &[&CELLS, &reboot]),
            "              ID  TYPE       SHARE  REGION_SLUG\n\
             9007199254740993  re\"boot\\n    1.0  -\n\
             \x20              7  reboot         -  nyc3\n"
        );
    }

    #[test]
    fn no_rows_are_the_header_alone() {
        assert_eq!(table(None, &["id", "type"], &[]), "ID  TYPE\n");
        let options = Options {
            no_header: true,
            ..Options::default()
        };
        assert_eq!(written(Format::Table, options.clone(), &["id"], &[]), "");
        let row: &[Value<'_>] = &[Value::Integer(1), Value::Text("x")];
        assert_eq!(
            written(Format::Table, options, &["id", "type"], &[row]),
            "1  x\n"
        );
    }

    #[test]
    fn a_line_never_ends_in_spaces() {
        let row: &[Value<'_>] = &[Value::Text("a"), Value::Text("")];
        assert_eq!(
            table(None, &["type", "region"], &[row]),
            "TYPE  REGION\na\n"
        );
    }

    #[test]
    fn the_widest_texts_are_shortened_to_fit_the_terminal_and_numbers_never() {
        let long = "a-droplet-with-a-long-name.example.com";
        let row: &[Value<'_>] = &[
            Value::Integer(2_208_110_887),
            Value::Text(long),
            Value::Text("nyc3"),
        ];
        let text = table(Some(40), &["id", "name", "region"], &[row]);
        assert!(widths(&text).iter().all(|width| *width <= 40), "{text}");
        assert!(
            text.contains("2208110887  a-droplet-with-a-lo…  nyc3"),
            "{text}"
        );

        let cramped = table(Some(10), &["id", "name", "region"], &[row]);
        assert!(cramped.contains("2208110887  a-dropl…  nyc3"), "{cramped}");
    }

    #[test]
    fn a_total_after_many_rows_is_wider_than_its_column_and_not_than_the_terminal() {
        let day: &[Value<'_>] = &[
            Value::Text("2020-07"),
            Value::Integer(11),
            Value::Integer(7_777),
            Value::Integer(99),
        ];
        let total: &[Value<'_>] = &[
            Value::Text("total"),
            Value::Integer(5),
            Value::Integer(3_888_500),
            Value::Integer(99_999),
        ];
        let mut rows = vec![day; WINDOW];
        rows.push(total);
        let text = table(Some(25), &["month", "a_id", "b_id", "c_id"], &rows);
        assert!(widths(&text).iter().all(|width| *width <= 25), "{text}");
        assert!(text.contains("3888500") && text.contains("99999"), "{text}");
    }

    #[test]
    fn a_status_has_its_colour_and_no_width_is_lost_to_it() {
        let mut sink = Vec::new();
        let options = Options {
            is_colored: true,
            ..Options::default()
        };
        let mut writer = Writer::new(Format::Table, options, &mut sink);
        let headings = [Heading::named("status"), Heading::named("took_seconds")];
        writer.header(&headings).unwrap();
        for (status, seconds) in [("errored", 5), ("completed", 42)] {
            writer
                .row(&[Value::Text(status), Value::Integer(seconds)])
                .unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        let text = String::from_utf8(sink).unwrap();
        let plain = text
            .replace("\u{1b}[1m", "<b>")
            .replace("\u{1b}[31m", "<r>")
            .replace("\u{1b}[32m", "<g>")
            .replace("\u{1b}[0m", "</>");
        let expected =
            "<b>STATUS</>     <b>TOOK</>\n<r>errored</>      5s\n<g>completed</>   42s\n";
        assert_eq!(plain, expected);
    }

    #[test]
    fn a_time_gives_up_its_seconds_and_is_never_cut() {
        let time = "2020-07-20T19:37:30Z";
        let row: &[Value<'_>] = &[Value::Text(time), Value::Text("a-droplet-with-a-long-name")];
        for (limit, expected) in [
            (60, "2020-07-20T19:37:30Z  a-droplet-with-a-long-name"),
            (44, "2020-07-20 19:37  a-droplet-with-a-long-name"),
            (28, "2020-07-20 19:37  a-droplet…"),
            (10, "2020-07-20 19:37  a-dropl…"),
        ] {
            let mut sink = Vec::new();
            let options = Options {
                width: Some(limit),
                ..Options::default()
            };
            let mut writer = Writer::new(Format::Table, options, &mut sink);
            writer
                .header(&[Heading::named("started_at"), Heading::plain("name")])
                .unwrap();
            writer.row(row).unwrap();
            writer.finish().unwrap();
            drop(writer);
            let text = String::from_utf8(sink).unwrap();
            assert_eq!(text.lines().last(), Some(expected), "{limit}");
        }
    }

    /// The table of three droplets' downtime, and the names of the hidden columns.
    fn narrow(limit: usize) -> (String, Vec<String>) {
        let headings = [
            "droplet_id",
            "droplet_name",
            "off_at",
            "off_by",
            "downtime_seconds",
        ];
        let options = Options {
            width: Some(limit),
            hides_columns: true,
            ..Options::default()
        };
        let mut sink = Vec::new();
        let mut writer = Writer::new(Format::Table, options, &mut sink);
        writer.header(&headings.map(Heading::named)).unwrap();
        let row = [
            Value::Integer(3_164_444),
            Value::Text("web-1.example.com"),
            Value::Text("2020-07-20T19:37:30Z"),
            Value::Text("power_off"),
            Value::Integer(3_700),
        ];
        writer.row(&row).unwrap();
        writer.finish().unwrap();
        let hidden = writer.hidden().iter().map(ToString::to_string).collect();
        drop(writer);
        (String::from_utf8(sink).unwrap(), hidden)
    }

    #[test]
    fn a_narrow_terminal_hides_the_least_important_columns_and_no_line_is_too_long() {
        for (limit, expected) in [
            (80, vec![]),
            (60, vec!["droplet_id"]),
            (50, vec!["droplet_id", "off_by"]),
            (40, vec!["droplet_id", "off_by"]),
            (30, vec!["droplet_id", "off", "off_by"]),
        ] {
            let (text, hidden) = narrow(limit);
            assert_eq!(hidden, expected, "{limit}: {text}");
            assert!(widths(&text).iter().all(|width| *width <= limit), "{text}");
        }
        assert_eq!(
            narrow(30).0,
            "DROPLET            DOWNTIME\nweb-1.example.com     1h 1m\n"
        );
    }

    #[test]
    fn a_droplet_without_a_name_is_shown_by_its_hidden_id() {
        let headings = ["droplet_id", "droplet_name", "downtime_seconds"].map(Heading::named);
        let row = [Value::Integer(3_164_444), Value::Null, Value::Integer(60)];
        for (limit, expected) in [
            (20, "3164444        1m"),
            (80, "   3164444  -              1m"),
        ] {
            let options = Options {
                width: Some(limit),
                hides_columns: true,
                ..Options::default()
            };
            let text = written_under(Format::Table, options, &headings, &[&row]);
            assert_eq!(text.lines().last(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_later_number_that_is_wider_takes_the_room_of_a_name() {
        let early: &[Value<'_>] = &[Value::Integer(1), Value::Text("a-name-of-20-letters")];
        let late: &[Value<'_>] = &[Value::Integer(123_456), Value::Text("a-name-of-20-letters")];
        let mut rows = vec![early; WINDOW];
        rows.push(late);
        let text = table(Some(24), &["id", "name"], &rows);
        assert_eq!(text.lines().last(), Some("123456  a-name-of-20-le…"));
    }

    #[test]
    fn a_bar_goes_before_a_column() {
        let row: &[Value<'_>] = &[Value::Integer(1_500), Value::Real(12.5)];
        let options = Options {
            width: Some(20),
            ..Options::default()
        };
        let text = written_under(Format::Table, options, &HEADINGS, &[row]);
        assert_eq!(text, "COUNT  ERRORED\n1,500     12.5\n");
    }

    #[test]
    fn wide_characters_count_as_wide() {
        let first: &[Value<'_>] = &[Value::Text("日本"), Value::Text("x")];
        let second: &[Value<'_>] = &[Value::Text("abcd"), Value::Text("y")];
        assert_eq!(
            table(None, &["n", "t"], &[first, second]),
            "N     T\n日本  x\nabcd  y\n"
        );
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let row: &[Value<'_>] = &[Value::Text("\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J")];
        let text = table(None, &["na\u{1b}me"], &[row]);
        assert_eq!(text, "NA\\X1BME\n\\x1b]0;owned\\x07\\u{202e}\\x9b2J\n");
    }

    #[test]
    fn a_cell_after_the_window_is_whole_where_there_is_room() {
        let short: &[Value<'_>] = &[Value::Text("ab"), Value::Integer(1)];
        let long: &[Value<'_>] = &[
            Value::Text("a-later-and-longer-name"),
            Value::Integer(12_345),
        ];
        let mut rows = vec![short; WINDOW];
        rows.push(long);
        for (width, expected) in [
            (None, "a-later-and-longer-name  12345"),
            (Some(80), "a-later-and-longer-name  12345"),
            (Some(12), "a-la…  12345"),
        ] {
            let text = table(width, &["name", "id"], &rows);
            assert_eq!(text.lines().last(), Some(expected));
        }
    }

    #[test]
    fn only_the_window_is_kept() {
        let mut sink = Vec::new();
        let mut writer = Writer::new(Format::Table, Options::default(), &mut sink);
        writer.header(&plain(&["id"])).unwrap();
        for id in 0..50_000 {
            writer.row(&[Value::Integer(id)]).unwrap();
        }
        drop(writer);
        assert!(
            sink.len() > 128 * 1024,
            "rows wait for the end: {}",
            sink.len()
        );
    }

    const HEADINGS: [Heading<'_>; 2] = [
        Heading {
            name: "count",
            title: "count",
            look: Look::Bar { greatest: 2_000 },
            rank: 0,
        },
        Heading {
            name: "errored_percent",
            title: "errored",
            look: Look::Percent(crate::output::Round::Nearest),
            rank: 0,
        },
    ];

    fn shown(format: Format, rows: &[(i64, f64)]) -> String {
        let rows: Vec<_> = rows
            .iter()
            .map(|(count, percent)| [Value::Integer(*count), Value::Real(*percent)])
            .collect();
        let rows: Vec<&[Value<'_>]> = rows.iter().map(|row| row.as_slice()).collect();
        written_under(format, Options::default(), &HEADINGS, &rows)
    }

    #[test]
    fn a_person_sees_a_bar_that_is_longest_for_the_greatest() {
        let text = shown(Format::Table, &[(2_000, 0.0), (500, 99.9), (0, 33.3)]);
        assert_eq!(
            text,
            "           COUNT           ERRORED\n\
             2,000 ██████████    0.0\n  \
             500 ███          99.9 ██████████\n    \
             0              33.3 ███\n"
        );
    }

    #[test]
    fn a_program_is_given_the_numbers_alone() {
        assert_eq!(
            shown(Format::Csv, &[(2_000, 12.5)]),
            "count,errored_percent\n2000,12.5\n"
        );
    }
}
