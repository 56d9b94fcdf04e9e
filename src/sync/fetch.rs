//! Keeps requests under way and archives their answers.
//!
//! Answers arrive in any order and wait for one another in a [`Batch`](super::batch::Batch). Meanwhile the page plans
//! request further pages.

use std::pin::{Pin, pin};
use std::sync::Arc;

use super::batch::{Answered, Fetched};
use super::engine::STOP_WITHIN;
use super::listing_sync::fetch_page;
use super::session::Session;
use crate::api::Page;
use crate::archive;
use crate::core::cancellation::Cancellation;
use crate::core::model::Action;

impl Session<'_> {
    pub(super) async fn read_listings(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        loop {
            self.ask_for_more()?;
            if self.fetches.is_empty() && self.batch.is_empty() {
                return Ok(());
            }
            tokio::select! {
                answered = self.next_answer() => match answered {
                    Some(answered) => self.batch.add(answered),
                    None => self.take_in_batch()?,
                },
                () = &mut stop => {
                    self.stop();
                    return self.take_in_what_is_under_way(cancellation).await;
                }
            }
        }
    }

    /// The next answer for the batch; `None` when it is time to archive the batch.
    async fn next_answer(&mut self) -> Option<Answered> {
        if self.batch.is_due() {
            return None;
        }
        match self.batch.deadline() {
            None => self.fetches.join_next().await,
            Some(deadline) => {
                let answered = tokio::time::timeout_at(deadline, self.fetches.join_next());
                answered.await.unwrap_or_default()
            }
        }
    }

    /// Archives the batch completely or not at all.
    fn take_in_batch(&mut self) -> Result<(), archive::Error> {
        self.store.begin_batch()?;
        let answers = self.batch.take();
        let outcome = answers.into_iter().try_for_each(|answered| {
            self.take_in(answered)?;
            self.go_on_asking()
        });
        match outcome {
            Ok(()) => self.store.commit_batch(),
            Err(error) => {
                self.store.discard_batch();
                Err(error)
            }
        }
    }

    /// Keeps requests under way while a batch is archived.
    fn go_on_asking(&mut self) -> Result<(), archive::Error> {
        while let Some(answered) = self.fetches.try_join_next() {
            self.batch.add(answered);
        }
        if self.batch.is_due() {
            return Ok(());
        }
        self.ask_for_more()
    }

    async fn take_in_what_is_under_way(
        &mut self,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        // Another process may have kept the archive locked for some time.
        self.take_in_batch()?;
        let mut deadline = pin!(cancellation.over(STOP_WITHIN));
        let mut is_over = false;
        while !self.fetches.is_empty() {
            tokio::select! {
                Some(answered) = self.fetches.join_next() => self.batch.add(answered),
                () = &mut deadline, if !is_over => {
                    is_over = true;
                    self.fetches.abort_all();
                }
            }
        }
        while !self.batch.is_empty() {
            self.take_in_batch()?;
        }
        Ok(())
    }

    /// Starts requests until enough are under way, or no page is left to request.
    fn ask_for_more(&mut self) -> Result<(), archive::Error> {
        while !self.is_halted() && self.fetches.len() < self.settings.concurrency.max(1) {
            // Readings end roughly in the order in which they were opened, and there may be many thousands.
            let ended = self.readings[self.ended..].iter();
            self.ended += ended.take_while(|reading| reading.result.is_some()).count();
            let unfinished = self.readings.iter_mut().enumerate().skip(self.ended);
            let mut unfinished = unfinished.filter(|(_, reading)| reading.result.is_none());
            let next = unfinished
                .find_map(|(index, reading)| reading.plan.next_page().map(|page| (index, page)));
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

    fn fetch(&mut self, reading: usize, page: u64) {
        let client = Arc::clone(&self.client);
        let kind = self.readings[reading].listing.kind;
        self.fetches.spawn(async move {
            let outcome = fetch_page(&client, kind, page).await;
            Fetched {
                reading,
                page,
                outcome,
            }
        });
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
                let archived = self.archive(reading, page, &answer);
                drop_where_it_was_made(answer);
                archived
            }
            Err(error) => self.fail(reading, page, error),
        }
    }
}

/// Frees the memory of an answer in another thread while this thread continues to write. A first sync run takes 6 %
/// less time, measured with 500,000 actions.
fn drop_where_it_was_made(answer: Page<Action>) {
    tokio::spawn(async move { drop(answer) });
}
