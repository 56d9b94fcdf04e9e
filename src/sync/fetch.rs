//! Reads the queued listings: keeps requests under way, archives their answers, and ends each listing with a result.
//!
//! Answers arrive in any order and wait for one another in a [`Batch`], whose rows are archived in the order of their ids:
//! see `docs/decisions/rows-in-the-order-of-ids.md`. Meanwhile the page plans request further pages.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::Skipped;
use super::listing_sync::{ListingSync, fetch_page};
use super::report::{Event, ListingResult};
use super::session::Session;
use super::{finalize, follow};
use crate::api::{self, Page};
use crate::archive::{self, ListingKind};
use crate::core::cancellation::Cancellation;
use crate::core::model::{Action, IN_PROGRESS};

/// The time for pages that are under way to arrive after the sync run was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);

impl Session<'_> {
    /// Reads the queued listings, and all that follows from their answers.
    pub(super) async fn read_listings(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        let mut fetches = Fetches::default();
        loop {
            fetches.ask_for_more(self)?;
            if fetches.requests.is_empty() && fetches.batch.is_empty() {
                return Ok(());
            }
            tokio::select! {
                answered = fetches.next_answer() => match answered {
                    Some(answered) => fetches.batch.add(answered),
                    None => fetches.take_in_batch(self)?,
                },
                () = &mut stop => {
                    self.stop();
                    return fetches.take_in_what_is_under_way(self, cancellation).await;
                }
            }
        }
    }

    fn take_in(&mut self, answered: Answered) -> Result<(), archive::Error> {
        // An aborted fetch counts as not requested: its listing stays unfinished.
        let Ok(Fetched {
            reading,
            page,
            outcome,
        }) = answered
        else {
            return Ok(());
        };
        match outcome {
            Ok(answer) => {
                self.answered();
                self.has_lists = true;
                self.archive(reading, page, &answer)
            }
            Err(error) => self.fail(reading, page, error),
        }
    }

    fn open(&mut self, kind: ListingKind) -> Result<(), archive::Error> {
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

    /// Archives an answered page of a listing.
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

    pub(super) fn note_actions_in_progress(&mut self, answered: &Page<Action>) {
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

    fn fail(&mut self, index: usize, page: u64, error: api::Error) -> Result<(), archive::Error> {
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

/// The requests under way, and the answers that are not archived yet.
#[derive(Default)]
struct Fetches {
    requests: JoinSet<Fetched>,
    batch: Batch,
}

impl Fetches {
    /// The next answer for the batch; `None` when it is time to archive the batch.
    async fn next_answer(&mut self) -> Option<Answered> {
        if self.batch.is_due() {
            return None;
        }
        match self.batch.deadline() {
            None => self.requests.join_next().await,
            Some(deadline) => {
                let answered = tokio::time::timeout_at(deadline, self.requests.join_next());
                answered.await.unwrap_or_default()
            }
        }
    }

    /// Archives the batch completely or not at all.
    fn take_in_batch(&mut self, session: &mut Session<'_>) -> Result<(), archive::Error> {
        session.store.begin_batch()?;
        let answers = self.batch.take();
        let written = answers.into_iter().try_for_each(|answered| {
            session.take_in(answered)?;
            self.go_on_asking(session)
        });
        session.store.end_batch(written)
    }

    /// Keeps requests under way while a batch is archived.
    fn go_on_asking(&mut self, session: &mut Session<'_>) -> Result<(), archive::Error> {
        while let Some(answered) = self.requests.try_join_next() {
            self.batch.add(answered);
        }
        if self.batch.is_due() {
            return Ok(());
        }
        self.ask_for_more(session)
    }

    async fn take_in_what_is_under_way(
        &mut self,
        session: &mut Session<'_>,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        // Another process may have kept the archive locked for some time.
        self.take_in_batch(session)?;
        let mut deadline = pin!(cancellation.over(STOP_WITHIN));
        let mut is_over = false;
        while !self.requests.is_empty() {
            tokio::select! {
                Some(answered) = self.requests.join_next() => self.batch.add(answered),
                () = &mut deadline, if !is_over => {
                    is_over = true;
                    self.requests.abort_all();
                }
            }
        }
        while !self.batch.is_empty() {
            self.take_in_batch(session)?;
        }
        Ok(())
    }

    /// Starts requests until enough are under way, or no page is left to request.
    fn ask_for_more(&mut self, session: &mut Session<'_>) -> Result<(), archive::Error> {
        let most = session.settings.concurrency.max(1);
        while !session.is_halted() && self.requests.len() < most {
            // Readings end roughly in the order in which they were opened, and there may be many thousands.
            let ended = session.readings[session.ended..].iter();
            session.ended += ended.take_while(|reading| reading.result.is_some()).count();
            let unfinished = session.readings.iter_mut().enumerate().skip(session.ended);
            let mut unfinished = unfinished.filter(|(_, reading)| reading.result.is_none());
            let next = unfinished
                .find_map(|(index, reading)| reading.plan.next_page().map(|page| (index, page)));
            match next {
                Some((index, page)) => self.fetch(session, index, page),
                None => match session.queue.pop_front() {
                    Some(listing) => session.open(listing)?,
                    None => break,
                },
            }
        }
        Ok(())
    }

    fn fetch(&mut self, session: &Session<'_>, reading: usize, page: u64) {
        let client = Arc::clone(&session.client);
        let kind = session.readings[reading].listing.kind;
        self.requests.spawn(async move {
            let outcome = fetch_page(&client, kind, page).await;
            Fetched {
                reading,
                page,
                outcome,
            }
        });
    }
}

/// The most answers that are archived together.
const LARGEST: usize = 16;
/// The total unpacked size at which a batch is archived at once: twice the size of sixteen pages of 200 actions.
const MOST_BYTES: usize = 16 << 20;
/// The longest wait of the first answer for others.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// An answer to the request for a page.
struct Fetched {
    reading: usize,
    page: u64,
    outcome: Result<Page<Action>, api::Error>,
}

/// The result of a request, unless it was aborted.
type Answered = Result<Fetched, tokio::task::JoinError>;

/// Answers in the order of their arrival.
#[derive(Default)]
struct Batch {
    answers: Vec<Answered>,
    begun_at: Option<Instant>,
    /// True when one answer is an error. The sync run must handle an error before it sends further requests.
    is_urgent: bool,
}

impl Batch {
    fn add(&mut self, answered: Answered) {
        self.begun_at.get_or_insert_with(Instant::now);
        self.is_urgent |= !matches!(&answered, Ok(fetched) if fetched.outcome.is_ok());
        self.answers.push(answered);
    }

    fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// True when the batch must be archived now.
    fn is_due(&self) -> bool {
        let is_heavy = self.answers.iter().map(bytes).sum::<usize>() >= MOST_BYTES;
        self.is_urgent || is_heavy || self.answers.len() >= LARGEST
    }

    /// The time until which the batch may wait for more answers.
    fn deadline(&self) -> Option<Instant> {
        self.begun_at.map(|begun_at| begun_at + LONGEST_WAIT)
    }

    /// Takes the answers, oldest rows of each listing first.
    fn take(&mut self) -> Vec<Answered> {
        let mut answers = std::mem::take(self).answers;
        answers.sort_by_key(|answered| match answered {
            Ok(fetched) => (fetched.reading, u64::MAX - fetched.page),
            Err(_) => (usize::MAX, 0),
        });
        answers
    }
}

fn bytes(answered: &Answered) -> usize {
    match answered {
        Ok(Fetched { outcome, .. }) => outcome.as_ref().map_or(0, |page| page.bytes),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(reading: usize, page: u64) -> Answered {
        let empty = Page {
            rows: Vec::new(),
            total: None,
            has_next: false,
            bytes: 1,
        };
        Ok(Fetched {
            reading,
            page,
            outcome: Ok(empty),
        })
    }

    fn places(answers: &[Answered]) -> Vec<(usize, u64)> {
        let place = |answered: &Answered| {
            let fetched = answered.as_ref().unwrap();
            (fetched.reading, fetched.page)
        };
        answers.iter().map(place).collect()
    }

    #[test]
    fn the_oldest_rows_of_each_listing_come_first() {
        let mut batch = Batch::default();
        for (reading, number) in [(1, 2), (0, 1), (1, 1), (0, 3)] {
            batch.add(page(reading, number));
        }
        assert_eq!(places(&batch.take()), [(0, 3), (0, 1), (1, 2), (1, 1)]);
        assert!(batch.is_empty() && batch.deadline().is_none());
    }

    #[test]
    fn a_full_batch_is_archived_at_once() {
        let mut batch = Batch::default();
        for number in 1..=LARGEST as u64 {
            assert!(!batch.is_due());
            batch.add(page(7, number));
        }
        assert!(batch.is_due());
        assert_eq!(batch.take().len(), LARGEST);
        assert!(!batch.is_due() && batch.deadline().is_none());
    }

    #[test]
    fn a_few_long_answers_do_not_wait_for_more() {
        let mut batch = Batch::default();
        for number in [3, 1] {
            assert!(!batch.is_due());
            let mut answered = page(0, number);
            if let Ok(Fetched {
                outcome: Ok(page), ..
            }) = &mut answered
            {
                page.bytes = MOST_BYTES / 2;
            }
            batch.add(answered);
        }
        assert!(batch.is_due());
        assert_eq!(places(&batch.take()), [(0, 3), (0, 1)]);
        assert!(!batch.is_due() && batch.is_empty());
    }

    #[test]
    fn an_error_is_looked_at_at_once() {
        let mut batch = Batch::default();
        batch.add(page(0, 1));
        batch.add(Ok(Fetched {
            reading: 0,
            page: 2,
            outcome: Err(api::Error::of_another("action", 1, 2)),
        }));
        assert!(batch.is_due());
        assert_eq!(batch.take().len(), 2);
    }
}
