//! The checks of [`PagePlan`]: each answer is compared with its own claims and with the known state. The list of checks
//! is in the parent module.

use super::{Answer, PagePlan, Placement};
use crate::api::PER_PAGE;
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;
use crate::sync::answer::Inconsistency;

impl PagePlan {
    /// Checks an answer, and places its rows.
    pub(super) fn check(
        &mut self,
        answer: &Answer<'_>,
        known_total: u64,
    ) -> Result<Placement, Inconsistency> {
        let is_end = answer.ids.is_empty() && self.page_past_the_end() == Some(answer.page);
        let total = match answer.total {
            // This total is the length of this page.
            Some(0) if is_end => self.latest_total,
            total => total.ok_or(Inconsistency::NoTotal)?,
        };
        if total < known_total {
            return Err(Inconsistency::Shrunk {
                before: known_total,
                now: total,
            });
        }
        let shown = Interval::of_page(answer.page, PER_PAGE, total);
        let found = answer.ids.len() as u64;
        if found != shown.len() {
            return Err(Inconsistency::RowCount {
                page: answer.page,
                expected: shown.len(),
                found,
            });
        }
        if shows_an_id_twice(answer) {
            return Err(Inconsistency::Repeated { page: answer.page });
        }
        if self.seen.is_some() && !is_newest_first(answer) {
            return Err(Inconsistency::Order { page: answer.page });
        }
        if shown.start == 0 && answer.has_next {
            return Err(Inconsistency::LinksOn { page: answer.page });
        }
        if self.first_target.is_none() && self.before.total == Some(total) {
            self.drop_borders(total, shown);
        }
        self.first_target.get_or_insert(total);
        self.target.get_or_insert(total);
        let mut placement = self.placement(answer, shown, total);
        self.check_border(answer, &placement)?;
        self.hold_back_after_borders(&mut placement);
        Ok(placement)
    }

    /// Drops borders that cannot have shifted, because the total is that of an earlier sync run. If the newest action is
    /// the same too, none was removed since then.
    fn drop_borders(&mut self, total: u64, shown: Interval) {
        let (proven, covered) = (self.before.complete_total, &self.coverage);
        let has_same_newest = shown.end == total && total > 0 && covered.contains(total - 1);
        // A sync run may have been killed before it looked at a border.
        let is_marked = |after: u64| !covered.contains(after) && covered.contains(after + 1);
        self.borders.retain(|border| {
            let after = border + 1;
            let is_inside = after < total && !has_same_newest;
            Some(after) == proven || is_marked(after) || is_inside
        });
    }

    /// Holds back the position after a border that no page has shown yet. The page with the border releases it.
    fn hold_back_after_borders(&mut self, placement: &mut Placement) {
        let first = placement.shown.start;
        let borders = &self.borders;
        let is_held = |position: u64| position > 0 && borders.contains(&(position - 1));
        if is_held(first) && !self.coverage.contains(first) {
            self.held.insert(first);
            let at_first = placement.covers.iter_mut().find(|read| read.start == first);
            at_first.into_iter().for_each(|read| read.start += 1);
        }
        let freed = self.held.iter().filter(|position| !is_held(**position));
        placement
            .covers
            .extend(freed.map(|position| Interval::at(*position)));
        self.held.retain(|position| is_held(*position));
    }

    /// Checks that new actions have greater ids than old ones if only some rows are kept, because nothing else
    /// separates the two.
    fn check_border(
        &mut self,
        answer: &Answer<'_>,
        placement: &Placement,
    ) -> Result<(), Inconsistency> {
        let page = answer.page;
        let shown = placement.shown;
        self.borders
            .retain(|border| !(shown.start..shown.end).contains(border));
        let Some(head_id) = self.head_id else {
            return Ok(());
        };
        let rows = (shown.start..shown.end).rev().zip(answer.ids);
        for ((position, id), is_covered) in rows.zip(&placement.expected) {
            match id {
                Some(id) if *id <= head_id && !is_covered => {
                    return Err(Inconsistency::OldAmongNew { page });
                }
                Some(id) if *id > head_id && position < self.from => {
                    return Err(Inconsistency::NewAmongOld { page });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Places the rows of an answer at its positions, newest first.
    fn placement(&mut self, answer: &Answer<'_>, shown: Interval, total: u64) -> Placement {
        let mut covers = Coverage::new();
        let is_readable = answer.ids.iter().all(Option::is_some);
        if is_readable {
            covers.insert(shown);
        }
        let mut expected = Vec::with_capacity(answer.ids.len());
        for (position, id) in (shown.start..shown.end).rev().zip(answer.ids) {
            if !is_readable {
                let alone = Interval::at(position);
                match id {
                    Some(_) => covers.insert(alone),
                    None => self.unreadable.insert(alone),
                }
            }
            expected.push(self.coverage.contains(position));
        }
        Placement {
            covers: covers.intervals().to_vec(),
            expected,
            shown,
            total: Some(total),
        }
    }
}

fn shows_an_id_twice(answer: &Answer<'_>) -> bool {
    let mut ids: Vec<ActionId> = answer.ids.iter().flatten().copied().collect();
    let readable = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() < readable
}

/// True when ids descend, as they do if new actions appear at the head. If only some rows are kept, this is the only
/// proof that new positions have new actions.
fn is_newest_first(answer: &Answer<'_>) -> bool {
    answer
        .ids
        .iter()
        .flatten()
        .is_sorted_by(|newer, older| newer > older)
}
