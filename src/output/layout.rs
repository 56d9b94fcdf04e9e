//! The columns of a table on a terminal: their widths, and which of them a narrow terminal hides.

use std::borrow::Cow;

use super::terminal::{shortened, visible, width};
use super::{Heading, Look};

/// The text between two columns.
pub(super) const GAP: usize = 2;
/// The number of characters of a time up to the minute.
const SHORT_TIME: usize = 16;
/// The minimum width of a shortened text column: less of a name is useless.
const NARROWEST: usize = 8;
/// The width that a text column keeps while another column can be hidden instead.
const COMFORTABLE: usize = 12;

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column {
    /// The title, as the header shows it.
    pub(super) title: String,
    /// The title, as `--columns` accepts it.
    name: String,
    pub(super) look: Look,
    rank: u8,
    width: usize,
    /// The width without bars, or without the seconds and the zone of times.
    bare_width: usize,
    is_bare: bool,
    is_hidden: bool,
    /// The column whose value is shown where a name is unknown, if it is hidden itself.
    pub(super) stand_in: Option<usize>,
    has_numbers: bool,
    has_text: bool,
}

impl Column {
    pub(super) fn new(heading: &Heading<'_>, has_title: bool) -> Self {
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
            is_bare: false,
            is_hidden: false,
            stand_in: None,
            has_numbers: false,
            has_text: false,
        }
    }

    /// Makes the column wide enough for this text.
    pub(super) fn admit(&mut self, text: &str, is_text: bool, is_number: bool) {
        self.width = self.width.max(width(text));
        self.bare_width = self.bare_width.max(width(&bare(text, self.look)));
        self.has_text |= is_text;
        self.has_numbers |= is_number;
    }

    fn is_flexible(&self) -> bool {
        self.has_text && self.look != Look::Time
    }

    fn gives_up(&self, is_time: bool) -> bool {
        (self.look == Look::Time) == is_time && self.bare_width < self.width
    }

    /// The width that the column needs at least, if a text may have `shortest` characters.
    fn least_width(&self, shortest: usize) -> usize {
        if self.is_flexible() {
            self.width.min(shortest)
        } else {
            self.width
        }
    }
}

/// Makes the columns fit a line: without bars, with shorter times, without the columns of the highest ranks, and with
/// shorter texts. Returns the unused width.
///
/// Numbers are never shortened, and times never cut: they would be others.
pub(super) fn fit(columns: &mut [Column], limit: usize, may_hide: bool) -> usize {
    for is_time in [false, true] {
        if total(columns, usize::MAX) <= limit {
            break;
        }
        for column in columns.iter_mut().filter(|it| it.gives_up(is_time)) {
            column.is_bare = true;
            column.width = column.bare_width;
        }
    }
    while may_hide && hide_one(columns, limit) {}
    for column in columns.iter_mut().filter(|it| it.is_flexible()) {
        column.width = column.width.min(limit.max(NARROWEST));
    }
    while total(columns, usize::MAX) > limit {
        let flexible = columns
            .iter_mut()
            .filter(|column| column.is_flexible() && !column.is_hidden && column.width > NARROWEST);
        let Some(widest) = flexible.max_by_key(|column| column.width) else {
            break;
        };
        widest.width -= 1;
    }
    limit.saturating_sub(total(columns, usize::MAX))
}

/// The width of a line, if each text has at most `shortest` characters.
fn total(columns: &[Column], shortest: usize) -> usize {
    let shown = || columns.iter().filter(|column| !column.is_hidden);
    let gaps = GAP * shown().count().saturating_sub(1);
    shown().map(|it| it.least_width(shortest)).sum::<usize>() + gaps
}

/// Hides the column of the highest rank, the last one of several, if the line is too long. Returns true if it did.
fn hide_one(columns: &mut [Column], limit: usize) -> bool {
    let shown = columns.iter().filter(|column| !column.is_hidden);
    let greatest = shown.clone().map(|column| column.rank).max().unwrap_or(0);
    let shortest = if greatest > 0 { COMFORTABLE } else { NARROWEST };
    if shown.count() < 2 || total(columns, shortest) <= limit {
        return false;
    }
    let mut last_first = columns.iter_mut().rev();
    let hidden = last_first.find(|column| !column.is_hidden && column.rank == greatest);
    hidden.map(|column| column.is_hidden = true).is_some()
}

/// The names of the hidden columns.
pub(super) fn hidden(columns: &[Column]) -> Vec<&str> {
    let hidden = columns.iter().filter(|column| column.is_hidden);
    hidden.map(|column| column.name.as_str()).collect()
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

/// A cell of a line. A text may be shortened.
pub(super) struct Piece<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) is_text: bool,
    pub(super) is_unknown: bool,
    pub(super) color: Option<&'static str>,
}

/// Passes on each cell of the shown columns, with the spaces before and after it. A cell that is too wide uses the slack
/// of the line. When a number is wider than the slack, the padding and the texts of the line give way.
pub(super) fn place<'a>(
    columns: &[Column],
    slack: usize,
    pieces: impl Iterator<Item = Piece<'a>>,
    mut put: impl FnMut(usize, &Piece<'a>, usize),
) {
    let pieces = shown(columns, pieces);
    let excess: usize = pieces.iter().map(|(column, it)| excess(column, it)).sum();
    let mut room = slack.saturating_sub(excess);
    let mut missing = excess.saturating_sub(slack);
    for (column, mut piece) in pieces {
        let given = missing.min(spare(column, &piece));
        missing -= given;
        let place = column.width - given;
        if is_flexible(column, &piece) {
            if let Cow::Owned(text) = shortened(&piece.text, place.saturating_add(room)) {
                piece.text = Cow::Owned(text);
            }
            room = room.saturating_sub(width(&piece.text).saturating_sub(place));
        }
        let padding = place.saturating_sub(width(&piece.text));
        if column.has_numbers && !column.has_text {
            put(padding, &piece, 0);
        } else {
            put(0, &piece, padding);
        }
    }
}

/// The cells of the shown columns, as they are shown.
fn shown<'a, 'columns>(
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
        piece.text = match std::mem::take(&mut piece.text) {
            Cow::Borrowed(text) => bare(text, column.look),
            Cow::Owned(text) => Cow::Owned(bare(&text, column.look).into_owned()),
        };
    }
    pieces
}

/// The number of characters by which a cell is wider than its column, and cannot be shortened.
fn excess(column: &Column, piece: &Piece<'_>) -> usize {
    if is_flexible(column, piece) {
        return 0;
    }
    width(&piece.text).saturating_sub(column.width)
}

/// The number of characters that a cell can give to one that is too wide.
fn spare(column: &Column, piece: &Piece<'_>) -> usize {
    let text = width(&piece.text);
    let least = if is_flexible(column, piece) {
        text.min(NARROWEST)
    } else {
        text
    };
    column.width.saturating_sub(least)
}

fn is_flexible(column: &Column, piece: &Piece<'_>) -> bool {
    piece.is_text && column.look != Look::Time
}
