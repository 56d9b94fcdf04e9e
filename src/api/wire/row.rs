//! One action's members, each with its column in mind, before any of them is read.
//!
//! Both ways through a body end here (`quick` and the plain one of `fields`), so what an action means is said once, in
//! `action`. Nine values by position take no search by name, and no memory of their own.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Fields, Members, kept};
use super::region::RegionShape;
use crate::model::{ActionId, Extra};

/// The members that have a column; everything else goes to `extra`.
pub(super) const KNOWN: [&str; 9] = [
    "id",
    "status",
    "type",
    "started_at",
    "completed_at",
    "resource_id",
    "resource_type",
    "region",
    "region_slug",
];

/// A region whose text was recognised without being read.
pub(super) struct KnownRegion<'a> {
    pub(super) shape: RegionShape,
    pub(super) text: &'a [u8],
}

/// The members of one action. Of a member that is given twice, the last counts.
#[derive(Default)]
pub(super) struct Row<'a> {
    values: [Option<&'a str>; KNOWN.len()],
    known_region: Option<KnownRegion<'a>>,
    pub(super) extra: Extra,
}

/// The place of a member in `KNOWN`. A `match` on lengths and bytes, and nothing at all where the name is constant.
#[inline]
pub(super) fn place(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"id" => 0,
        b"status" => 1,
        b"type" => 2,
        b"started_at" => 3,
        b"completed_at" => 4,
        b"resource_id" => 5,
        b"resource_type" => 6,
        b"region" => 7,
        b"region_slug" => 8,
        _ => return None,
    })
}

/// The place of `region`.
pub(super) const REGION: usize = 7;

impl<'a> Row<'a> {
    pub(super) fn of(fields: &Fields<'a>) -> Self {
        let mut row = Self::default();
        for (name, text) in fields.members() {
            match place(name.as_bytes()) {
                Some(place) => row.set(place, text),
                None => row.keep(name.clone(), text),
            }
        }
        row
    }

    pub(super) fn set(&mut self, place: usize, text: &'a str) {
        if place == REGION {
            self.known_region = None;
        }
        if let Some(value) = self.values.get_mut(place) {
            *value = Some(text);
        }
    }

    pub(super) fn set_known_region(&mut self, region: KnownRegion<'a>) {
        self.known_region = Some(region);
    }

    pub(super) fn keep(&mut self, name: Cow<'_, str>, text: &str) {
        self.extra
            .extend(kept(text).map(|text| (name.into_owned(), text)));
    }

    /// The action's id, where it is one.
    pub(super) fn id(&self) -> Option<ActionId> {
        self.get("id")?.parse().ok()
    }

    /// The region as it came, to be kept beside the columns.
    pub(super) fn kept_region(&self) -> Option<(String, Box<RawValue>)> {
        let text = match &self.known_region {
            Some(known) => std::str::from_utf8(known.text).ok()?,
            None => self.get("region")?,
        };
        Some(("region".to_owned(), kept(text)?))
    }

    pub(super) fn known_region(&self) -> Option<&KnownRegion<'a>> {
        self.known_region.as_ref()
    }
}

impl<'a> Members<'a> for Row<'a> {
    #[inline]
    fn get(&self, name: &str) -> Option<&'a str> {
        let text = self.values.get(place(name.as_bytes())?).copied().flatten();
        text.filter(|text| *text != "null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_member_has_its_own_place() {
        for (index, name) in KNOWN.iter().enumerate() {
            assert_eq!(place(name.as_bytes()), Some(index), "{name}");
        }
        assert_eq!(KNOWN[REGION], "region");
        assert_eq!(place(b"progress"), None);
    }
}
