//! Keeps requests under way, archives what comes in, and asks each walk what is next.

use std::collections::{HashSet, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::observer::{Event, Observer};
use super::report::{ListingReport, ListingResult, Report};
use super::scope::Scope;
use super::walk::{Answer, Before, Verdict, Walk};
use super::{Settings, follow_up};
use crate::api::{self, Client, ErrorKind, Page};
use crate::coverage::Coverage;
use crate::model::{Action, ActionId, IN_PROGRESS};
use crate::store::{self, Listing, ListingKind, PageRecord, RunId, Store};

/// How long pages that are under way may still come in after the sync was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// Listings in a row that may find no connection before the others are not even tried.
const MOST_UNREACHABLE: u32 = 3;

/// One sync at work.
pub(super) struct Engine<'a> {
    pub(super) client: Arc<Client>,
    pub(super) store: &'a mut Store,
    pub(super) settings: &'a Settings,
    pub(super) observer: &'a dyn Observer,
    pub(super) run: RunId,
    pub(super) report: Report,
    /// Actions that the API itself showed to be in progress, in this sync.
    pub(super) seen_in_progress: HashSet<ActionId>,
    queue: VecDeque<ListingKind>,
    readings: Vec<Reading>,
    fetches: JoinSet<Fetched>,
    unreachable: u32,
    /// Nothing more is asked for.
    is_halted: bool,
}

/// A listing that is being read.
struct Reading {
    listing: Listing,
    walk: Walk,
    is_doubted: bool,
    /// How it ended, once it has.
    result: Option<ListingResult>,
}

struct Fetched {
    reading: usize,
    page: u64,
    outcome: Result<Page<Action>, api::Error>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        client: Arc<Client>,
        store: &'a mut Store,
        settings: &'a Settings,
        observer: &'a dyn Observer,
        run: RunId,
    ) -> Self {
        Self {
            client,
            store,
            settings,
            observer,
            run,
            report: Report::default(),
            seen_in_progress: HashSet::new(),
            queue: VecDeque::new(),
            readings: Vec::new(),
            fetches: JoinSet::new(),
            unreachable: 0,
            is_halted: false,
        }
    }

    pub(super) async fn read_everything(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<Report, store::Error> {
        let mut stop = pin!(stop);
        match &self.settings.scope {
            Scope::Account => self.queue.push_back(ListingKind::Account),
            Scope::Droplets { ids, tags } => {
                let mut ids = ids.clone();
                for tag in tags {
                    tokio::select! {
                        tagged = follow_up::droplets_with_tag(&mut self, tag) => ids.extend(tagged?),
                        () = &mut stop => self.stop(),
                    }
                }
                self.queue.extend(ids.into_iter().map(ListingKind::Droplet));
            }
        }
        self.read_listings(stop.as_mut()).await?;
        self.close_listings()?;
        if !self.is_halted {
            tokio::select! {
                done = follow_up::everything_else(&mut self) => done?,
                () = &mut stop => self.stop(),
            }
        }
        Ok(self.report)
    }

    async fn read_listings(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), store::Error> {
        loop {
            self.ask_for_more()?;
            if self.fetches.is_empty() {
                return Ok(());
            }
            tokio::select! {
                fetched = self.fetches.join_next() => self.take_in(fetched)?,
                () = &mut stop => {
                    self.stop();
                    return self.take_in_what_is_under_way().await;
                }
            }
        }
    }

    async fn take_in_what_is_under_way(&mut self) -> Result<(), store::Error> {
        let mut deadline = pin!(tokio::time::sleep(STOP_WITHIN));
        while !self.fetches.is_empty() {
            tokio::select! {
                fetched = self.fetches.join_next() => self.take_in(fetched)?,
                () = &mut deadline => self.fetches.abort_all(),
            }
        }
        Ok(())
    }

    /// Starts requests until enough are under way, or nothing is left to ask.
    fn ask_for_more(&mut self) -> Result<(), store::Error> {
        while !self.is_halted && self.fetches.len() < self.settings.concurrency.max(1) {
            let next = self
                .readings
                .iter_mut()
                .enumerate()
                .find_map(|(index, reading)| {
                    let page = if reading.result.is_none() {
                        reading.walk.next_page()
                    } else {
                        None
                    };
                    page.map(|page| (index, page))
                });
            match next {
                Some((index, page)) => self.fetch(index, page),
                None => match self.queue.pop_front() {
                    Some(listing) => self.open(listing)?,
                    None => break,
                },
            }
        }
        Ok(())
    }

    fn open(&mut self, kind: ListingKind) -> Result<(), store::Error> {
        self.observer.observe(&Event::Opened { listing: kind });
        let listing = self.store.listing(kind)?;
        let before = Before {
            coverage: listing.coverage.clone(),
            total: listing.total,
            complete_total: listing.complete_total,
        };
        let walk = Walk::new(before, self.settings.full);
        self.readings.push(Reading {
            listing,
            walk,
            is_doubted: false,
            result: None,
        });
        Ok(())
    }

    fn fetch(&mut self, index: usize, page: u64) {
        let client = Arc::clone(&self.client);
        let kind = self.readings[index].listing.kind;
        self.fetches.spawn(async move {
            let outcome = match kind {
                ListingKind::Account => client.account_actions(page).await,
                ListingKind::Droplet(id) => client.droplet_actions(id, page).await,
            };
            Fetched {
                reading: index,
                page,
                outcome,
            }
        });
    }

    fn take_in(
        &mut self,
        fetched: Option<Result<Fetched, tokio::task::JoinError>>,
    ) -> Result<(), store::Error> {
        // A fetch that was aborted is one that was not asked for: its listing stays unfinished.
        let Some(Ok(Fetched {
            reading,
            page,
            outcome,
        })) = fetched
        else {
            return Ok(());
        };
        match outcome {
            Ok(answer) => {
                self.unreachable = 0;
                self.report.is_answered = true;
                self.archive(reading, page, &answer)
            }
            Err(error) => self.fail(reading, page, error),
        }
    }

    fn archive(
        &mut self,
        index: usize,
        page: u64,
        answered: &Page<Action>,
    ) -> Result<(), store::Error> {
        let ids: Vec<_> = answered
            .rows
            .iter()
            .map(|row| row.as_ref().ok().map(|action| action.id))
            .collect();
        let answer = Answer {
            page,
            ids: &ids,
            total: answered.total,
            has_next: answered.has_next,
        };
        let reading = &mut self.readings[index];
        let kind = reading.listing.kind;
        let placement = reading.walk.place(&answer);
        let rows: Vec<_> = answered
            .rows
            .iter()
            .zip(&placement.expected)
            .filter_map(|(row, expected)| Some((row.as_ref().ok()?, *expected)))
            .collect();
        let recorded = self.store.record_page(&PageRecord {
            listing: &reading.listing,
            rows: &rows,
            covers: &placement.covers,
            total: placement.total,
            run: self.run,
            now: (self.settings.clock)(),
        })?;
        reading
            .walk
            .archived(&answer, &placement, recorded.inserted, recorded.strangers);
        if reading.walk.wants_count() {
            reading.walk.counted(self.store.archived_actions(kind)?);
        }
        self.report.counts.add(recorded);
        let (covered, total) = reading.walk.progress();
        self.observer.observe(&Event::Archived {
            listing: kind,
            page,
            recorded,
            covered,
            total,
        });
        self.note_rows(kind, answered);
        self.note_doubt(index)?;
        self.close_if_decided(index);
        Ok(())
    }

    /// Remembers which actions are in progress, and says which rows had no id.
    fn note_rows(&mut self, listing: ListingKind, answered: &Page<Action>) {
        for row in &answered.rows {
            match row {
                Ok(action) if action.status.as_deref() == Some(IN_PROGRESS) => {
                    self.seen_in_progress.insert(action.id);
                }
                Ok(_) => {}
                Err(row) => {
                    self.report.counts.rejected += 1;
                    self.observer.observe(&Event::Rejected { listing, row });
                }
            }
        }
    }

    fn note_doubt(&mut self, index: usize) -> Result<(), store::Error> {
        let reading = &mut self.readings[index];
        if let Some(doubt) = reading.walk.doubt().filter(|_| !reading.is_doubted) {
            let listing = reading.listing.kind;
            self.observer.observe(&Event::Doubted {
                listing,
                doubt: &doubt.to_string(),
            });
            reading.is_doubted = true;
            reading.listing.coverage = Coverage::new();
            self.store.forget_coverage(reading.listing.id)?;
        }
        Ok(())
    }

    fn close_if_decided(&mut self, index: usize) {
        let result = match self.readings[index].walk.verdict() {
            Some(Verdict::Complete { total }) => ListingResult::Complete { total: *total },
            Some(Verdict::Incomplete { reason }) => ListingResult::Incomplete {
                reason: reason.to_string(),
            },
            None => return,
        };
        self.close(index, result);
    }

    fn close(&mut self, index: usize, result: ListingResult) {
        let reading = &mut self.readings[index];
        if reading.result.is_none() {
            self.observer.observe(&Event::Closed {
                listing: reading.listing.kind,
                result: &result,
            });
            reading.result = Some(result);
        }
    }

    fn fail(&mut self, index: usize, page: u64, error: api::Error) -> Result<(), store::Error> {
        let reading = &mut self.readings[index];
        reading.walk.abandon(page);
        if let ListingKind::Droplet(id) = reading.listing.kind
            && error.is_not_found()
        {
            self.report.is_answered = true;
            if self.store.knows_droplet(id)? {
                self.store.mark_gone(id, (self.settings.clock)())?;
                self.close(index, ListingResult::Gone);
                return Ok(());
            }
        }
        self.halt_if_hopeless(&error);
        self.close(index, ListingResult::Failed(error));
        Ok(())
    }

    /// Asks for nothing more when every further request would fail alike.
    pub(super) fn halt_if_hopeless(&mut self, error: &api::Error) {
        self.unreachable = if error.is_unreachable() {
            self.unreachable + 1
        } else {
            0
        };
        let is_unreachable = self.unreachable >= MOST_UNREACHABLE
            || (self.unreachable > 0 && !self.report.is_answered);
        let reason = match &error.kind {
            _ if error.is_unauthorized() => "the API does not accept the token".to_owned(),
            ErrorKind::RateLimited { until } => {
                // An answer that a sync can use: it says when to go on.
                self.report.is_answered = true;
                format!("the token's rate limit is used up until {until}")
            }
            _ if is_unreachable => "the API cannot be reached".to_owned(),
            _ => return,
        };
        self.is_halted = true;
        self.report.cut_short.get_or_insert(reason);
    }

    pub(super) fn stop(&mut self) {
        self.is_halted = true;
        self.report.is_stopped = true;
        self.report
            .cut_short
            .get_or_insert("it was told to stop".to_owned());
    }

    fn close_listings(&mut self) -> Result<(), store::Error> {
        let now = (self.settings.clock)();
        let readings = std::mem::take(&mut self.readings);
        let complete: Vec<_> = readings
            .iter()
            .filter_map(|reading| match reading.result {
                Some(ListingResult::Complete { total }) => Some((reading.listing.id, total)),
                _ => None,
            })
            .collect();
        self.store.mark_complete(&complete, now)?;
        let read = readings.into_iter().map(|reading| ListingReport {
            listing: reading.listing.kind,
            result: reading.result.unwrap_or(ListingResult::NotRead),
        });
        self.report.listings.extend(read);
        let unread = self.queue.drain(..);
        let unread = unread.map(|listing| ListingReport {
            listing,
            result: ListingResult::NotRead,
        });
        self.report.listings.extend(unread);
        Ok(())
    }
}
