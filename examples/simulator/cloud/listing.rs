//! Paging: the rows of a page, and the links and totals around them.

use std::fmt::Write as _;

use super::faults::Quirks;
use super::http::Request;
use super::options::Order;

const DEFAULT_ROWS: usize = 20;
const MOST_ROWS: usize = 200;

/// The requested page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    number: usize,
    per_page: usize,
    /// The listing's URL.
    url: String,
    /// The other parameters, for the links: `&per_page=200`.
    parameters: String,
}

impl Page {
    /// Reads `page` and `per_page`.
    pub(super) fn asked(base_url: &str, request: &Request) -> Self {
        let per_page = request
            .parameter("per_page")
            .and_then(|text| text.parse().ok());
        let parameters = request.raw_query().split('&');
        let others = parameters.filter(|pair| !pair.is_empty() && !pair.starts_with("page="));
        Self {
            number: request.page(),
            per_page: per_page
                .filter(|&rows| rows > 0)
                .map_or(DEFAULT_ROWS, |rows: usize| rows.min(MOST_ROWS)),
            url: format!("{base_url}{}", request.path()),
            parameters: others.map(|pair| format!("&{pair}")).collect(),
        }
    }

    /// The indexes of its rows in a listing of this length, counted from the first row of page 1.
    pub(super) fn rows(&self, total: usize) -> std::ops::Range<usize> {
        let start = self.start(self.number).min(total);
        start..self.start(self.number.saturating_add(1)).min(total)
    }

    fn start(&self, number: usize) -> usize {
        (number - 1).saturating_mul(self.per_page)
    }

    /// Appends `,"links":…,"meta":…}`, the end of every listing.
    pub(super) fn finish(&self, out: &mut String, total: usize, quirks: &Quirks) {
        out.push_str(",\"links\":{");
        let pages = self.pages(total, quirks);
        if !pages.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\"pages\":{{{}}}", pages.join(","));
        }
        out.push_str("},\"meta\":{");
        if let Some(total) = quirks.total(total) {
            let _ = write!(out, "\"total\":{total}");
        }
        out.push_str("}}");
    }

    fn pages(&self, total: usize, quirks: &Quirks) -> Vec<String> {
        let last = total.div_ceil(self.per_page).max(1);
        let mut pages = Vec::new();
        if self.number > 1 {
            pages.push(self.link("first", &self.url, 1));
            pages.push(self.link("prev", &self.url, (self.number - 1).min(last)));
        }
        if quirks.looping_next {
            pages.push(self.link("next", &self.url, self.number));
        } else if self.number < last {
            let url = quirks.foreign_next.as_ref().map_or_else(
                || self.url.clone(),
                |origin| format!("{origin}{}", path_of(&self.url)),
            );
            pages.push(self.link("next", &url, self.number + 1));
        }
        if self.number < last {
            pages.push(self.link("last", &self.url, last));
        }
        pages
    }

    fn link(&self, name: &str, url: &str, number: usize) -> String {
        let target = format!("{url}?page={number}{}", self.parameters);
        format!("\"{name}\":{}", serde_json::Value::from(target))
    }
}

fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/'));
    path.and_then(|path| url.get(host + path..))
        .unwrap_or_default()
}

impl Order {
    /// The place of the row at `position` of a listing, counted from the oldest row.
    pub(super) fn place(self, position: usize, total: usize) -> usize {
        match self {
            Self::NewestFirst => (total - 1).saturating_sub(position),
            Self::OldestFirst => position,
            Self::Scattered => scatter(position, total),
        }
    }
}

/// A permutation of `0..total`.
fn scatter(position: usize, total: usize) -> usize {
    // A step without a common factor with the total visits every place once.
    const STEPS: [usize; 4] = [7919, 104_729, 611_953, 1];
    let step = STEPS
        .into_iter()
        .find(|step| !total.is_multiple_of(*step))
        .unwrap_or(1);
    (position * step + total / 3) % total.max(1)
}
