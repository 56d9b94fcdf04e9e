//! What a sync may cost: the table of promises about requests, a row a test, counted where they arrive.
//!
//! A page is 200 actions, whatever the archive's size. Beside pages there is whose token it is (asked once for each
//! token), and the names of droplets (one request for each 200 of them).

mod resumed;
mod scopes;
mod steady;

use crate::archive::Archive;
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

/// The pages that so many actions fill.
fn pages(actions: usize) -> usize {
    actions.div_ceil(200)
}

/// The requests that a listing of so many actions takes at first: after a page that may be a full one, the next is asked for.
fn first_pages(actions: usize) -> usize {
    let is_round = actions.is_multiple_of(10) || actions.is_multiple_of(25);
    let is_full = actions.is_multiple_of(200) || (actions < 200 && is_round);
    pages(actions) + usize::from(actions > 0 && is_full)
}

/// Some droplets of an account that somebody keeps an archive of.
struct Watched {
    cloud: Cloud,
    sandbox: Sandbox,
    ids: Vec<i64>,
}

impl Watched {
    /// Watches so many droplets of an account: not the first ones, some of which may be small.
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

    /// Syncs, completely.
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

    /// The histories of the watched droplets are archived, and nothing of the others.
    #[track_caller]
    fn is_exact(&self) -> Archive {
        let histories = self.ids.iter().flat_map(|id| self.cloud.actions_of(*id));
        let archive = self.sandbox.archive();
        archive.is_exactly(histories);
        archive
    }
}

/// Syncs the whole account, completely.
#[track_caller]
fn sync_account(sandbox: &Sandbox, cloud: &Cloud) {
    cloud.clear_requests();
    sandbox.sync(cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(cloud);
}
