//! One listing in a sync run: its page plan, and the archiving of its pages.

use std::collections::BTreeSet;

use super::answer::{Answer, Before, Placement, Skipped, Verdict};
use super::follow::Following;
use super::page_plan::PagePlan;
use super::report::ListingResult;
use crate::api::{self, Client, Page};
use crate::archive::{self, Listing, ListingKind, PageRecord, Recorded, RunId, Store};
use crate::core::coverage::Coverage;
use crate::core::model::{Action, ActionId, DropletId};
use crate::core::time::Timestamp;

/// One listing in one sync run.
pub(super) struct ListingSync {
    pub(super) listing: Listing,
    pub(super) plan: PagePlan,
    /// The position from which the listing is read.
    pub(super) from: u64,
    /// The positions at which every action of the account is archived, if the account's listing is read for droplets.
    account: Coverage,
    is_inconsistent: bool,
    /// Droplets with new rows in the account's listing, of a listing that follows them.
    unproven: BTreeSet<DropletId>,
    /// True when the account's listing is read for gone droplets, which no longer have their own listings.
    pub(super) is_after_the_gone: bool,
    /// The result, once the listing has ended.
    pub(super) result: Option<ListingResult>,
}

/// Requests a page of a listing.
pub(super) async fn fetch_page(
    client: &Client,
    kind: ListingKind,
    page: u64,
) -> Result<Page<Action>, api::Error> {
    match kind {
        ListingKind::Account | ListingKind::Followed => client.account_actions(page).await,
        ListingKind::Droplet(id) => client.droplet_actions(id, page).await,
    }
}

impl ListingSync {
    /// Reads the missing pages of a listing, or all pages when `is_full`.
    pub(super) fn new(listing: Listing, is_full: bool) -> Self {
        let mut plan = PagePlan::new(before(&listing), is_full);
        if listing.kind != ListingKind::Account {
            // The newest actions of droplets are on the account's newest page, or are requested by id.
            plan = plan.resuming();
        }
        Self::with_plan(listing, plan)
    }

    fn with_plan(listing: Listing, plan: PagePlan) -> Self {
        Self {
            listing,
            plan,
            from: 0,
            account: Coverage::new(),
            is_inconsistent: false,
            unproven: BTreeSet::new(),
            is_after_the_gone: false,
            result: None,
        }
    }

    /// Reads the remaining actions of gone droplets in the account's listing.
    pub(super) fn after_the_gone(listing: Listing, account: &Coverage, from: u64) -> Self {
        Self {
            is_after_the_gone: true,
            ..Self::following(listing, account, from)
        }
    }

    /// Reads the new actions of followed droplets in the account's listing, from a position on. `account` is the
    /// coverage of the account's own listing, which keeps every action, so it counts here too.
    pub(super) fn following(listing: Listing, account: &Coverage, from: u64) -> Self {
        let head_id = listing.head_id;
        let mut before = before(&listing);
        before.coverage.extend(account.intervals().iter().copied());
        before.total = before.total.max(Some(from));
        let mut plan = PagePlan::following(before, from, head_id);
        let read = account.intervals().iter().map(|covered| covered.end);
        if let Some(end) = read.max().filter(|end| *end > from) {
            plan = plan.with_border(end - 1);
        }
        Self {
            from,
            account: account.clone(),
            ..Self::with_plan(listing, plan)
        }
    }

    /// True when the listing shows the new actions of followed droplets.
    pub(super) fn is_following(&self) -> bool {
        self.listing.kind == ListingKind::Followed && !self.is_after_the_gone
    }

    /// True when everything is archived.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.result, Some(ListingResult::Complete { .. }))
    }

    /// The rows to archive, each with true when its position is covered already.
    fn rows_to_keep<'a>(
        &self,
        answered: &'a Page<Action>,
        placement: &Placement,
        following: &Following,
    ) -> Vec<(&'a Action, bool)> {
        let placed = answered.rows.iter().zip(&placement.expected);
        let placed = placed.map(|(row, expected)| (row.as_ref().ok(), *expected));
        if self.listing.kind == ListingKind::Followed {
            let positions = (placement.shown.start..placement.shown.end).rev();
            let archived = positions.map(|position| self.account.contains(position));
            only_kept(placed, archived, following)
        } else {
            let readable = placed.filter_map(|(row, expected)| Some((row?, expected)));
            readable.collect()
        }
    }

    /// Archives an answered page in a sync run, and passes the result to the page plan.
    pub(super) fn archive(
        &mut self,
        store: &mut Store,
        following: &Following,
        (page, answered): (u64, &Page<Action>),
        (run, now): (RunId, Timestamp),
    ) -> Result<Recorded, archive::Error> {
        let ids: Vec<Option<ActionId>> = answered
            .rows
            .iter()
            .map(|row| row.as_ref().ok().map(|action| action.id))
            .collect();
        let (total, has_next) = (answered.total, answered.has_next);
        let answer = Answer {
            page,
            ids: &ids,
            total,
            has_next,
        };
        let placement = self.plan.place(&answer);
        let rows = self.rows_to_keep(answered, &placement, following);
        let recorded = store.record_page(&PageRecord {
            listing: &self.listing,
            rows: &rows,
            covers: &placement.covers,
            total: placement.total,
            run,
            now,
        })?;
        if self.listing.kind == ListingKind::Followed {
            let new = rows.iter().filter(|(_, is_archived)| !is_archived);
            self.unproven
                .extend(new.filter_map(|(action, _)| action.resource_id));
        } else if self.plan.is_through_everything()
            && recorded.new_to_syncs() > 0
            && !self.listing.coverage.is_empty()
        {
            // These rows have no position yet. They would hide a shift from a sync that trusts earlier positions.
            self.forget_coverage(store)?;
        }
        self.plan.archived(&answer, &placement, recorded);
        self.look_up_what_the_plan_wants(store)?;
        Ok(recorded)
    }

    /// Records that a requested page has no answer. Returns a value if the page was only read again.
    pub(super) fn abandon(
        &mut self,
        store: &mut Store,
        page: u64,
    ) -> Result<Option<Skipped>, archive::Error> {
        let skipped = self.plan.abandon(page);
        self.look_up_what_the_plan_wants(store)?;
        Ok(skipped)
    }

    fn look_up_what_the_plan_wants(&mut self, store: &mut Store) -> Result<(), archive::Error> {
        if self.plan.wants_count() {
            let up_to = self.plan.count_up_to().unwrap_or(ActionId::MAX);
            let archived = store.archived_actions(self.listing.kind, ActionId::MIN, up_to)?;
            self.plan.counted(archived);
        }
        if self.plan.wants_comparison() {
            let kind = self.listing.kind;
            let archived = store.archived_actions(kind, ActionId::MIN, ActionId::MAX)?;
            self.plan.compared(archived, store.newest_action(kind)?);
        }
        if let Some(total) = self.plan.settles_for() {
            store.set_total(self.listing.kind, Some(total))?;
        }
        Ok(())
    }

    /// Forgets the coverage of a listing with an inconsistency. Returns the inconsistency the first time.
    pub(super) fn forget_if_inconsistent(
        &mut self,
        store: &mut Store,
    ) -> Result<Option<String>, archive::Error> {
        let Some(inconsistency) = self.plan.inconsistency().filter(|_| !self.is_inconsistent)
        else {
            return Ok(None);
        };
        let inconsistency = inconsistency.to_string();
        self.is_inconsistent = true;
        self.forget_coverage(store)?;
        if self.listing.kind == ListingKind::Followed {
            // The droplets' own listings are read instead, and the droplets are then followed from the new length. Their
            // new rows have no position there, so they would hide a shift.
            store.set_total(self.listing.kind, None)?;
            for id in std::mem::take(&mut self.unproven) {
                let own = store.listing(ListingKind::Droplet(id))?;
                store.forget_coverage(own.id)?;
            }
        }
        Ok(Some(inconsistency))
    }

    fn forget_coverage(&mut self, store: &mut Store) -> Result<(), archive::Error> {
        self.listing.coverage = Coverage::new();
        store.forget_coverage(self.listing.id)
    }

    /// The result of the page plan, once it has decided.
    pub(super) fn decided(&self) -> Option<ListingResult> {
        Some(match self.plan.verdict()? {
            Verdict::Complete { total } => ListingResult::Complete { total: *total },
            Verdict::Incomplete { reason } => ListingResult::Incomplete {
                reason: reason.to_string(),
            },
        })
    }
}

fn before(listing: &Listing) -> Before {
    Before {
        coverage: listing.coverage.clone(),
        total: listing.total,
        complete_total: listing.complete_total,
    }
}

/// The rows of the account's listing to keep, each with a flag: true when the row must already be archived. The flag is
/// true for all rows at positions that `archived` covers, and for followed droplets also at positions that this listing
/// covers.
fn only_kept<'a>(
    placed: impl Iterator<Item = (Option<&'a Action>, bool)>,
    archived: impl Iterator<Item = bool>,
    following: &Following,
) -> Vec<(&'a Action, bool)> {
    // A page without a place has no positions.
    let archived = archived.chain(std::iter::repeat(false));
    let rows = placed
        .zip(archived)
        .filter_map(|((row, is_covered), is_archived)| {
            let action = row.filter(|action| is_archived || following.keeps(action))?;
            Some((
                action,
                is_archived || is_covered && following.vouches_for(action),
            ))
        });
    rows.collect()
}
