//! What a cloud was asked for: requests are what a sync costs.

use crate::cloud::Cloud;

/// All requests, retries included.
pub(crate) fn requests(cloud: &Cloud) -> usize {
    cloud.requests().len()
}

/// No more than so many requests were sent, retries included.
#[track_caller]
pub(crate) fn costs_at_most(cloud: &Cloud, most: usize, when: &str) {
    let requests = cloud.requests();
    let lines = requests
        .iter()
        .map(|it| format!("{} {}", it.status, it.path));
    let lines: Vec<_> = lines.collect();
    assert!(
        lines.len() <= most,
        "{when}: {} requests instead of {most}\n{}",
        lines.len(),
        lines.join("\n")
    );
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
