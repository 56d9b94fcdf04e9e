//! One sync run from beginning to end: finds out what to read, has it read, and reports the result.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::follow::Following;
use super::listing_sync::ListingSync;
use super::report::{Event, Report};
use super::session::{Scope, Session};
use super::{account, droplets, finalize, gone, unsettled};
use crate::api::Page;
use crate::archive::{self, Audit, ListingKind, PageRecord};
use crate::core::cancellation::Cancellation;
use crate::core::model::{Action, DropletId};

/// The time to create deferred indexes after the sync run was told to stop and its pages have arrived.
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
}
