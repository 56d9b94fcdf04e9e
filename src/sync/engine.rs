//! One sync run from beginning to end: finds out what to read, archives the answers, and reports the result.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::answer::Skipped;
use super::follow::Following;
use super::listing_sync::ListingSync;
use super::report::Event;
use super::report::{ListingResult, Report};
use super::session::{Scope, Session};
use super::{account, droplets, finalize, follow, gone, unsettled};
use crate::api::{self, Page};
use crate::archive::{self, Audit, ListingKind, PageRecord};
use crate::core::cancellation::Cancellation;
use crate::core::model::{Action, DropletId, IN_PROGRESS};

/// The time for pages that are under way to arrive after the sync run was told to stop.
pub(super) const STOP_WITHIN: Duration = Duration::from_secs(3);
/// The time to create deferred indexes after that.
const MAKE_INDEXES_WITHIN: Duration = Duration::from_secs(1);
/// The time since the stop after which the indexes are deferred again, whenever they were begun.
const NO_INDEXES_AFTER: Duration = Duration::from_secs(4);

impl Session<'_> {
    pub(super) async fn read_everything(
        mut self,
        cancellation: &Cancellation,
    ) -> Result<Report, archive::Error> {
        let mut stop = pin!(cancellation.requested(1));
        tokio::select! {
            prepared = self.prepare() => prepared?,
            () = &mut stop => self.stop(),
        }
        self.read_listings(stop.as_mut(), cancellation).await?;
        if finalize::queue_followed_where_account_fails(&mut self) {
            self.read_listings(stop.as_mut(), cancellation).await?;
        }
        if !self.is_halted() {
            tokio::select! {
                proven = gone::prove(&mut self) => proven?,
                () = &mut stop => self.stop(),
            }
        }
        while gone::read_on_in_the_account(&mut self)? {
            self.read_listings(stop.as_mut(), cancellation).await?;
        }
        self.keep_newest()?;
        finalize::finalize(&mut self)?;
        self.make_deferred_indexes(cancellation.clone())?;
        if !self.is_halted() {
            tokio::select! {
                done = finalize::everything_else(&mut self) => done?,
                () = &mut stop => self.stop(),
            }
        }
        Ok(self.report)
    }

    /// Creates the deferred indexes. If the sync run is told to stop, it creates as many as the time allows.
    fn make_deferred_indexes(&mut self, cancellation: Cancellation) -> Result<(), archive::Error> {
        let mut told_at = None;
        self.store.make_deferred_indexes(move || {
            if cancellation.is_requested() {
                told_at.get_or_insert_with(Instant::now);
            }
            told_at.is_some_and(|at| at.elapsed() > MAKE_INDEXES_WITHIN)
                || cancellation.is_over(NO_INDEXES_AFTER)
        })
    }

    /// Finds out which listings to read.
    async fn prepare(&mut self) -> Result<(), archive::Error> {
        account::check(self).await?;
        unsettled::find_pages(self)?;
        match &self.settings.scope {
            Scope::Account => {
                self.audit = self.next_audit(None)?;
                self.queue.push_back(ListingKind::Account);
            }
            Scope::Droplets { ids, tags } => {
                let mut ids = ids.clone();
                if !tags.is_empty() && !self.is_halted() {
                    ids.extend(droplets::with_tags(self, tags).await?);
                }
                self.prepare_droplets(ids).await?;
            }
        }
        Ok(())
    }

    /// Follows droplets through the account's listing if that is cheaper, and queues the listings of the others.
    async fn prepare_droplets(&mut self, ids: BTreeSet<DropletId>) -> Result<(), archive::Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut followed = self.store.follow_only(&ids)?;
        let first_page = if self.is_halted() {
            None
        } else {
            account::first_page(self, &mut followed).await?
        };
        self.audit = self.next_audit(Some(&ids))?;
        let total = first_page.as_ref().and_then(|page| page.total);
        self.following = Following::new(ids, followed, total);
        let from = first_page
            .as_ref()
            .filter(|_| !self.settings.full)
            .and_then(|page| self.following.worthwhile_from(page));
        self.queue_unfollowed();
        let Some(page) = first_page else {
            self.queue_followed();
            return Ok(());
        };
        self.note_actions_in_progress(&page);
        self.following
            .note_ids(page.rows.iter().flatten().map(|action| action.id));
        match from {
            Some(from) => {
                self.queue_followed_again();
                self.follow(from, &page)
            }
            None => {
                self.queue_followed();
                self.newest_page = Some(page);
                Ok(())
            }
        }
    }

    fn queue_unfollowed(&mut self) {
        self.queue
            .extend(self.following.unfollowed().map(ListingKind::Droplet));
    }

    fn queue_followed(&mut self) {
        self.queue
            .extend(self.following.followed().map(ListingKind::Droplet));
    }

    /// Queues the listings of followed droplets that are read anyway.
    fn queue_followed_again(&mut self) {
        let now = (self.settings.clock)();
        let due = self.following.due(now, self.settings.recheck_seconds);
        let mut again: BTreeSet<ListingKind> = due.map(ListingKind::Droplet).collect();
        again.extend(self.audit.map(|audit| audit.listing));
        // The archive may have open actions of droplets outside this sync run.
        let followed: BTreeSet<_> = self
            .following
            .followed()
            .map(ListingKind::Droplet)
            .collect();
        again.extend(
            self.open_pages
                .keys()
                .filter(|kind| followed.contains(kind)),
        );
        let queued: BTreeSet<ListingKind> = self.queue.iter().copied().collect();
        self.queue.extend(again.difference(&queued));
    }

    /// Archives the droplets' actions on the account's newest page, because the droplets' listings may lag behind it. This
    /// comes last: a listing that shows an archived action at a covered position is believed.
    fn keep_newest(&mut self) -> Result<(), archive::Error> {
        let Some(page) = self.newest_page.take() else {
            return Ok(());
        };
        let actions = page.rows.iter().flatten();
        let kept = actions.filter(|action| self.following.keeps(action));
        let rows: Vec<(&Action, bool)> = kept.map(|action| (action, false)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let listing = self.store.listing(ListingKind::Followed)?;
        let recorded = self.store.record_page(&PageRecord {
            listing: &listing,
            rows: &rows,
            covers: &[],
            total: None,
            run: self.run,
            now: (self.settings.clock)(),
        })?;
        self.report.counts.add(recorded);
        Ok(())
    }

    /// The page to audit in this sync run, from the account's listing or from the droplets' listings.
    fn next_audit(
        &self,
        ids: Option<&BTreeSet<DropletId>>,
    ) -> Result<Option<Audit>, archive::Error> {
        let Some(seconds) = self.settings.audit_seconds.filter(|_| !self.settings.full) else {
            return Ok(None);
        };
        let now = (self.settings.clock)();
        let ids = ids.map(|ids| ids.iter().copied().collect::<Vec<_>>());
        self.store.next_audit(ids.as_deref(), now, seconds)
    }

    /// Starts to read the account's listing from a position on. The first page is already read.
    fn follow(&mut self, from: u64, first_page: &Page<Action>) -> Result<(), archive::Error> {
        let account = self.store.listing(ListingKind::Account)?.proven();
        let listing = self.store.listing(ListingKind::Followed)?;
        let listing = self.following.at_known_length(listing);
        self.observer.observe(&Event::Opened {
            listing: listing.kind,
        });
        let mut reading = ListingSync::following(listing, &account, from);
        let first = reading.plan.next_page();
        self.readings.push(reading);
        match first {
            Some(page) => self.archive(self.readings.len() - 1, page, first_page),
            None => Ok(()),
        }
    }

    pub(super) fn open(&mut self, kind: ListingKind) -> Result<(), archive::Error> {
        self.observer.observe(&Event::Opened { listing: kind });
        let listing = self.store.listing(kind)?;
        let mut reading = ListingSync::new(listing, self.settings.full);
        if let Some(audit) = self.audit.take_if(|audit| audit.listing == kind) {
            reading.plan = reading.plan.auditing(audit.position);
        }
        if let (Some(newer), Some(total)) = (
            self.open_pages.remove(&kind),
            reading.listing.complete_total,
        ) {
            let positions = newer
                .into_iter()
                .filter_map(|newer| total.checked_sub(newer + 1));
            reading.plan = reading.plan.reading_again(positions);
        }
        self.readings.push(reading);
        Ok(())
    }

    pub(super) fn archive(
        &mut self,
        index: usize,
        page: u64,
        answered: &Page<Action>,
    ) -> Result<(), archive::Error> {
        let now = (self.settings.clock)();
        let reading = &mut self.readings[index];
        let listing = reading.listing.kind;
        // The archive keeps few of the actions that are only followed.
        let covered = reading.plan.covered();
        if let Some(covered) = covered.filter(|_| listing != ListingKind::Followed) {
            let missing = answered.total.unwrap_or(0).saturating_sub(covered);
            self.store.expect_new_actions(missing)?;
        }
        let (run, following) = (self.run, &self.following);
        let recorded = reading.archive(self.store, following, (page, answered), (run, now))?;
        let (covered, total) = reading.plan.progress();
        self.report.counts.add(recorded);
        self.observer.observe(&Event::Archived {
            listing,
            page,
            recorded,
            covered,
            total,
        });
        if let Some(inconsistency) = reading.forget_if_inconsistent(self.store)? {
            self.observer.observe(&Event::Inconsistent {
                listing,
                inconsistency: &inconsistency,
            });
            if reading.is_following() {
                self.following.note_inconsistency();
                self.store.follow_only(&BTreeSet::new())?;
            }
        }
        if let Some(result) = reading.decided() {
            self.close(index, result)?;
        }
        self.note_actions_in_progress(answered);
        self.note_rejected(listing, answered);
        Ok(())
    }

    fn note_rejected(&mut self, listing: ListingKind, answered: &Page<Action>) {
        for row in answered.rows.iter().filter_map(|row| row.as_ref().err()) {
            self.report.counts.rejected += 1;
            self.observer.observe(&Event::Rejected { listing, row });
        }
    }

    fn note_actions_in_progress(&mut self, answered: &Page<Action>) {
        let actions = answered.rows.iter().flatten();
        let open = actions.filter(|action| action.status.as_deref() == Some(IN_PROGRESS));
        self.seen_open.extend(open.map(|action| action.id));
    }

    pub(super) fn close(
        &mut self,
        index: usize,
        result: ListingResult,
    ) -> Result<(), archive::Error> {
        if self.readings[index].result.is_none() {
            let listing = self.readings[index].listing.kind;
            let result = self.unless_it_lags(listing, result)?;
            self.observer.observe(&Event::Closed {
                listing,
                result: &result,
            });
            self.readings[index].result = Some(result);
            finalize::note_complete(self, index)?;
        }
        Ok(())
    }

    /// The result of a droplet's own listing. The listing lags behind if the account's newest page, which was read
    /// before, shows actions that it lacks, and does not reach back to one that it has.
    fn unless_it_lags(
        &self,
        listing: ListingKind,
        result: ListingResult,
    ) -> Result<ListingResult, archive::Error> {
        let (Some(page), Some(id)) = (&self.newest_page, listing.droplet_id()) else {
            return Ok(result);
        };
        // The own listing of a gone droplet does not answer. The account's listing is read for it.
        if matches!(result, ListingResult::Gone) {
            return Ok(result);
        }
        let mut rows = page.rows.iter().flatten();
        let oldest = rows.rfind(|action| follow::is_on_droplet(action, id));
        let oldest = oldest.filter(|_| result.is_complete());
        match oldest
            .map(|action| self.store.count_known(&[action.id]))
            .transpose()?
        {
            Some(0) => Ok(ListingResult::Incomplete {
                reason:
                    "the account's listing shows newer actions: a server that lags behind answered"
                        .to_owned(),
            }),
            _ => Ok(result),
        }
    }

    pub(super) fn fail(
        &mut self,
        index: usize,
        page: u64,
        error: api::Error,
    ) -> Result<(), archive::Error> {
        let reading = &mut self.readings[index];
        if let Some(skipped) = reading.abandon(self.store, page)? {
            return self.skip_page(index, skipped, &error);
        }
        if let ListingKind::Droplet(id) = reading.listing.kind
            && error.is_not_found()
        {
            self.answered();
            if self.store.knows_droplet(id)? {
                // The sync run reads no more of it until the reason is known.
                self.readings[index].result = Some(ListingResult::NotRead);
                self.not_found.push((index, page, error));
                return Ok(());
            }
        }
        self.halt_if_hopeless(&error);
        self.close(index, ListingResult::Failed(error))
    }

    /// Continues without a page that was only read again: nothing is missing.
    fn skip_page(
        &mut self,
        index: usize,
        skipped: Skipped,
        error: &api::Error,
    ) -> Result<(), archive::Error> {
        let reading = &self.readings[index];
        let (id, decided) = (reading.listing.id, reading.decided());
        self.notice(&format!("an archived page was not read again: {error}"));
        let now = (self.settings.clock)();
        if let Some(position) = skipped.unproven_to {
            self.store.note_audit(id, position, false, now)?;
        }
        decided.map_or(Ok(()), |result| self.close(index, result))
    }
}
