//! One account, one archive, and the events of both.

use std::collections::BTreeSet;

use super::Tally;
use super::promise::{self, Evidence, Listed};
use super::staleness::Staleness;
use super::weather::{self, End, Event};
use crate::account::account;
use crate::asked::requests;
use crate::cloud::{Cloud, Options, Random};
use crate::process::{Run, Running, SOON, until};
use crate::sandbox::Sandbox;
use crate::shown::Shown;

/// After answers that contradicted each other, a sync may have to read a listing more than once before it trusts the
/// result.
const MOST_SYNCS_IN_FAIR_WEATHER: usize = 4;

/// The story of one seed.
pub(super) struct Story<'a> {
    /// The events, to find out why a story failed.
    chronicle: &'a mut Vec<String>,
    random: Random,
    cloud: Cloud,
    sandbox: Sandbox,
    /// The droplets to archive; `None` for all actions of the account.
    watched: Option<BTreeSet<i64>>,
    tally: Tally,
    staleness: Staleness,
    /// The actions that the listings had shown before the current sync.
    earlier: Shown,
    /// True when the token may read the account's listing.
    has_account: bool,
    /// What the scope listed at some moment, as a file. It has its own random numbers, as the staleness has.
    kept: String,
    imports: Random,
}

impl<'a> Story<'a> {
    pub(super) fn of(seed: u64, may_be_stale: bool, chronicle: &'a mut Vec<String>) -> Self {
        let mut staleness = Staleness::of(seed, may_be_stale);
        let mut random = Random::new(seed);
        let droplets = 2 + random.below(8);
        let more = [0, 0, 1_900][random.below(3)];
        let actions = 200 + random.below(900 + more);
        let options = Options {
            seed,
            destroyed: 0.2,
            in_progress: random.below(8),
            // Every sync asks for actions in progress only while they are young.
            now: None,
            ..account(droplets, actions)
        };
        let cloud = Cloud::start(options).unwrap();
        let watched = random.chance(0.5).then(|| {
            let droplets = cloud.droplets().into_iter().map(|droplet| droplet.id);
            droplets.filter(|_| random.chance(0.6)).collect()
        });
        let watched = watched.filter(|droplets: &BTreeSet<i64>| !droplets.is_empty());
        let concurrency = 1 + random.below(6);
        let limits = format!(
            "[limits]\nconcurrency = {concurrency}\nrequests_per_minute = 60000\nrequests_per_hour = 600000\n"
        );
        chronicle.push(format!(
            "{actions} actions, watched {watched:?}, {concurrency} at once"
        ));
        let has_account = watched.is_none() || !staleness.narrows_the_token();
        if !has_account {
            chronicle.push("the token lacks actions:read".to_owned());
            cloud.remove_scope("actions:read");
        }
        Self {
            chronicle,
            random,
            cloud,
            sandbox: Sandbox::new().configured(&limits),
            watched,
            tally: Tally::default(),
            staleness,
            earlier: Shown::default(),
            has_account,
            kept: "[]".to_owned(),
            imports: Random::new(!seed),
        }
    }

    pub(super) fn tell(mut self) -> Tally {
        for _ in 0..2 + self.random.below(6) {
            self.sync_in_bad_weather();
            self.keep_or_import();
            self.let_time_pass();
        }
        self.syncs_in_fair_weather();
        self.tally
    }

    fn sync_in_bad_weather(&mut self) {
        let weather = weather::worsen(&mut self.random, &self.cloud);
        self.chronicle.push(weather);
        let watched: Vec<_> = self.watched.iter().flatten().copied().collect();
        let stale = self.staleness.worsen(&self.cloud, &watched);
        self.chronicle.extend(stale);
        let is_full = self.staleness.is_read_again();
        let end = End::drawn(&mut self.random);
        let event = Event::during_a_sync(&mut self.random);
        self.chronicle.push(format!("{end:?}, {event:?}"));
        let listed = Listed::now(&self.cloud, self.watched.as_ref());
        self.cloud.clear_requests();
        let mut sync = self.start(is_full);
        self.wait_for(&mut sync, event.after);
        self.happens(event);
        let (run, ended_by_itself) = self.end(sync, end);
        self.tally.faults += self.cloud.faults_fired();
        self.count(&run);
        weather::calm(&self.cloud);
        self.judge(&listed, &run, self.staleness.is_there(), ended_by_itself);
    }

    /// One sync is enough, or a few after answers that contradicted each other.
    fn syncs_in_fair_weather(&mut self) {
        let most = if self.staleness.is_there() {
            MOST_SYNCS_IN_FAIR_WEATHER
        } else {
            1
        };
        let is_full = self.staleness.ends_with_full();
        let is_complete = (0..most).any(|_| self.is_complete_in_fair_weather(is_full));
        assert!(is_complete, "not complete after {most} syncs");
        assert_eq!(self.sandbox.files_at_rest(), ["archive.db"]);
    }

    fn is_complete_in_fair_weather(&mut self, is_full: bool) -> bool {
        let listed = Listed::now(&self.cloud, self.watched.as_ref());
        self.cloud.clear_requests();
        let run = self.start(is_full).end();
        self.count(&run);
        self.judge(&listed, &run, false, true);
        let is_complete = run.status.code() == Some(0);
        if is_complete {
            listed.is_all_there_is(&self.sandbox.archive(), &self.cloud);
        }
        is_complete
    }

    /// Compares the archive with the promise, and records which actions the listings have shown.
    fn judge(&mut self, listed: &Listed, run: &Run, may_be_stale: bool, ended_by_itself: bool) {
        let shown = Shown::lately(&self.cloud);
        let evidence = Evidence {
            shown: &shown,
            earlier: &self.earlier,
            may_be_stale,
        };
        promise::check(&self.sandbox, &self.cloud, listed, &evidence, run);
        self.earlier.then(&shown, ended_by_itself);
    }

    fn start(&mut self, is_full: bool) -> Running {
        let ids = self.watched.iter().flatten();
        let ids: Vec<_> = ids.map(|id| format!("--droplet={id}")).collect();
        let mut flags: Vec<_> = ids.iter().map(String::as_str).collect();
        if flags.is_empty() {
            flags.push("--all");
        }
        if is_full {
            self.chronicle.push("--full".to_owned());
            flags.push("--full");
        }
        self.sandbox.start_sync(&self.cloud, &flags)
    }

    /// Waits until this many requests were sent, or the sync has ended.
    fn wait_for(&self, sync: &mut Running, sent: usize) {
        until("the sync gets on", || {
            requests(&self.cloud) >= sent || sync.has_ended()
        });
    }

    /// Ends the sync. Returns the result, and true when the sync ended by itself.
    fn end(&mut self, mut sync: Running, end: End) -> (Run, bool) {
        let (End::Kill(after) | End::Terminate(after)) = end else {
            return (sync.end(), true);
        };
        let sent = requests(&self.cloud);
        self.wait_for(&mut sync, sent + after);
        if sync.has_ended() {
            return (sync.end(), true);
        }
        if matches!(end, End::Kill(_)) {
            self.tally.kills += 1;
            return (sync.kill(), false);
        }
        self.tally.signals += 1;
        sync.signal("TERM");
        (sync.end_within(SOON), false)
    }

    /// Keeps what the scope lists now as a file, or imports what was kept earlier.
    fn keep_or_import(&mut self) {
        if self.imports.chance(0.5) {
            let listed = Listed::now(&self.cloud, self.watched.as_ref());
            self.kept = listed.as_file();
        } else {
            let file = self.sandbox.folder().join("kept.json");
            std::fs::write(&file, &self.kept).unwrap();
            let run = self.sandbox.run(&["import", file.to_str().unwrap()]);
            self.chronicle
                .push(format!("an import of {} bytes", self.kept.len()));
            run.exits(0);
        }
    }

    /// An event in the account between two syncs.
    fn let_time_pass(&mut self) {
        let event = Event::between_syncs(&mut self.random);
        self.chronicle.push(format!("{event:?}"));
        self.happens(event);
        let removed = self.staleness.removes(&self.cloud);
        self.chronicle.extend(removed);
        let droplets = self.cloud.droplets();
        for kind in ["snapshot", "attach_volume"] {
            let chosen = self.random.below(1_000) % droplets.len();
            if self.random.chance(0.4) {
                self.cloud.add_action(droplets[chosen].id, kind);
            }
        }
    }

    /// Applies an event. The last droplet stays. The archive need not know a gone droplet that it has never met, or
    /// that only its own listing mentions.
    fn happens(&mut self, event: Event) {
        self.cloud.add_actions(event.grows);
        if event.settles {
            self.cloud.settle_all();
        }
        let droplets = self.cloud.droplets();
        if let Some(going) = event.destroys.filter(|_| droplets.len() > 1) {
            let going = droplets[going % droplets.len()].id;
            if self.has_account && promise::is_known(&self.sandbox, going) {
                self.chronicle.push(format!("{going} goes"));
                self.cloud.destroy_droplet(going);
            }
        }
    }

    fn count(&mut self, run: &Run) {
        let (asked, total) = (asked_and_shown(&self.cloud), self.cloud.total());
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

/// Each request with its answer, and the newest action that each listing had for its answer.
fn asked_and_shown(cloud: &Cloud) -> String {
    let requests = cloud.requests();
    let lines = requests.iter().map(|it| {
        let newest = it.newest_action.map(|id| format!(", up to {id}"));
        format!("{} {}{}", it.status, it.path, newest.unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("\n")
}
