//! The quick way through a page: members are found by a scan that knows few forms, and a region that was met before is
//! recognised by comparing bytes where its value begins, without a look at what the bytes mean.
//!
//! Nine tenths of a page are regions that the reader has met. Even a parser that skips them has to find where each
//! string ends, and that was most of the cost of a page. Decoding a page of 200 actions (475 KB, 14 regions) takes 2.7
//! times as long as decompressing it the plain way, and 0.9 times as long this way: a factor of three. Both ways and
//! `flate2` were timed in turns in one process, over twelve pages of the simulator; the ratios are those of the medians.
//!
//! **Why it is right.** The scan takes what it reads only in forms whose meaning is beyond doubt, and gives up on the
//! whole body at anything else; then the plain way ([`super::plain_actions`]) reads it from the start, and what that says
//! counts, the words of its errors too. So the scan need not read every page. What it does read has to be what the plain
//! way would have read:
//!
//! - It stands at the beginning of a value because every byte before it was taken as a token, never because a search
//!   found something that looks like a region. What stands inside strings or inside unknown values cannot mislead it.
//! - A known text is a whole JSON object. Where a body goes on with these bytes, the value *is* this object, because no
//!   JSON object is the beginning of another.
//! - Names and strings are taken here only when they are printable ASCII without escapes, numbers only when they are
//!   digits that do not begin with 0. Every other value is read by `serde_json`, from where it begins.
//! - Which value goes to which column, and what it means there, is the same code for both ways (`row`, `action`).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Page;
use super::action;
use super::few::{MOST_MEMBERS, MOST_ROW_BYTES, MOST_ROWS, MOST_VALUES};
use super::region::Regions;
use super::row::{self, KnownRegion, Row};
use crate::model::Action;

/// The page that a body is; `None` says nothing about the body but that it is left to the plain way.
pub(super) fn actions(body: &[u8], regions: &mut Regions) -> Option<Page<Action>> {
    let mut scan = Scan { body, at: 0 };
    let (mut rows, mut meta, mut links) = (None, None, None);
    scan.take(b'{')?;
    loop {
        match scan.name()? {
            b"actions" if rows.is_none() => rows = Some(scan.rows(regions)?),
            b"meta" if meta.is_none() => meta = Some(scan.value()?),
            b"links" if links.is_none() => links = Some(scan.value()?),
            // Twice the same, or the list of another page: the plain way says what it thinks of that.
            b"actions" | b"meta" | b"links" | b"droplets" => return None,
            _ => {
                scan.value()?;
            }
        }
        if !scan.goes_on(b'}')? {
            break;
        }
    }
    let is_whole = scan.peek().is_none();
    is_whole.then_some(super::page(meta, links, rows?, body.len()))
}

/// A body, and how far it was read. Each step is `None` at whatever it does not take.
struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space, which stays where it is.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.body.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        let is_there = self.peek()? == wanted;
        self.at += 1;
        is_there.then_some(())
    }

    /// Whether a list or an object goes on behind an item, or ends.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        (byte == b',' || byte == end).then_some(byte == b',')
    }

    fn rows(&mut self, regions: &mut Regions) -> Option<super::Rows<Action>> {
        self.take(b'[')?;
        let (mut rows, mut values) = (Vec::new(), 0);
        if self.peek()? == b']' {
            self.at += 1;
            return Some(rows);
        }
        loop {
            let row = self.row(regions)?;
            let row = Ok(action::from_row(row.id()?, row, regions));
            values += super::values_of(&row, regions);
            if rows.len() == MOST_ROWS || values > MOST_VALUES {
                return None;
            }
            rows.push(row);
            if !self.goes_on(b']')? {
                return Some(rows);
            }
        }
    }

    fn row(&mut self, regions: &mut Regions) -> Option<Row<'a>> {
        self.take(b'{')?;
        let begins_at = self.at - 1;
        let (mut row, mut members) = (Row::default(), 0);
        loop {
            let name = self.name()?;
            members += 1;
            match row::place(name) {
                Some(row::REGION) => match self.known_region(regions) {
                    Some(region) => row.set_known_region(region),
                    None => row.set(row::REGION, self.value()?),
                },
                Some(place) => row.set(place, self.value()?),
                None => {
                    let name = std::str::from_utf8(name).ok()?;
                    row.keep(Cow::Borrowed(name), self.value()?);
                }
            }
            let goes_on = self.goes_on(b'}')?;
            if members > MOST_MEMBERS || self.at - begins_at > MOST_ROW_BYTES {
                return None;
            }
            if !goes_on {
                return Some(row);
            }
        }
    }

    fn known_region(&mut self, regions: &mut Regions) -> Option<KnownRegion<'a>> {
        self.peek()?;
        let (length, shape) = regions.beginning(self.rest())?;
        let text = self.rest().get(..length)?;
        self.at += length;
        Some(KnownRegion { shape, text })
    }

    /// A member's name, up to behind its colon.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let length = plain_length(self.rest())?;
        let name = self.rest().get(..length)?;
        self.at += length;
        self.take(b'"')?;
        self.take(b':')?;
        Some(name)
    }

    /// The text of any value.
    fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let rest = self.rest();
        let length = match first {
            b'"' => string_length(rest),
            b'1'..=b'9' => integer_length(rest),
            b'n' => rest.starts_with(b"null").then_some(4),
            _ => None,
        };
        let Some(length) = length else {
            return self.unusual_value();
        };
        self.at += length;
        std::str::from_utf8(rest.get(..length)?).ok()
    }

    fn unusual_value(&mut self) -> Option<&'a str> {
        let mut values = serde_json::Deserializer::from_slice(self.rest()).into_iter();
        let value: &'a RawValue = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value.get())
    }
}

/// How many characters come before the quote that ends a string; nothing where an escape, or what is no printable
/// ASCII, comes first.
fn plain_length(text: &[u8]) -> Option<usize> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let length = text.iter().position(|byte| !is_plain(byte))?;
    (*text.get(length)? == b'"').then_some(length)
}

fn string_length(text: &[u8]) -> Option<usize> {
    Some(plain_length(text.get(1..)?)? + 2)
}

fn integer_length(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit())?;
    // A fraction or an exponent may follow, or what is no JSON.
    matches!(text.get(length)?, b',' | b'}').then_some(length)
}
