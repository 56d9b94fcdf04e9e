//! The pace compared with the allowed rate, on a clock that does not wait.

#[path = "../../src/api/pace_simulation.rs"]
mod simulation;

use archiver::api::{Pace, Pacer};

use crate::Outcome;
use crate::bench::{Bench, Group};
use crate::figure::{Goal, Question, Row};
use crate::measure::median;

pub(crate) const GROUP: Group = Group {
    rows: &["pace", "pace-refused"],
    measure,
};

const REQUESTS: u64 = 12_500;

fn measure(_bench: &Bench) -> Outcome<Vec<Row>> {
    let floor = Pace::default().seconds_for(REQUESTS) as f64;
    let outcomes: Vec<_> = (0..100)
        .map(|seed| simulation::simulate(REQUESTS, 4, seed))
        .collect();
    let took = median(outcomes.iter().map(|outcome| outcome.took.as_secs_f64()));
    let refused: u64 = outcomes.iter().map(|outcome| outcome.refused).sum();
    let answered: u64 = outcomes.iter().map(|outcome| outcome.answered).sum();
    let sent = REQUESTS * outcomes.len() as u64;
    let question = |name, against, goal| Question {
        name,
        what: format!("{REQUESTS} requests under both limits, 4 at once, simulated clock"),
        against,
        goal,
    };
    Ok(vec![
        question(
            "pace",
            "the fastest that sliding windows allow",
            Goal::AtMost(1.03, "×"),
        )
        .measured(took / floor, format!("{took:.0} / {floor:.0} s")),
        question("pace-refused", "", Goal::AtMost(0.0, " answers 429")).measured(
            refused as f64,
            format!("{answered} of {sent} answered, 100 seeds"),
        ),
    ])
}
