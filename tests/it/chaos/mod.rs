//! The real binary under faults: random and wrong answers, growth, actions that settle, droplets that go, and signals.
//!
//! A seed makes a `story`: a small account, an archive, and a few syncs, most of them disturbed (`weather`). After each
//! sync, the test compares the archive with the truth (`promise`). After the last sync, which is not disturbed, the
//! archive must equal the truth. All but the timing of processes comes from the seed. To repeat a seed that failed, use
//! `ARCHIVER_CHAOS_FIRST=SEED ARCHIVER_CHAOS_SEEDS=1`, and add `ARCHIVER_CHAOS_TIMES=100` when the failure depends on
//! timing. With `ARCHIVER_CHAOS_STALE=0`, no answer is older than the account (`staleness`). `-- chaos --nocapture`
//! shows the figures of a long run.

mod promise;
mod staleness;
mod story;
mod weather;

use std::iter;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use story::Story;

/// Stories that run at once. Most of the time they wait for a retry.
const AT_ONCE: usize = 12;

/// Seeds whose stories failed once, each with whether answers may be stale. Every run includes them.
const ENDED_BADLY_ONCE: [(u64, bool); 9] = [
    (103, true),
    (1_069, true),
    (1_073, true),
    (1_344, false),
    (1_495, false),
    (1_638, true),
    (1_963, false),
    (2_090, true),
    (2_172, false),
];

/// The events of one story, or of all stories.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    syncs: u64,
    complete: u64,
    partial: u64,
    kills: u64,
    signals: u64,
    faults: u64,
    requests: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.syncs += other.syncs;
        self.complete += other.complete;
        self.partial += other.partial;
        self.kills += other.kills;
        self.signals += other.signals;
        self.faults += other.faults;
        self.requests += other.requests;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the test runs is said from outside"
)]
fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect(variable))
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "the figures are what a long run is for"
)]
fn whatever_happens_nothing_is_lost_and_nothing_is_invented() {
    let first = number("ARCHIVER_CHAOS_FIRST", 1);
    let seeds = number("ARCHIVER_CHAOS_SEEDS", 8);
    let started = Instant::now();
    let times = usize::try_from(number("ARCHIVER_CHAOS_TIMES", 1)).unwrap();
    let may_be_stale = number("ARCHIVER_CHAOS_STALE", 1) > 0;
    let chosen = iter::repeat_n(first..first + seeds, times).flatten();
    let chosen = chosen.map(|seed| (seed, may_be_stale));
    let chosen = chosen.chain(ENDED_BADLY_ONCE);
    let (tally, failures) = tell(chosen);
    let took = started.elapsed();
    eprintln!("{seeds} seeds from {first} in {took:?}: {tally:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Runs the stories of these seeds, in which answers may be stale. Returns the messages of those that failed.
#[allow(
    clippy::print_stderr,
    reason = "a long run shows how far it is, and what it finds"
)]
fn tell(seeds: impl Iterator<Item = (u64, bool)> + Send) -> (Tally, Vec<String>) {
    let seeds = Mutex::new(seeds);
    let told = Mutex::new((Tally::default(), Vec::new()));
    let ended = AtomicU64::new(0);
    let work = || {
        loop {
            let Some((seed, may_be_stale)) = seeds.lock().unwrap().next() else {
                return;
            };
            let mut chronicle = Vec::new();
            let story = AssertUnwindSafe(|| Story::of(seed, may_be_stale, &mut chronicle).tell());
            let outcome = catch_unwind(story);
            let count = ended.fetch_add(1, Relaxed) + 1;
            if count.is_multiple_of(50) {
                eprintln!("{count} stories have ended");
            }
            let mut told = told.lock().unwrap();
            match outcome {
                Ok(tally) => told.0 += tally,
                Err(panic) => {
                    let words = panic.downcast_ref::<String>().cloned();
                    let words = words.unwrap_or_default();
                    let chronicle = chronicle.join("\n");
                    eprintln!("## seed {seed}\n{chronicle}");
                    told.1.push(format!("## seed {seed}\n{chronicle}\n{words}"));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    told.into_inner().unwrap()
}
