//! What a cloud was asked for: requests are what a sync costs.

use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::until;
use crate::sandbox::Sandbox;

const ACTIONS: &str = "/v2/actions";
/// Pages that a sync has under way at once.
const AT_ONCE: u64 = 4;

/// Answers so many requests for the account's actions. The next four are held until [`Cloud::release`], and those after
/// them for ever: a sync stays in its middle for as long as a test needs it there.
pub(crate) fn hold_after(cloud: &Cloud, answered: u64) {
    let rule = |fault| FaultRule::new(fault).path(ACTIONS);
    let held = rule(Fault::Hold).nth(answered + 1).times(AT_ONCE);
    cloud.break_with(held);
    let never = rule(Fault::Stall).nth(answered + AT_ONCE + 1);
    cloud.break_with(never.times(u64::MAX));
}

/// Waits until the sync has asked for all that it can have under way, which is held.
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

/// No more than so many requests were sent, retries included.
#[track_caller]
pub(crate) fn costs_at_most(cloud: &Cloud, most: usize, when: &str) {
    let sent = requests(cloud);
    assert!(
        sent <= most,
        "{when}: {sent} requests instead of {most}\n{}",
        asked_for(cloud)
    );
}

/// The same for the last sync, by its own count: the cloud may still be hearing what a killed one before it asked for.
#[track_caller]
pub(crate) fn last_run_costs_at_most(sandbox: &Sandbox, cloud: &Cloud, most: usize, when: &str) {
    let sent = sandbox.archive().last_run().requests as usize;
    assert!(
        sent <= most,
        "{when}: {sent} requests instead of {most}\n{}",
        asked_for(cloud)
    );
}

/// What was asked for and how it was answered, a line each, in the order of arrival.
pub(crate) fn asked_for(cloud: &Cloud) -> String {
    let requests = cloud.requests();
    let lines = requests
        .iter()
        .map(|it| format!("{} {}", it.status, it.path));
    lines.collect::<Vec<_>>().join("\n")
}

/// How often exactly this path was asked for, whatever the page.
pub(crate) fn requests_for(cloud: &Cloud, path: &str) -> usize {
    let requests = cloud.requests();
    let paths = requests.iter().map(|request| without_query(&request.path));
    paths.filter(|asked| *asked == path).count()
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
