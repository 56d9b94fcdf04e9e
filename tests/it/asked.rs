//! The requests that a cloud received: requests are the cost of a sync.

use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::until;
use crate::sandbox::Sandbox;

const ACTIONS: &str = "/v2/actions";
/// Pages that a sync requests at once.
const AT_ONCE: u64 = 4;

/// Answers this many requests for the account's actions. The simulator holds the next four until [`Cloud::release`],
/// and all later ones forever: a sync stays in its middle for as long as a test needs.
pub(crate) fn hold_after(cloud: &Cloud, answered: u64) {
    let rule = |fault| FaultRule::new(fault).path(ACTIONS);
    let held = rule(Fault::Hold).nth(answered + 1).times(AT_ONCE);
    cloud.break_with(held);
    let never = rule(Fault::Stall).nth(answered + AT_ONCE + 1);
    cloud.break_with(never.times(u64::MAX));
}

/// Waits until the sync has sent all its concurrent requests, which the cloud holds.
#[track_caller]
pub(crate) fn until_held(cloud: &Cloud, answered: u64) {
    until("the sync is in its middle", || {
        requests_for(cloud, ACTIONS) as u64 >= answered + AT_ONCE
    });
}

/// All requests, retries included.
pub(crate) fn requests(cloud: &Cloud) -> usize {
    cloud.requests().len()
}

/// No more than this many requests were sent, retries included.
#[track_caller]
pub(crate) fn costs_at_most(cloud: &Cloud, most: usize, when: &str) {
    let sent = requests(cloud);
    assert!(
        sent <= most,
        "{when}: {sent} requests instead of {most}\n{}",
        asked_for(cloud)
    );
}

/// Checks the number of requests that the last sync counted itself: the cloud may still receive requests of a killed
/// sync before it.
#[track_caller]
pub(crate) fn last_run_costs_at_most(sandbox: &Sandbox, cloud: &Cloud, most: usize, when: &str) {
    let sent = sandbox.archive().last_run().requests as usize;
    assert!(
        sent <= most,
        "{when}: {sent} requests instead of {most}\n{}",
        asked_for(cloud)
    );
}

/// All requests and their answers, one per line, in the order of arrival.
pub(crate) fn asked_for(cloud: &Cloud) -> String {
    let requests = cloud.requests();
    let lines = requests
        .iter()
        .map(|it| format!("{} {}", it.status, it.path));
    lines.collect::<Vec<_>>().join("\n")
}

/// The number of requests for exactly this path, whatever the page.
pub(crate) fn requests_for(cloud: &Cloud, path: &str) -> usize {
    let requests = cloud.requests();
    let paths = requests.iter().map(|request| without_query(&request.path));
    paths.filter(|asked| *asked == path).count()
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
