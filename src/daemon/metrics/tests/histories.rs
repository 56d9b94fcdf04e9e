//! Several updates give the same totals as one update, after any history.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::archive::LockState;
use crate::query::status;

/// An event in the life of an archive.
#[derive(Clone, Debug)]
enum Step {
    /// A sync starts. The previous one was killed, if it has not ended.
    Begin { scope: &'static str, after: i64 },
    /// The sync ends.
    Finish(End),
    /// The totals are updated.
    Look,
}

const SCOPES: [&str; 3] = [
    "account",
    r#"{"droplets":[7],"tags":[]}"#,
    r#"{"droplets":[],"tags":["web"]}"#,
];

fn end() -> impl Strategy<Value = End> {
    let outcomes = select(vec!["complete", "partial", "failed", "interrupted"]);
    let numbers = (0..3_i64, 0..3_i64, 0..3_i64, 0..9_i64, 0..9_i64, 0..9_i64);
    (outcomes, -5..9_000_i64, numbers, option::of(0..5_000_i64)).prop_map(
        |(outcome, seconds, numbers, left)| End {
            outcome,
            seconds,
            inserted: numbers.0,
            updated: numbers.1,
            rejected: numbers.2,
            requests: numbers.3,
            retries: numbers.4,
            faults: numbers.5,
            left,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let begin = (select(SCOPES.to_vec()), 0..4_000_i64)
        .prop_map(|(scope, after)| Step::Begin { scope, after });
    let step = prop_oneof![3 => begin, 4 => end().prop_map(Step::Finish), 3 => Just(Step::Look)];
    vec(step, 1..60)
}

/// The state after a history: the start of the last sync, and a flag for a sync that is still running.
struct Clock {
    began: i64,
    is_running: bool,
}

fn take(connection: &Connection, clock: &mut Clock, step: &Step) {
    match step {
        Step::Begin { scope, after } => {
            clock.began += after;
            clock.is_running = true;
            begin(connection, scope, clock.began);
        }
        Step::Finish(end) if clock.is_running => {
            clock.is_running = false;
            let seconds = clock.began + end.seconds;
            finish(
                connection,
                &End {
                    seconds,
                    ..end.clone()
                },
            );
        }
        Step::Finish(_) | Step::Look => {}
    }
}

/// The same totals, computed by SQL.
fn summed(connection: &Connection) -> [u64; 9] {
    let sql = "
        WITH settled AS (
            SELECT * FROM sync_runs WHERE outcome IS NOT NULL OR id < (SELECT max(id) FROM sync_runs)
        )
        SELECT count(*), count(*) - count(outcome), sum(inserted), sum(updated), sum(rejected),
               sum(requests), sum(retries), sum(faults),
               sum(max(0, unixepoch(finished_at) - unixepoch(started_at)))
          FROM settled";
    connection
        .query_row(sql, [], |row| {
            let mut sums = [0; 9];
            for (index, sum) in sums.iter_mut().enumerate() {
                // SQL gives no sum without rows.
                *sum = row
                    .get::<_, Option<i64>>(index)?
                    .unwrap_or(0)
                    .unsigned_abs();
            }
            Ok(sums)
        })
        .unwrap()
}

fn sums(totals: &Totals) -> [u64; 9] {
    [
        ENDINGS.iter().map(|ending| totals.runs(*ending)).sum(),
        totals.runs(RunState::Killed),
        totals.inserted,
        totals.updated,
        totals.rejected,
        totals.requests,
        totals.retries,
        totals.faults,
        totals.durations.sum_seconds,
    ]
}

fn fresh_at(connection: &Connection) -> Option<String> {
    let status = status::read(connection, &LockState::Free, at(0), None);
    status.unwrap().verdict.fresh_at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn looking_often_comes_to_the_same_as_looking_once(steps in steps()) {
        let connection = archive::empty();
        let mut clock = Clock { began: 0, is_running: false };
        let mut often = Figures::default();
        for step in &steps {
            take(&connection, &mut clock, step);
            if let Step::Look = step {
                let mut totals = often.totals.clone();
                totals.update(&connection).unwrap();
                often.update(&connection).unwrap();
                prop_assert_eq!(&often.totals, &totals);
            }
        }
        often.update(&connection).unwrap();
        let once = figures(&connection);
        prop_assert_eq!(&often, &once);
        prop_assert_eq!(sums(&once.totals), summed(&connection));
    }

    #[test]
    fn the_archive_is_as_fresh_as_its_status_says(steps in steps()) {
        let connection = archive::empty();
        let mut clock = Clock { began: 0, is_running: false };
        let mut totals = Totals::default();
        for step in &steps {
            take(&connection, &mut clock, step);
            totals.update(&connection).unwrap();
            let fresh = totals.fresh_at().map(|at| at.to_string());
            prop_assert_eq!(fresh, fresh_at(&connection));
        }
    }
}
