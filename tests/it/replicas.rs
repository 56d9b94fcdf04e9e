//! Listings whose answers come from different moments: replicas that lag, caches of pages, removed actions, and 404s
//! for droplets that exist.
//!
//! Exit status 0 is a promise even then. Exit status 3 promises nothing, and is always allowed while the answers
//! contradict each other. When they no longer do, a few syncs lead to exit status 0 and to the truth.

use crate::account::settled;
use crate::cloud::{Action, Cloud, Fault, FaultRule, Options, PageCache, Replicas};
use crate::process::Run;
use crate::sandbox::Sandbox;
use crate::shown::Shown;

/// The number of undisturbed syncs after which the archive must be complete.
const MOST_SYNCS: usize = 3;

/// A droplet that lists exactly 1,000 actions. A few actions of the account belong to other droplets.
fn with_long_history() -> (Cloud, i64) {
    let options = Options {
        destroyed: 0.0,
        ..settled(1, 1_041)
    };
    let cloud = Cloud::start(options).unwrap();
    let droplet = cloud.droplets()[0].id;
    assert_eq!(cloud.actions_of(droplet).len(), 1_000);
    (cloud, droplet)
}

/// The part of the account to archive, and the flags that ask a sync for it.
struct Scope {
    droplet: Option<i64>,
    flags: Vec<String>,
}

impl Scope {
    fn account() -> Self {
        Self {
            droplet: None,
            flags: vec!["--all".to_owned()],
        }
    }

    fn droplet(id: i64) -> Self {
        Self {
            droplet: Some(id),
            flags: vec![format!("--droplet={id}")],
        }
    }

    fn listed(&self, cloud: &Cloud) -> Vec<Action> {
        match self.droplet {
            Some(droplet) => cloud.actions_of(droplet),
            None => cloud.actions(),
        }
    }

    fn sync(&self, sandbox: &Sandbox, cloud: &Cloud, more: &[&str]) -> Run {
        let flags = self
            .flags
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied());
        cloud.clear_requests();
        sandbox.sync(cloud, &flags.collect::<Vec<_>>())
    }

    /// Runs a sync. It exits with 3 and a message, or with 0 and all actions that were listed at its start and still
    /// are.
    #[track_caller]
    fn syncs_honestly(&self, sandbox: &Sandbox, cloud: &Cloud, more: &[&str], when: &str) -> Run {
        let listed = self.listed(cloud);
        let run = self.sync(sandbox, cloud, more);
        let removed = cloud.removed_actions();
        match run.status.code() {
            Some(0) => {
                let archived = sandbox.archive().actions();
                let missing = listed.iter().filter(|it| !archived.contains_key(&it.id));
                let missing: Vec<_> = missing.filter(|it| !removed.contains(it)).collect();
                let (some, many) = (missing.first(), missing.len());
                assert!(some.is_none(), "{when}: {many} missing: {some:?}\n{run}");
                run
            }
            _ => run.exits(3).says("error: "),
        }
    }

    /// After a few syncs, all actions are archived. An archive that has a removed action keeps it.
    #[track_caller]
    fn is_soon_complete(&self, sandbox: &Sandbox, cloud: &Cloud, when: &str) {
        let complete = (0..MOST_SYNCS).any(|_| {
            let run = self.syncs_honestly(sandbox, cloud, &[], when);
            run.status.code() == Some(0)
        });
        assert!(complete, "{when}: not complete after {MOST_SYNCS} syncs");
        self.sync(sandbox, cloud, &[]).exits(0).silently();
        sandbox.archive().holds(self.listed(cloud));
    }
}

/// Each of these replicas answers for its own page.
fn by_page(cloud: &Cloud, lags: &[usize]) {
    cloud.change(|options| options.replicas = Replicas::by_page(lags));
}

fn fresh(cloud: &Cloud) {
    cloud.change(|options| {
        options.replicas = Replicas::default();
        options.cache = None;
    });
}

/// Removes the oldest actions of a scope, as many as it has more than before.
fn removes_as_many_as_arrived(scope: &Scope, cloud: &Cloud, before: usize) {
    let mut ids: Vec<i64> = scope.listed(cloud).iter().map(|it| it.id).collect();
    ids.sort_unstable();
    let arrived = ids.len() - before;
    assert!(arrived > 200, "{arrived}");
    for id in &ids[..arrived] {
        cloud.remove_action(*id);
    }
}

/// The account's listing contradicts itself, and brings rows that have no position in the droplet's own listing yet.
#[test]
fn rows_from_the_accounts_listing_hide_no_shift_of_a_droplets_own_listing() {
    let (cloud, droplet) = with_long_history();
    let (scope, sandbox) = (Scope::droplet(droplet), Sandbox::new());
    scope.sync(&sandbox, &cloud, &[]).exits(0);
    cloud.add_actions(450);
    removes_as_many_as_arrived(&scope, &cloud, 1_000);
    scope.is_soon_complete(&sandbox, &cloud, "after as many removals as arrivals");
}

/// The newest rows are archived without a position when a full scan is interrupted.
#[test]
fn an_interrupted_full_scan_hides_no_shift() {
    let (cloud, _) = with_long_history();
    let (scope, sandbox) = (Scope::account(), Sandbox::new());
    scope.sync(&sandbox, &cloud, &[]).exits(0);
    let before = cloud.actions().len();
    cloud.add_actions(400);
    removes_as_many_as_arrived(&scope, &cloud, before);
    cloud.break_with(
        FaultRule::new(Fault::Status(400))
            .path("/v2/actions?")
            .page(2),
    );
    scope.sync(&sandbox, &cloud, &["--full"]).exits(3);
    cloud.clear_faults();
    scope.is_soon_complete(&sandbox, &cloud, "after an interrupted full scan");
}

#[test]
fn pages_from_a_cache_that_does_not_know_the_newest_actions_are_not_called_complete() {
    let cloud = Cloud::start(settled(6, 1_000)).unwrap();
    let cache = PageCache {
        ages: vec![0],
        keeps: u32::MAX,
        from_page: 2,
    };
    cloud.change(|options| options.cache = Some(cache));
    let (sandbox, scope) = (Sandbox::new(), Scope::account());
    // The second sync reads all pages, so that the cache holds all of them.
    scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
    scope
        .sync(&sandbox, &cloud, &["--full"])
        .exits(0)
        .silently();
    cloud.add_actions(300);
    for _ in 0..2 {
        scope.sync(&sandbox, &cloud, &[]).exits(3).says("error: ");
    }
    fresh(&cloud);
    scope.is_soon_complete(&sandbox, &cloud, "the cache is empty");
    assert_eq!(sandbox.archive().actions().len(), 1_300);
}

#[test]
fn later_pages_that_are_300_actions_older_than_the_first_are_not_called_complete() {
    let cloud = Cloud::start(settled(6, 1_000)).unwrap();
    let (sandbox, scope) = (Sandbox::new(), Scope::account());
    scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
    cloud.add_actions(300);
    by_page(&cloud, &[0, 300]);
    for _ in 0..2 {
        scope.sync(&sandbox, &cloud, &[]).exits(3).says("error: ");
    }
    fresh(&cloud);
    scope.is_soon_complete(&sandbox, &cloud, "all replicas are up to date");
    assert_eq!(sandbox.archive().actions().len(), 1_300);
}

/// Runs syncs while page 1 is up to date and the others lag, first and after new actions, and then without lag.
#[track_caller]
fn lag_hides_nothing(cloud: &Cloud, scope: &Scope, droplet: i64, lag: usize, more: &[&str]) {
    let sandbox = Sandbox::new();
    cloud.add_actions_of(droplet, 200);
    by_page(cloud, &[0, lag]);
    for new in [0, 0, 1, 199, 450] {
        cloud.add_actions_of(droplet, new);
        let when = format!("lag {lag}, {new} new, {more:?}, {:?}", scope.flags);
        scope.syncs_honestly(&sandbox, cloud, more, &when);
    }
    fresh(cloud);
    scope.is_soon_complete(
        &sandbox,
        cloud,
        &format!("after lag {lag}, {:?}", scope.flags),
    );
}

const LAGS: [usize; 4] = [1, 2, 7, 150];

#[test]
fn pages_of_the_account_that_lag_behind_the_first_hide_nothing_from_a_complete_sync() {
    for lag in LAGS {
        for more in [&[][..], &["--full"]] {
            let (cloud, droplet) = with_long_history();
            lag_hides_nothing(&cloud, &Scope::account(), droplet, lag, more);
        }
    }
}

#[test]
fn pages_of_a_droplet_that_lag_behind_the_first_hide_nothing_from_a_complete_sync() {
    for lag in LAGS {
        for more in [&[][..], &["--full"]] {
            let (cloud, droplet) = with_long_history();
            lag_hides_nothing(&cloud, &Scope::droplet(droplet), droplet, lag, more);
        }
    }
}

#[test]
fn where_nothing_but_droplets_can_be_read_pages_that_lag_hide_nothing_either() {
    for lag in LAGS {
        for more in [&[][..], &["--full"]] {
            let (cloud, droplet) = with_long_history();
            cloud.remove_scope("actions:read");
            lag_hides_nothing(&cloud, &Scope::droplet(droplet), droplet, lag, more);
        }
    }
}

#[test]
fn an_action_that_disappears_during_a_full_sync_takes_no_other_with_it() {
    for known in [true, false] {
        let cloud = Cloud::start(settled(6, 1_000)).unwrap();
        let (sandbox, scope) = (Sandbox::new(), Scope::account());
        if known {
            scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
            cloud.add_actions(100);
        }
        // The removed action was on page 2: an action of page 4 moves to page 3, which the sync has read already.
        let disappears = cloud.actions()[250].id;
        let rule = FaultRule::new(Fault::RemoveAction(Some(disappears))).page(4);
        cloud.break_with(rule.times(1));
        scope.syncs_honestly(&sandbox, &cloud, &["--full"], "it disappears");
        assert_eq!(cloud.removed_actions().len(), 1);
        cloud.clear_faults();
        scope.is_soon_complete(&sandbox, &cloud, "after that");
    }
}

#[test]
fn a_droplet_that_exists_is_not_gone_because_its_later_pages_are_not_found() {
    let (cloud, droplet) = with_long_history();
    cloud.remove_scope("actions:read");
    let rule = FaultRule::new(Fault::Status(404)).path(&format!("/v2/droplets/{droplet}/actions"));
    cloud.break_with(rule.clone().pages_from(3));
    let (sandbox, scope) = (Sandbox::new(), Scope::droplet(droplet));
    for _ in 0..3 {
        let run = scope.sync(&sandbox, &cloud, &[]).exits(3);
        run.says("error: ").says(&droplet.to_string());
        let sql =
            format!("SELECT count(*) FROM droplets WHERE id = {droplet} AND gone_at IS NOT NULL");
        assert_eq!(sandbox.archive().number(&sql), 0);
    }
    cloud.clear_faults();
    scope.is_soon_complete(&sandbox, &cloud, "all pages are found");
    sandbox.archive().is_exactly(cloud.actions_of(droplet));
    // Every page answers 404, and the account has new actions.
    cloud.add_actions_of(droplet, 30);
    cloud.break_with(rule);
    scope.sync(&sandbox, &cloud, &[]).exits(3).says("error: ");
    cloud.clear_faults();
    scope.is_soon_complete(&sandbox, &cloud, "all pages are found again");
}

#[test]
fn a_droplet_that_goes_while_its_history_is_first_read_is_never_called_complete() {
    let (cloud, droplet) = with_long_history();
    cloud.remove_scope("actions:read");
    let own = format!("/v2/droplets/{droplet}/actions");
    let goes = FaultRule::new(Fault::DestroyDroplet(droplet)).path(&own);
    cloud.break_with(goes.page(3).times(1));
    let sandbox = Sandbox::new().configured("[limits]\nconcurrency = 1\n");
    let scope = Scope::droplet(droplet);
    for _ in 0..3 {
        let run = scope.sync(&sandbox, &cloud, &[]).exits(3);
        run.says("error: ")
            .says(&droplet.to_string())
            .says("history");
        let archived = sandbox.archive().actions().len();
        assert!((1..1_000).contains(&archived), "{archived}");
    }
    assert!(cloud.droplets().is_empty());
}

#[test]
fn a_droplet_that_goes_when_its_history_is_archived_is_no_failure() {
    let (cloud, droplet) = with_long_history();
    cloud.remove_scope("actions:read");
    let (sandbox, scope) = (Sandbox::new(), Scope::droplet(droplet));
    scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
    let history = cloud.actions_of(droplet);
    cloud.destroy_droplet(droplet).unwrap();
    for _ in 0..2 {
        scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
    }
    let archive = sandbox.archive();
    archive.is_exactly(history);
    let sql = format!("SELECT gone_at IS NOT NULL FROM droplets WHERE id = {droplet}");
    assert!(archive.value::<bool>(&sql));
}

#[test]
fn an_archived_action_that_is_removed_stays_archived_and_hides_none_that_is_listed() {
    for (newer, new) in [(0, 0), (0, 30), (250, 1), (250, 300), (999, 0), (999, 300)] {
        is_removed(newer, new, |_| Scope::account());
        is_removed(newer, new, Scope::droplet);
    }
}

/// Archives a droplet, removes one of its actions and adds others. The next sync may find an inconsistency.
#[track_caller]
fn is_removed(newer: usize, new: usize, scope: impl Fn(i64) -> Scope) {
    let (cloud, droplet) = with_long_history();
    let (sandbox, scope) = (Sandbox::new(), scope(droplet));
    scope.sync(&sandbox, &cloud, &[]).exits(0).silently();
    let removed = cloud.actions_of(droplet)[newer].clone();
    assert!(cloud.remove_action(removed.id));
    cloud.add_actions_of(droplet, new);
    let when = format!("{newer} are newer, {new} new, {:?}", scope.flags);
    scope.syncs_honestly(&sandbox, &cloud, &[], &when);
    for _ in 0..2 {
        let run = scope.syncs_honestly(&sandbox, &cloud, &[], &when);
        assert_eq!(run.status.code(), Some(0), "{when}: {run}");
    }
    let archive = sandbox.archive();
    archive.holds([removed]);
    archive.holds(scope.listed(&cloud));
}

/// Forty syncs, with a random replica for each request: exit status 0 promises the actions that the answers have shown.
#[track_caller]
fn any_replica_for_each_request(cloud: &Cloud, scope: &Scope, seed: usize) {
    const GROWTH: [usize; 7] = [0, 1, 40, 0, 199, 2, 7];
    let sandbox = Sandbox::new();
    cloud.change(|options| options.replicas = Replicas::at_random(&[0, 2, 150]));
    let mut earlier = Shown::default();
    for turn in 0..40 {
        let listed = scope.listed(cloud);
        let run = scope.sync(&sandbox, cloud, &[]);
        let shown = Shown::lately(cloud);
        if run.status.code() == Some(0) {
            let archived = sandbox.archive().actions();
            let promised = |it: &&Action| shown.promises(&earlier, scope.droplet, it);
            let missing = listed.iter().filter(promised);
            let missing: Vec<_> = missing
                .filter(|it| !archived.contains_key(&it.id))
                .collect();
            let (some, many) = (missing.first(), missing.len());
            assert!(
                some.is_none(),
                "sync {turn}: {many} missing: {some:?}\n{run}"
            );
        } else {
            run.exits(3).says("error: ");
        }
        earlier.then(&shown, true);
        cloud.add_actions(GROWTH[(turn + seed) % GROWTH.len()]);
    }
    fresh(cloud);
    scope.is_soon_complete(&sandbox, cloud, "all replicas are up to date");
}

#[test]
fn any_replica_for_each_request_of_the_account_hides_nothing_that_was_shown() {
    let cloud = Cloud::start(settled(3, 700)).unwrap();
    any_replica_for_each_request(&cloud, &Scope::account(), 0);
}

#[test]
fn any_replica_for_each_request_of_a_droplet_hides_nothing_that_was_shown() {
    for (seed, has_account) in [(1, true), (2, false)] {
        let (cloud, droplet) = with_long_history();
        if !has_account {
            cloud.remove_scope("actions:read");
        }
        any_replica_for_each_request(&cloud, &Scope::droplet(droplet), seed);
    }
}
