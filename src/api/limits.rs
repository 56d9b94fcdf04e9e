//! What the answer's headers say of the rate limits.
//!
//! Source: the API reference's chapter on rate limits. 5,000 requests an hour and 250 a minute, each request counted
//! for one window from its own time. `ratelimit-reset` is when the *oldest* request expires, not when all do. A 429
//! for the minute carries `retry-after`; one for the hour may carry none.

use reqwest::header::HeaderMap;

use crate::core::time::Timestamp;

/// What one answer said of the limits. Every part may be absent, zero or in the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests an hour.
    pub limit: Option<u64>,
    /// Requests that are left of them.
    pub remaining: Option<u64>,
    /// When the oldest request that counts will count no more.
    pub reset_at: Option<Timestamp>,
    /// How long to wait before trying again; negative when the server's date has passed.
    pub retry_after_seconds: Option<i64>,
}

impl RateLimit {
    /// Reads the headers; what makes no sense is left out. `now` is what a `retry-after` date is measured from.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        Self {
            limit: text("ratelimit-limit").and_then(|value| value.parse().ok()),
            remaining: text("ratelimit-remaining").and_then(|value| value.parse().ok()),
            reset_at: text("ratelimit-reset")
                .and_then(|value| value.parse().ok())
                .and_then(|seconds| Timestamp::from_epoch_seconds(seconds).ok()),
            retry_after_seconds: text("retry-after").and_then(|value| retry_after(value, now)),
        }
    }
}

/// Seconds, or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<i64> {
    if let Ok(seconds) = value.parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    Some(date.as_second() - now.epoch_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse().unwrap(),
                    reqwest::header::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2015-10-21T07:28:00Z".parse().unwrap();
        for (value, expected) in [
            ("12", Some(12)),
            (" 0 ", Some(0)),
            ("-5", Some(-5)),
            ("36000", Some(36_000)),
            ("Wed, 21 Oct 2015 07:29:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(-60)),
            ("soon", None),
            ("", None),
        ] {
            let limit = RateLimit::from_headers(&headers(&[("retry-after", value)]), now);
            assert_eq!(limit.retry_after_seconds, expected, "{value:?}");
        }
    }

    #[test]
    fn nonsense_is_as_good_as_absent() {
        let now = Timestamp::from_epoch_seconds(0).unwrap();
        let nonsense = [
            ("ratelimit-limit", "many"),
            ("ratelimit-remaining", "-1"),
            ("ratelimit-reset", "9e99"),
        ];
        assert_eq!(
            RateLimit::from_headers(&headers(&nonsense), now),
            RateLimit::default()
        );
        let sense = [
            ("ratelimit-limit", "5000"),
            ("ratelimit-remaining", "4816"),
            ("ratelimit-reset", "1444931833"),
        ];
        let limit = RateLimit::from_headers(&headers(&sense), now);
        assert_eq!((limit.limit, limit.remaining), (Some(5000), Some(4816)));
        assert_eq!(limit.reset_at.unwrap().to_string(), "2015-10-15T17:57:13Z");
    }
}
