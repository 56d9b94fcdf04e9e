//! How much of an answer is read: no more than anybody would send in good faith. Memory is taken by the item, and a body
//! of a few megabytes has room for a million of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// The most rows that are read of one answer; the API gives 200 at most
/// (<https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination>).
pub(super) const MOST_ROWS: usize = 10_000;

/// The longest text of a row that is read; an action has 2.5 KB, nearly all of it its region.
pub(super) const MOST_ROW_BYTES: usize = 1 << 20;
/// The most members of one object; an action has nine, a droplet some thirty.
pub(super) const MOST_MEMBERS: usize = 1_000;
/// The most texts of one list; a region has some hundred and fifty sizes.
pub(super) const MOST_TEXTS: usize = 1_000;
/// The most values that are kept of all actions of an answer, beside those that have a column: members that no column
/// knows, and what the lists of new regions hold.
pub(super) const MOST_VALUES: usize = 100_000;

/// A list of at most `MOST` items; nothing where it has more.
pub(super) struct Few<T, const MOST: usize>(pub(super) Option<Vec<T>>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
    type Value = Few<T, MOST>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MOST {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Few(None));
            }
            items.push(item);
        }
        Ok(Few(Some(items)))
    }
}
