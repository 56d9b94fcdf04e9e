//! Killed syncs: the next sync asks only for the missing pages.

use std::time::Duration;

use super::{Watched, pages};
use crate::account::settled;
use crate::archive::Archive;
use crate::asked::{last_run_costs_at_most, requests};
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::process::until;
use crate::sandbox::Sandbox;

fn slow(droplets: usize, actions: usize) -> Options {
    Options {
        latency: Duration::from_millis(15),
        ..settled(droplets, actions)
    }
}

/// Kills a sync once it has sent this many requests. A sync that sends fewer ends by itself.
fn kill_after(sandbox: &Sandbox, cloud: &Cloud, flags: &[&str], sent: usize) {
    cloud.clear_requests();
    // The last request gets no answer, so the kill interrupts a sync at work.
    cloud.break_with(FaultRule::new(Fault::Stall).nth(sent as u64));
    let mut sync = sandbox.start_sync(cloud, flags);
    until("enough is asked for", || {
        requests(cloud) >= sent || sync.has_ended()
    });
    sync.kill();
    cloud.clear_faults();
}

/// The number of covered positions of a listing; 0 when the kill came before the archive existed.
fn covered(sandbox: &Sandbox, path: &str) -> usize {
    if !sandbox.db().exists() {
        return 0;
    }
    let archive = sandbox.archive();
    if !has_table(&archive, "coverage") {
        return 0;
    }
    let sql = format!(
        "SELECT coalesce(sum(end_position - start_position), 0)
           FROM coverage JOIN listings ON listings.id = listing_id WHERE path = '{path}'"
    );
    archive.number(&sql) as usize
}

fn has_table(archive: &Archive, name: &str) -> bool {
    let sql = format!("SELECT count(*) FROM sqlite_schema WHERE name = '{name}'");
    archive.number(&sql) > 0
}

fn knows_the_account(sandbox: &Sandbox) -> bool {
    let is_there = sandbox.db().exists() && has_table(&sandbox.archive(), "account");
    is_there && sandbox.archive().number("SELECT count(*) FROM account") > 0
}

fn with_concurrency(pages: usize) -> Sandbox {
    Sandbox::new().configured(&format!("[limits]\nconcurrency = {pages}\n"))
}

#[test]
fn a_first_sync_of_an_account_killed_at_any_moment_costs_what_was_missing_and_two() {
    const ACTIONS: usize = 1_990;
    for concurrency in [1, 4] {
        for sent in 1..=12 {
            let cloud = Cloud::start(slow(5, ACTIONS)).unwrap();
            let sandbox = with_concurrency(concurrency);
            kill_after(&sandbox, &cloud, &["--all"], sent);
            let missing = pages(ACTIONS - covered(&sandbox, "/v2/actions"));
            cloud.clear_requests();
            sandbox.sync(&cloud, &["--all"]).exits(0).silently();
            sandbox.archive().equals(&cloud);
            last_run_costs_at_most(
                &sandbox,
                &cloud,
                missing + 2,
                &format!("killed after {sent}"),
            );
        }
    }
}

/// Actions that arrive between the kill and the next sync move the borders of pages: a gap of one page then lies on two
/// pages, and one request cannot close it. So each gap except the one at the head may cost one more request.
#[test]
fn what_arrives_after_the_kill_costs_its_pages_and_one_more_for_each_gap() {
    const ACTIONS: usize = 1_990;
    for sent in [3, 5, 8, 11] {
        let cloud = Cloud::start(slow(5, ACTIONS)).unwrap();
        let sandbox = with_concurrency(4);
        kill_after(&sandbox, &cloud, &["--all"], sent);
        let missing = ACTIONS + 70 - covered(&sandbox, "/v2/actions");
        let gaps = sandbox.archive().number("SELECT count(*) FROM coverage") as usize;
        cloud.add_actions(70);
        cloud.clear_requests();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);

        let most = pages(missing) + gaps + 2;
        last_run_costs_at_most(&sandbox, &cloud, most, &format!("killed after {sent}"));
    }
}

#[test]
fn a_later_sync_killed_at_any_moment_costs_what_was_missing_and_two() {
    for sent in 1..=7 {
        let cloud = Cloud::start(slow(5, 700)).unwrap();
        let sandbox = with_concurrency(3);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        cloud.add_actions(1_050);
        kill_after(&sandbox, &cloud, &["--all"], sent);
        let missing = pages(1_750 - covered(&sandbox, "/v2/actions"));
        cloud.clear_requests();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);
        last_run_costs_at_most(
            &sandbox,
            &cloud,
            missing + 2,
            &format!("killed after {sent}"),
        );
    }
}

/// The number of missing pages of the watched droplets, and the number of complete listings that are not recorded as
/// complete: a kill between the last page and that record costs the page again.
fn missing_of_droplets(watched: &Watched) -> (usize, usize) {
    let (mut missing, mut unnoted) = (0, 0);
    for id in &watched.ids {
        let path = format!("/v2/droplets/{id}/actions");
        let listed = watched.cloud.actions_of(*id).len();
        let left = listed - covered(&watched.sandbox, &path);
        missing += pages(left);
        if left == 0 {
            let noted =
                format!("SELECT followed_from IS NOT NULL FROM listings WHERE path = '{path}'");
            unnoted += usize::from(watched.sandbox.archive().number(&noted) == 0);
        }
    }
    (missing, unnoted)
}

#[test]
fn a_first_sync_of_droplets_killed_at_any_moment_costs_what_was_missing_and_two() {
    for concurrency in [1, 4] {
        for sent in 1..=20 {
            let mut watched = Watched::new(8, slow(10, 2_600));
            watched.sandbox = with_concurrency(concurrency);
            let flags = ["--droplet", &watched.flag()];
            kill_after(&watched.sandbox, &watched.cloud, &flags, sent);
            let (missing, unnoted) = missing_of_droplets(&watched);
            assert!(
                unnoted <= 1,
                "{unnoted} listings are whole, and nobody knows"
            );
            // A sync that is killed before it knows the token's account has not begun: the next sync is the first.
            let more = if knows_the_account(&watched.sandbox) {
                2
            } else {
                3
            };
            watched.sync();
            let most = missing + unnoted + more;
            last_run_costs_at_most(
                &watched.sandbox,
                &watched.cloud,
                most,
                &format!("killed after {sent}"),
            );
            watched.is_exact();
        }
    }
}
