//! The server sends the answer of a command, or a refusal, in HTML or JSON. Slow answers are kept for a while so
//! that the next reader does not wait for them. Every page says when it was written.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::{Response, StatusCode, Uri};
use maud::html;
use tokio::time::Instant;

use super::document::document;
use crate::core::threads::lock;

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// A refusal with this status of HTTP.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the next step for the user.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A quicker answer is not worth its memory.
const SLOW: Duration = Duration::from_millis(500);
const SHOWN_FOR: Duration = Duration::from_secs(60);
/// The number of kept answers. Each has a few megabytes at most.
const MOST: usize = 8;

/// The kept answers, by their questions, and since when.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<String, (Instant, Answer)>>);

/// The answer of a command.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) text: Bytes,
    /// The exit status.
    pub(super) status: i32,
}

impl Memory {
    pub(super) fn recall(&self, question: &str) -> Option<Answer> {
        let all = lock(&self.0);
        let (at, answer) = all.get(question)?;
        (at.elapsed() < SHOWN_FOR).then(|| answer.clone())
    }

    /// Keeps an answer that took long, if there is room. `asked_at` is when its command began.
    pub(super) fn keep(&self, question: String, asked_at: Instant, answer: &Answer) {
        if asked_at.elapsed() < SLOW {
            return;
        }
        let mut all = lock(&self.0);
        all.retain(|_, (at, _)| at.elapsed() < SHOWN_FOR);
        if all.len() < MOST {
            all.insert(question, (Instant::now(), answer.clone()));
        }
    }
}

/// The header with the exit status of the command, in a JSON answer that was complete before its first byte.
const STATUS: HeaderName = HeaderName::from_static("archiver-status");

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
}

impl Format {
    pub(super) fn of(uri: &Uri) -> Self {
        match uri.path().ends_with(".json") {
            true => Self::Json,
            false => Self::Html,
        }
    }

    /// An answer of up to this length is complete before its first byte is sent, so that its status is known.
    pub(super) fn most_at_once(self) -> usize {
        match self {
            // An overview is complete.
            Self::Html => 8 << 20,
            Self::Json => 1 << 20,
        }
    }

    /// A document has the rest of its policy in itself; only a header can forbid frames.
    pub(super) fn headers(self) -> [(HeaderName, &'static str); 2] {
        let (content_type, policy) = match self {
            Self::Html => ("text/html; charset=utf-8", "frame-ancestors 'none'"),
            Self::Json => (
                "application/json",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        };
        [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, policy),
        ]
    }

    pub(super) fn response(self, Answer { text, status }: Answer) -> Response<Body> {
        let mut response = Response::new(text.into());
        if self == Self::Json {
            response.headers_mut().insert(STATUS, status.into());
        }
        response
    }

    /// Adds the messages of the command: above the answer, or at its end if it was already sent.
    pub(super) fn with_messages(self, mut answer: Vec<u8>, messages: &str) -> Vec<u8> {
        if self == Self::Html && !messages.is_empty() {
            let markup =
                html! { aside.messages { @for line in messages.lines() { p { (line) } } } };
            let above = answer.windows(MAIN.len()).position(|it| it == MAIN);
            let at = above.map_or(answer.len(), |at| at + MAIN.len());
            answer.splice(at..at, markup.into_string().into_bytes());
        }
        answer
    }

    pub(super) fn refusal(self, refusal: &Refusal) -> Response<Body> {
        let (status, hint) = (refusal.status, &refusal.hint);
        let body = match self {
            Self::Json => {
                let error = serde_json::json!({ "error": refusal.message, "hint": hint });
                format!("{error}\n")
            }
            Self::Html => {
                let main = html! {
                    h1 { (status) }
                    p role="alert" { (refusal.message) }
                    @if let Some(hint) = hint { p { (hint) } }
                    p { a href="/" { "Overview" } }
                };
                document(&format!("archiver: {status}"), &main).into_string()
            }
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response
    }
}

const MAIN: &[u8] = b"<main>";

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Answer {
        let text = Bytes::from_static(text.as_bytes());
        Answer { text, status: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_kept_for_a_while() {
        let memory = Memory::default();
        let begun = Instant::now();
        memory.keep("/quick".to_owned(), begun, &answer("quick"));
        tokio::time::advance(SLOW).await;
        memory.keep("/".to_owned(), begun, &answer("slow"));
        assert!(memory.recall("/quick").is_none());
        assert_eq!(memory.recall("/").unwrap().text, "slow");
        tokio::time::advance(SHOWN_FOR).await;
        assert!(memory.recall("/").is_none());
        memory.keep("/".to_owned(), begun, &answer("new"));
        assert_eq!(memory.recall("/").unwrap().text, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_few_answers_are_kept_and_old_ones_make_room() {
        let memory = Memory::default();
        let begun = Instant::now();
        let keep_many = |name: &str| {
            let names = (0..2 * MOST).map(|number| format!("{name}{number}"));
            names.for_each(|name| memory.keep(name, begun, &answer("")));
        };
        let kept = |name: &str| {
            let names = (0..2 * MOST).map(|number| format!("{name}{number}"));
            names.filter(|name| memory.recall(name).is_some()).count()
        };
        tokio::time::advance(SLOW).await;
        keep_many("a");
        assert_eq!(kept("a"), MOST);
        tokio::time::advance(SHOWN_FOR).await;
        keep_many("b");
        assert_eq!((kept("a"), kept("b")), (0, MOST));
    }
}
