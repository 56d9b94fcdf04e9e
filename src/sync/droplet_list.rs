//! A list of droplets, all of them or those with a tag, and the check that it is complete.
//!
//! The list may shift while it is read: if a droplet is destroyed between two pages, the first droplet of the next page
//! moves to a page that was already read. The totals of the pages show that. Only a list without an inconsistency
//! proves which droplets exist.

use std::collections::{BTreeSet, HashSet};

use crate::api::{PER_PAGE, Page};
use crate::core::model::{Droplet, DropletId};

/// More than any account has. The limit stops a list without end.
const MOST_DROPLETS: usize = 100_000;

/// The pages of the list that were read so far.
#[derive(Debug, Default)]
pub(super) struct DropletList {
    ids: Vec<DropletId>,
    /// Each tag of each droplet.
    tags: Vec<(DropletId, String)>,
    known: HashSet<DropletId>,
    pages: u64,
    total: Option<u64>,
    has_ended: bool,
    /// The first inconsistency, in words.
    inconsistency: Option<String>,
}

impl DropletList {
    /// The page to read next; `None` at the end.
    pub(super) fn next_page(&self) -> Option<u64> {
        (!self.has_ended).then_some(self.pages + 1)
    }

    /// Records that page, and returns the droplets that no earlier page had.
    pub(super) fn take(&mut self, page: Page<Droplet>) -> Vec<Droplet> {
        if self.pages > 0 && page.total != self.total {
            let said = |total: Option<u64>| total.map_or("none".to_owned(), |it| it.to_string());
            let (before, now) = (said(self.total), said(page.total));
            self.inconsistency(format!(
                "its total changed from {before} to {now} while it was read"
            ));
        }
        self.pages += 1;
        self.total = page.total;
        let rows = page.rows.len() as u64;
        let mut unknown = Vec::new();
        for row in page.rows {
            match row {
                Ok(droplet) if self.known.insert(droplet.id) => {
                    self.ids.push(droplet.id);
                    let tags = droplet.tags().unwrap_or_default().into_iter();
                    self.tags.extend(tags.map(|tag| (droplet.id, tag)));
                    unknown.push(droplet);
                }
                Ok(_) => {}
                Err(rejected) => {
                    self.inconsistency(format!("a row cannot be read: {}", rejected.reason));
                }
            }
        }
        let is_last = rows < PER_PAGE
            || page
                .total
                .is_some_and(|total| total <= self.pages * PER_PAGE);
        self.has_ended = is_last && !page.has_next || unknown.is_empty();
        if self.ids.len() >= MOST_DROPLETS {
            self.inconsistency(format!("it has more than {MOST_DROPLETS} droplets"));
            self.has_ended = true;
        }
        unknown
    }

    fn inconsistency(&mut self, why: String) {
        self.inconsistency.get_or_insert(why);
    }

    /// The ids of the droplets, in the order of the list.
    pub(super) fn ids(&self) -> &[DropletId] {
        &self.ids
    }

    /// True when the list has this droplet.
    pub(super) fn shows(&self, id: DropletId) -> bool {
        self.known.contains(&id)
    }

    /// The tags of the droplets, with repetitions.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|(_, tag)| tag.as_str())
    }

    /// The droplets that have any of these tags, each with the tag.
    pub(super) fn tagged_with<'a>(
        &'a self,
        tags: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (DropletId, &'a str)> {
        let all = self.tags.iter().map(|(id, tag)| (*id, tag.as_str()));
        all.filter(|(_, tag)| tags.contains(*tag))
    }

    /// The number of pages that were read.
    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    /// The inconsistency of the list, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        let found = self.ids.len() as u64;
        let by_number = || {
            let total = self.total.filter(|total| *total != found)?;
            Some(format!(
                "it shows {found} droplets, but its total is {total}"
            ))
        };
        self.inconsistency.clone().or_else(by_number)
    }

    /// True when the list was read to its end and its total matches.
    pub(super) fn is_proven(&self) -> bool {
        self.has_ended && self.total.is_some() && self.contradiction().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RejectedRow;

    fn page(ids: std::ops::Range<i64>, total: Option<u64>, has_next: bool) -> Page<Droplet> {
        let droplet = |id| {
            Ok(Droplet {
                id,
                name: None,
                region_slug: None,
                created_at: None,
                extra: crate::core::model::Extra::new(),
            })
        };
        Page {
            rows: ids.map(droplet).collect(),
            total,
            has_next,
            bytes: 1,
        }
    }

    fn read(pages: Vec<Page<Droplet>>) -> DropletList {
        let mut list = DropletList::default();
        for (number, page) in pages.into_iter().enumerate() {
            assert_eq!(list.next_page(), Some(number as u64 + 1));
            list.take(page);
        }
        list
    }

    #[test]
    fn a_list_whose_total_is_its_number_is_all_there_is() {
        let list = read(vec![
            page(0..200, Some(300), true),
            page(200..300, Some(300), false),
        ]);
        assert_eq!(
            (list.next_page(), list.pages(), list.ids().len()),
            (None, 2, 300)
        );
        assert!(list.is_proven());
        assert!(read(vec![page(0..0, Some(0), false)]).is_proven());
    }

    #[test]
    fn a_list_without_a_total_is_believed_and_proves_nothing() {
        let list = read(vec![page(0..3, None, false)]);
        assert_eq!((list.next_page(), list.contradiction()), (None, None));
        assert!(!list.is_proven());
    }

    #[test]
    fn a_list_that_shifts_while_it_is_read_is_not_all_there_is() {
        let list = read(vec![
            page(0..200, Some(300), true),
            page(201..300, Some(299), false),
        ]);
        assert_eq!(list.ids().len(), 299);
        let words = list.contradiction().unwrap();
        assert_eq!(words, "its total changed from 300 to 299 while it was read");
        assert!(!list.is_proven());
    }

    #[test]
    fn a_row_that_cannot_be_read_or_a_page_that_comes_again_is_a_contradiction() {
        let mut short = page(0..1, Some(2), false);
        short.rows.push(Err(RejectedRow {
            reason: "its `id` is not an integer".to_owned(),
            excerpt: String::new(),
        }));
        let words = read(vec![short]).contradiction().unwrap();
        assert_eq!(words, "a row cannot be read: its `id` is not an integer");
        let again = || page(0..200, Some(400), true);
        let list = read(vec![again(), again()]);
        assert_eq!(list.next_page(), None);
        let words = list.contradiction().unwrap();
        assert_eq!(words, "it shows 200 droplets, but its total is 400");
    }

    #[test]
    fn a_list_without_end_ends() {
        let mut list = DropletList::default();
        while let Some(number) = list.next_page() {
            let first = 200 * number as i64;
            list.take(page(first..first + 200, Some(u64::MAX), true));
        }
        assert_eq!(list.ids().len(), MOST_DROPLETS);
        assert!(list.contradiction().unwrap().contains("more than"));
    }
}
