//! The errors of a request, with a hint for each, and the events on the way to an answer.

use super::http;
use super::pace::{Limit, RateLimit};
use crate::core::control_characters::is_hidden;
use crate::core::threads;
use crate::core::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A request that had no usable answer after its last try.
#[derive(Debug, thiserror::Error)]
#[error("{request}: {kind}{}", after(*.attempts))]
pub struct Error {
    /// Method, path and query; never the token, never another origin.
    pub request: String,
    /// The number of times that it was sent.
    pub attempts: u32,
    /// The failure of the last try.
    pub kind: ErrorKind,
}

/// The ways a request fails.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The API answered with an error.
    #[error("{0}")]
    Status(ApiMessage),
    /// The API answered with a redirect, which is never followed: the token belongs to one origin.
    #[error("the server answered {status} with a redirect, which is not followed")]
    Redirect {
        /// 301, 302 …
        status: u16,
    },
    /// There was no connection, or the connection broke or stalled.
    #[error("{}", printable(.0))]
    Transport(String),
    /// The answer does not match the API's specification.
    #[error("the answer cannot be read: {}", printable(.0))]
    Body(String),
    /// The rate limit is used up, and waiting for it takes too long.
    #[error("the rate limit of the token is used up until {until}")]
    RateLimited {
        /// The time to try again.
        until: Timestamp,
    },
}

/// An error in the API's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiMessage {
    /// The HTTP status.
    pub status: u16,
    /// The API's short name: `not_found`, `unauthorized` …; absent when another program answered, such as a proxy.
    pub id: Option<String>,
    /// The API's sentence.
    pub message: Option<String>,
    /// The id that DigitalOcean's support asks for.
    pub request_id: Option<String>,
}

impl Error {
    /// An answer about a different action or droplet than the requested one.
    pub(crate) fn of_another(what: &str, asked: i64, answered: i64) -> Self {
        let kind = ErrorKind::Body(format!("it is about {what} {answered}"));
        Self {
            request: format!("asking for {what} {asked}"),
            attempts: 1,
            kind,
        }
    }

    /// A list that may be incomplete, and the reason.
    pub(crate) fn of_an_incomplete_list(why: &str) -> Self {
        Self {
            request: "reading the list of droplets".to_owned(),
            attempts: 1,
            kind: ErrorKind::Body(why.to_owned()),
        }
    }

    /// The HTTP status, if the answer had one that matters.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            ErrorKind::Status(message) => Some(message.status),
            ErrorKind::Redirect { status } => Some(*status),
            ErrorKind::RateLimited { .. } => Some(429),
            ErrorKind::Transport(_) | ErrorKind::Body(_) => None,
        }
    }

    /// True when the API itself says that the requested object does not exist. A 404 of another program, such as a
    /// proxy's HTML page, proves nothing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(&self.kind, ErrorKind::Status(message)
            if message.status == 404 && message.id.as_deref() == Some("not_found"))
    }

    /// True when the API does not accept the token (401). Every further request would get the same answer.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// True when the token may not do this (403).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// True when the API itself says that the token lacks a scope. A 403 of another program, such as a proxy's HTML
    /// page, proves nothing about the token.
    #[must_use]
    pub fn is_missing_scope(&self) -> bool {
        matches!(&self.kind, ErrorKind::Status(message) if message.status == 403 && message.id.is_some())
    }

    /// True when no answer came at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.kind, ErrorKind::Transport(_))
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match &self.kind {
            ErrorKind::RateLimited { .. } => {
                "run `archiver sync` again then; the pages read so far are kept"
            }
            ErrorKind::Redirect { .. } => "check --api-url: it must be the API's own address",
            ErrorKind::Transport(text) => threads::hint(text)
                .or_else(|| http::hint(text))
                .unwrap_or("check the network, the proxy settings and --api-url"),
            ErrorKind::Body(_) => {
                "a proxy between this machine and the API may change the answers; try again later"
            }
            ErrorKind::Status(message) => match message.status {
                401 => {
                    "the token is wrong, revoked or expired; `archiver auth check` shows where it came from"
                }
                403 => {
                    "the token lacks a scope: `droplet:read` reads the actions of droplets, `actions:read` those of \
                     the account; `archiver auth check` shows the scopes that it has"
                }
                404 => "check the id, and that the token belongs to the right account or team",
                _ => "try again later; the pages read so far are kept",
            },
        }
    }
}

impl std::fmt::Display for ApiMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the API answered {}", self.status)?;
        if let Some(id) = &self.id {
            write!(formatter, " {}", printable(id))?;
        }
        if let Some(message) = &self.message {
            write!(formatter, ": {}", printable(message).trim_end_matches('.'))?;
        }
        if let Some(request_id) = &self.request_id {
            write!(formatter, " (request {})", printable(request_id))?;
        }
        Ok(())
    }
}

/// Text from the network, shortened and without control characters, which a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut safe: String = text
        .chars()
        .take(LONGEST)
        .map(|character| {
            if is_hidden(character) {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        safe.push('…');
    }
    safe
}

fn after(attempts: u32) -> String {
    if attempts > 1 {
        format!(" (tried {attempts} times)")
    } else {
        String::new()
    }
}

/// The callback for every request, retry and wait.
pub type OnEvent = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// An event on the way to an answer.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request goes out.
    Sent {
        /// Method, path and query.
        request: &'a str,
    },
    /// A request failed and is sent again after a wait.
    Retrying {
        /// Method, path and query.
        request: &'a str,
        /// The failure.
        reason: &'a ErrorKind,
        /// The time until the next try.
        wait: Duration,
    },
    /// An answer came, whether success or error.
    Answered {
        /// The limits in its headers.
        limit: &'a RateLimit,
    },
    /// A limit demands a wait before the next request.
    Waiting {
        /// The limit.
        limit: Limit,
        /// The length of the wait.
        wait: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, id: Option<&str>) -> Error {
        let message = ApiMessage {
            status,
            id: id.map(str::to_owned),
            ..ApiMessage::default()
        };
        Error {
            request: "GET /v2/x".to_owned(),
            attempts: 1,
            kind: ErrorKind::Status(message),
        }
    }

    #[test]
    fn only_the_api_itself_can_say_that_a_droplet_is_gone() {
        assert!(answered(404, Some("not_found")).is_not_found());
        assert!(!answered(404, None).is_not_found());
        assert!(!answered(404, Some("route_missing")).is_not_found());
        assert!(!answered(500, Some("not_found")).is_not_found());
    }

    #[test]
    fn only_the_api_itself_can_say_that_a_scope_is_missing() {
        assert!(answered(403, Some("forbidden")).is_missing_scope());
        assert!(!answered(403, None).is_missing_scope());
        assert!(!answered(401, Some("unauthorized")).is_missing_scope());
    }

    #[test]
    fn it_says_what_was_asked_what_came_back_and_how_often() {
        let error = Error {
            request: "GET /v2/actions?page=3".to_owned(),
            attempts: 6,
            kind: ErrorKind::Status(ApiMessage {
                status: 500,
                id: Some("server_error".to_owned()),
                message: Some("Unexpected server-side error".to_owned()),
                request_id: Some("4d9d8375".to_owned()),
            }),
        };
        assert_eq!(
            error.to_string(),
            "GET /v2/actions?page=3: the API answered 500 server_error: Unexpected server-side error \
             (request 4d9d8375) (tried 6 times)"
        );
    }

    #[test]
    fn text_from_the_network_cannot_steer_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{9b}c\u{202e}d\n"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}"
        );
        let hidden = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\u{feff}\u{fff9}\u{e0041}";
        for character in hidden.chars() {
            let shown = printable(&format!("a{character}b"));
            assert_eq!(shown, "a\u{fffd}b", "{:x}", u32::from(character));
        }
        assert!(printable(&"x".repeat(1_000_000)).len() < 300);
    }

    #[test]
    fn no_error_repeats_more_of_the_network_than_a_line() {
        let long = "\u{1b}[31m".repeat(1_000_000);
        let words = |text: &String| ApiMessage {
            message: Some(text.clone()),
            id: Some(text.clone()),
            request_id: Some(text.clone()),
            status: 500,
        };
        for kind in [
            ErrorKind::Transport(long.clone()),
            ErrorKind::Body(long.clone()),
            ErrorKind::Status(words(&long)),
        ] {
            let shown = kind.to_string();
            assert!(!shown.contains(char::is_control), "{shown}");
            assert!(shown.chars().count() < 700, "{}", shown.len());
        }
    }
}
