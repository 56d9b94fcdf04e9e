//! One account, one archive, and what happens to both.

use std::collections::BTreeSet;

use super::Tally;
use super::promise::{self, Listed};
use super::weather::{self, End, Event};
use crate::account::account;
use crate::asked::{asked_for, requests};
use crate::cloud::{Cloud, Options, Random};
use crate::process::{Run, Running, SOON, until};
use crate::sandbox::Sandbox;

/// What a seed makes.
pub(super) struct Story<'a> {
    /// What happened, for whoever has to find out why it went wrong.
    chronicle: &'a mut Vec<String>,
    random: Random,
    cloud: Cloud,
    sandbox: Sandbox,
    /// The droplets whose actions are to be archived; all actions of the account when absent.
    watched: Option<BTreeSet<i64>>,
    tally: Tally,
}

impl<'a> Story<'a> {
    pub(super) fn of(seed: u64, chronicle: &'a mut Vec<String>) -> Self {
        let mut random = Random::new(seed);
        let droplets = 2 + random.below(8);
        let more = [0, 0, 1_900][random.below(3)];
        let actions = 200 + random.below(900 + more);
        let options = Options {
            seed,
            destroyed: 0.2,
            in_progress: random.below(8),
            ..account(droplets, actions)
        };
        let cloud = Cloud::start(options).unwrap();
        let watched = random.chance(0.5).then(|| {
            let droplets = cloud.droplets().into_iter().map(|droplet| droplet.id);
            droplets.filter(|_| random.chance(0.6)).collect()
        });
        let concurrency = 1 + random.below(6);
        let limits = format!("[limits]\nconcurrency = {concurrency}\n");
        chronicle.push(format!(
            "{actions} actions, watched {watched:?}, {concurrency} at once"
        ));
        Self {
            chronicle,
            random,
            cloud,
            sandbox: Sandbox::new().configured(&limits),
            watched: watched.filter(|droplets: &BTreeSet<i64>| !droplets.is_empty()),
            tally: Tally::default(),
        }
    }

    pub(super) fn tell(mut self) -> Tally {
        for _ in 0..2 + self.random.below(6) {
            self.sync_in_bad_weather();
            self.let_time_pass();
        }
        self.sync_in_fair_weather();
        self.tally
    }

    fn sync_in_bad_weather(&mut self) {
        weather::worsen(&mut self.random, &self.cloud);
        let end = End::drawn(&mut self.random);
        let event = Event::during_a_sync(&mut self.random);
        self.chronicle.push(format!("{end:?}, {event:?}"));
        let listed = Listed::now(&self.cloud, self.watched.as_ref());
        self.cloud.clear_requests();
        let mut sync = self.start();
        self.wait_for(&mut sync, event.after);
        self.happens(event);
        let run = self.end(sync, end);
        self.tally.faults += self.cloud.faults_fired();
        self.count(&run);
        weather::calm(&self.cloud);
        promise::check(&self.sandbox, &self.cloud, &listed, &run);
    }

    fn sync_in_fair_weather(&mut self) {
        let listed = Listed::now(&self.cloud, self.watched.as_ref());
        self.cloud.clear_requests();
        let run = self.start().end().exits(0);
        self.count(&run);
        promise::check(&self.sandbox, &self.cloud, &listed, &run);
        listed.is_all_there_is(&self.sandbox.archive());
        assert_eq!(self.sandbox.files_at_rest(), ["archive.db"]);
    }

    fn start(&self) -> Running {
        let ids = self.watched.iter().flatten();
        let ids: Vec<_> = ids.map(|id| format!("--droplet={id}")).collect();
        let mut flags: Vec<_> = ids.iter().map(String::as_str).collect();
        if flags.is_empty() {
            flags.push("--all");
        }
        self.sandbox.start_sync(&self.cloud, &flags)
    }

    /// Waits until so many requests were sent, or the sync is over.
    fn wait_for(&self, sync: &mut Running, sent: usize) {
        until("the sync gets on", || {
            requests(&self.cloud) >= sent || sync.has_ended()
        });
    }

    fn end(&mut self, mut sync: Running, end: End) -> Run {
        let (End::Kill(after) | End::Terminate(after)) = end else {
            return sync.end();
        };
        let sent = requests(&self.cloud);
        self.wait_for(&mut sync, sent + after);
        if sync.has_ended() {
            return sync.end();
        }
        if matches!(end, End::Kill(_)) {
            self.tally.kills += 1;
            return sync.kill();
        }
        self.tally.signals += 1;
        sync.signal("TERM");
        sync.end_within(SOON)
    }

    /// What happens in the account between two syncs.
    fn let_time_pass(&mut self) {
        let event = Event::between_syncs(&mut self.random);
        self.chronicle.push(format!("{event:?}"));
        self.happens(event);
        let droplets = self.cloud.droplets();
        for kind in ["snapshot", "attach_volume"] {
            let chosen = self.random.below(1_000) % droplets.len();
            if self.random.chance(0.4) {
                self.cloud.add_action(droplets[chosen].id, kind);
            }
        }
    }

    /// The last droplet stays; and what a droplet was that the archive has never heard of, it need not know.
    fn happens(&mut self, event: Event) {
        self.cloud.add_actions(event.grows);
        if event.settles {
            self.cloud.settle_all();
        }
        let droplets = self.cloud.droplets();
        if let Some(going) = event.destroys.filter(|_| droplets.len() > 1) {
            let going = droplets[going % droplets.len()].id;
            if promise::is_known(&self.sandbox, going) {
                self.chronicle.push(format!("{going} goes"));
                self.cloud.destroy_droplet(going);
            }
        }
    }

    fn count(&mut self, run: &Run) {
        let (asked, total) = (asked_for(&self.cloud), self.cloud.total());
        self.chronicle.push(format!(
            "{}, {total} listed\n{}\n{asked}\n{}",
            run.status,
            run.stderr,
            promise::ledger(&self.sandbox)
        ));
        self.tally.syncs += 1;
        self.tally.requests += requests(&self.cloud) as u64;
        match run.status.code() {
            Some(0) => self.tally.complete += 1,
            Some(_) => self.tally.partial += 1,
            None => {}
        }
    }
}
