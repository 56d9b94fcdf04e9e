//! Decoding pages of the API, against decompressing them, which every reader must do.

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use archiver::api::PageReader;
use flate2::read::GzDecoder;

use crate::Outcome;
use crate::bench::{Bench, Group};
use crate::corpus::Corpus;
use crate::figure::{Goal, Question, Row, number};
use crate::measure::{in_turns, median, ratio};

pub(crate) const GROUP: Group = Group {
    rows: &["decoding"],
    measure,
};

const PAGES: usize = 200;
const ROUNDS: usize = 11;

fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let corpus = Corpus::of_account(bench.sized(500_000));
    let compressed = corpus.recording()?.pages_of_account(PAGES)?;
    let bodies = compressed
        .iter()
        .map(|page| decompressed(page))
        .collect::<Outcome<Vec<_>>>()?;
    let pages = bodies.len() as f64;
    let decompress = || {
        let started = Instant::now();
        for page in &compressed {
            black_box(decompressed(page)?);
        }
        Ok(started.elapsed().as_secs_f64() / pages)
    };
    let decode = || {
        // The reader lives as long as in a sync: it remembers the regions that it met.
        let mut reader = PageReader::new();
        let started = Instant::now();
        for body in &bodies {
            black_box(reader.actions(body)?);
        }
        Ok(started.elapsed().as_secs_f64() / pages)
    };
    let results = in_turns(ROUNDS, &[&decode, &decompress])?;
    let [ours, theirs] = results.as_slice() else {
        return Err("two steps have two results".into());
    };
    let microseconds = |times: &[f64]| number(1e6 * median(times.iter().copied()));
    let question = Question {
        name: "decoding",
        what: "decoding a page of 200 actions".to_owned(),
        against: "decompressing it, flate2",
        goal: Goal::AtMost(2.5, "×"),
    };
    Ok(vec![question.measured(
        ratio(ours, theirs),
        format!("{} / {} µs", microseconds(ours), microseconds(theirs)),
    )])
}

fn decompressed(page: &[u8]) -> Outcome<Vec<u8>> {
    // Large enough for every body, so that the buffer need not grow.
    let mut body = Vec::with_capacity(1 << 20);
    GzDecoder::new(page).read_to_end(&mut body)?;
    Ok(body)
}
