//! A list that has no more items than anybody would send in good faith: memory is taken by the item, and a body of a few
//! megabytes has room for a million.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// The most rows that are read of one answer; the API gives 200 at most
/// (<https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination>).
pub(super) const MOST_ROWS: usize = 10_000;

/// At most [`MOST_ROWS`] items.
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Few<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MOST_ROWS {
                return Err(A::Error::custom(format_args!(
                    "it has more than {MOST_ROWS} rows"
                )));
            }
            items.push(item);
        }
        Ok(Few(items))
    }
}
