//! What a cloud was asked for: requests are what a sync costs.

use crate::cloud::Cloud;

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
