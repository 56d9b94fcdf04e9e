//! The allowed cost of a sync: the table of promises about requests. Each row is a test, and the server counts the
//! requests.
//!
//! A page has 200 actions, whatever the size of the archive. Other requests are for the account of the token (once for
//! each token) and for the names of droplets (one for each 200 of them).

mod resumed;
mod scopes;
mod steady;

use crate::archive::Archive;
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

/// The number of pages for this many actions.
fn pages(actions: usize) -> usize {
    actions.div_ceil(200)
}

/// The number of requests for the first read of a listing of this length: after a page that may be full, the sync asks
/// for the next.
fn first_pages(actions: usize) -> usize {
    let is_round = actions.is_multiple_of(10) || actions.is_multiple_of(25);
    let is_full = actions.is_multiple_of(200) || (actions < 200 && is_round);
    pages(actions) + usize::from(actions > 0 && is_full)
}

/// The followed droplets of an account, and their archive.
struct Watched {
    cloud: Cloud,
    sandbox: Sandbox,
    ids: Vec<i64>,
}

impl Watched {
    /// Follows this many droplets of an account: not the first ones, some of which may be small.
    fn new(droplets: usize, options: Options) -> Self {
        let cloud = Cloud::start(options).unwrap();
        let existing = cloud.droplets();
        let ids = existing.iter().rev().map(|it| it.id).take(droplets);
        Self {
            ids: ids.collect(),
            sandbox: Sandbox::new(),
            cloud,
        }
    }

    /// Runs a sync that must complete.
    #[track_caller]
    fn sync(&self) {
        self.cloud.clear_requests();
        let run = self.sandbox.sync(&self.cloud, &["--droplet", &self.flag()]);
        run.exits(0).silently();
    }

    fn flag(&self) -> String {
        let ids: Vec<_> = self.ids.iter().map(i64::to_string).collect();
        ids.join(",")
    }

    /// The archive has the histories of the followed droplets, and nothing of others.
    #[track_caller]
    fn is_exact(&self) -> Archive {
        let histories = self.ids.iter().flat_map(|id| self.cloud.actions_of(*id));
        let archive = self.sandbox.archive();
        archive.is_exactly(histories);
        archive
    }
}

/// Runs a sync of the whole account that must complete.
#[track_caller]
fn sync_account(sandbox: &Sandbox, cloud: &Cloud) {
    cloud.clear_requests();
    sandbox.sync(cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(cloud);
}
