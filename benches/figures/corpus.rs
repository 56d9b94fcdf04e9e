//! The accounts to archive: the simulator makes them up, the same on every machine and every day.

use std::time::Duration;

use crate::Outcome;
use crate::bench;
use crate::bench::fingerprint;
use crate::cloud::{Cloud, Options};
use crate::recording::{Recording, TOKEN};

/// 2026-07-01T00:00:00Z, the end of the history. It begins with 2019.
const NOW: i64 = 1_782_864_000;
/// The sources that determine a recording.
const MADE_BY: [&str; 3] = [
    "examples/simulator",
    "benches/figures/corpus.rs",
    "benches/figures/recording.rs",
];
pub(crate) const PER_PAGE: usize = 200;
/// An account of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corpus {
    pub(crate) actions: usize,
    pub(crate) droplets: usize,
    /// True when syncs read the droplets' own listings, besides that of the account.
    pub(crate) by_droplet: bool,
}

impl Corpus {
    /// An account whose own listing is read, with 500 droplets.
    pub(crate) fn of_account(actions: usize) -> Self {
        Self {
            actions,
            droplets: 500,
            by_droplet: false,
        }
    }

    /// An account whose droplets are read one by one.
    pub(crate) fn of_droplets(actions: usize, droplets: usize) -> Self {
        Self {
            actions,
            droplets,
            by_droplet: true,
        }
    }

    pub(crate) fn pages(self) -> usize {
        self.actions.div_ceil(PER_PAGE)
    }

    /// A name for files that belong to this corpus.
    pub(crate) fn name(self) -> String {
        let listings = if self.by_droplet { "each" } else { "all" };
        format!("{}-of-{}-{listings}", self.actions, self.droplets)
    }

    /// Its answers, recorded now if they were not yet.
    pub(crate) fn recording(self) -> Outcome<Recording> {
        let fingerprint = fingerprint(&MADE_BY)?;
        let path = bench::kept_file(&format!("answers-{}", self.name()), &fingerprint, "http")?;
        if let Some(recording) = Recording::kept(&path)? {
            return Ok(recording);
        }
        eprintln!("recording the answers for {} actions, once", self.actions);
        let cloud = self.cloud()?;
        Recording::made(&path, &cloud.url(), &self.targets(&cloud))
    }

    fn cloud(self) -> Outcome<Cloud> {
        let cloud = Cloud::start(Options {
            now: Some(NOW),
            token: TOKEN.to_owned(),
            // A quiet account: all droplets exist, nothing is in progress, nothing arrives.
            destroyed: 0.0,
            in_progress: 0,
            latency: Duration::ZERO,
            ..Options::unlimited(self.droplets, self.actions)
        })?;
        Ok(cloud)
    }

    /// All requests that a sync can send.
    fn targets(self, cloud: &Cloud) -> Vec<String> {
        // After a full page a sync asks for one more, because the total alone may be wrong.
        let pages = |path: &str, rows: usize| -> Vec<String> {
            (1..=rows / PER_PAGE + 1)
                .map(|page| format!("{path}?page={page}&per_page={PER_PAGE}"))
                .collect()
        };
        let mut targets = vec!["/v2/account".to_owned()];
        targets.extend(pages("/v2/droplets", self.droplets));
        targets.extend(pages("/v2/actions", self.actions));
        if self.by_droplet {
            for droplet in cloud.droplets() {
                let rows = cloud.actions_of(droplet.id).len();
                targets.extend(pages(&format!("/v2/droplets/{}/actions", droplet.id), rows));
            }
        }
        targets
    }
}
