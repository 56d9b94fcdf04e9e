//! The pages: each URL is a command, and its answer is what the command prints.
//!
//! The commands are not known here: [`pages`] is given a function that finds the command of a URL. It answers `GET` and
//! `HEAD` for a browser that asked this very host, so that no page of another site can read the archive.

use super::address::ListenAddress;
use super::child::{Ended, Running, Turns};
use super::document::Document;
use super::memory::{ArchiveState, Memory};
use super::refusal::Refusal;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, Response, StatusCode, Uri, Version, request::Parts};
use hyper::body::{Body as _, Frame};
use maud::html;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fs, io};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// An answer of up to this length is complete before its first byte is sent, so that its status is known.
const MOST_AT_ONCE: usize = 1 << 20;
/// The time in which a reader takes more of an answer while others wait.
const READS_WITHIN: Duration = Duration::from_secs(5);

/// The overview of a large archive is asked for when the server starts, so that its first reader does not wait.
const LARGE: u64 = 100 << 20;
/// The longest overview.
const MOST_OVERVIEW: usize = 8 << 20;
const OVERVIEW: &str = "/";

/// The header with the exit status of the command, in a JSON answer that was complete before its first byte.
const STATUS: HeaderName = HeaderName::from_static("archiver-status");

/// A command that answers a URL.
pub struct Question {
    /// The command.
    pub command: Command,
    /// The archives that it reads.
    pub archives: Vec<PathBuf>,
}

type Find = dyn Fn(&Uri) -> Result<Question, Refusal> + Send + Sync;

struct Gateway {
    listen: ListenAddress,
    find: Box<Find>,
    turns: Turns,
    memory: Memory,
}

/// Answers every path by the command that `find` names. Call it on a runtime.
pub fn pages(
    listen: &ListenAddress,
    find: impl Fn(&Uri) -> Result<Question, Refusal> + Send + Sync + 'static,
) -> Router {
    let gateway = Arc::new(Gateway {
        listen: listen.clone(),
        find: Box::new(find),
        turns: Turns::new(),
        memory: Memory::default(),
    });
    if let Ok(question) = (gateway.find)(&Uri::from_static(OVERVIEW))
        && length(&question.archives) > LARGE
    {
        tokio::spawn(renew(Arc::clone(&gateway), question, OVERVIEW.to_owned()));
    }
    Router::new().fallback(answer).with_state(gateway)
}

/// The length of all archives that can be read, in bytes.
fn length(archives: &[PathBuf]) -> u64 {
    let lengths = archives
        .iter()
        .filter_map(|it| Some(fs::metadata(it).ok()?.len()));
    lengths.sum()
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (head, _) = request.into_parts();
    let format = Format::of(&head.uri);
    let address = head.uri.path_and_query().map_or(OVERVIEW, |it| it.as_str());
    let answered = match gateway.question(&head) {
        Ok(question) => recalled_or_new(&gateway, question, address, format).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = answered.unwrap_or_else(|refusal| format.refusal(&refusal));
    let headers = response.headers_mut();
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    let (content_type, policy) = format.content_type_and_policy();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

async fn recalled_or_new(
    gateway: &Arc<Gateway>,
    question: Question,
    address: &str,
    format: Format,
) -> Result<Response<Body>, Refusal> {
    let state = ArchiveState::of(&question.archives);
    let Some(recalled) = gateway.memory.recall(address, &state) else {
        return ask(gateway, question, address, format).await;
    };
    if recalled.is_to_renew {
        tokio::spawn(renew(Arc::clone(gateway), question, address.to_owned()));
    }
    Ok(format.answer(recalled.answer, DONE))
}

/// Asks for an answer again that is kept.
async fn renew(gateway: Arc<Gateway>, question: Question, address: String) {
    let format = Format::of_path(address.split('?').next().unwrap_or_default());
    // A long answer is not kept.
    let is_kept = match ask(&gateway, question, &address, format).await {
        Ok(answer) => answer.body().size_hint().exact().is_some(),
        Err(_) => false,
    };
    if !is_kept {
        gateway.memory.forget(&address);
    }
}

impl Gateway {
    fn question(&self, head: &Parts) -> Result<Question, Refusal> {
        self.check_host(head)?;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD",
            ));
        }
        (self.find)(&head.uri)
    }

    /// Refuses a request for another host. Only an old client may leave the host out, and no browser does.
    fn check_host(&self, head: &Parts) -> Result<(), Refusal> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().and_then(|it| it.parse().ok()),
            (None, _) if head.version < Version::HTTP_11 => None,
            _ => {
                let text = "a request names one host";
                return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
            }
        };
        let is_foreign = |host: &Authority| !self.listen.answers_to(host);
        let is_unreadable = host.is_none() && head.headers.contains_key(header::HOST);
        if is_unreadable || host.iter().chain(head.uri.authority()).any(is_foreign) {
            let text = "this server answers to its own address only";
            let hint = "ask for the address that it listens on; a reverse proxy sends this address as Host";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, text).with_hint(hint));
        }
        Ok(())
    }
}

/// Runs a command. A short answer comes with its exact status, a long one while the command prints it.
async fn ask(
    gateway: &Gateway,
    question: Question,
    address: &str,
    format: Format,
) -> Result<Response<Body>, Refusal> {
    let (asked_at, state) = (Instant::now(), ArchiveState::of(&question.archives));
    let is_overview = address == OVERVIEW || address.starts_with("/?");
    let most = if is_overview {
        MOST_OVERVIEW
    } else {
        MOST_AT_ONCE
    };
    let mut running = Running::start(question.command, &gateway.turns).await?;
    let mut begun = Vec::new();
    while begun.len() < most {
        let portion = running.portion().await?;
        if portion.is_empty() {
            let ended = running.end().await?;
            let status = verdict(&ended)?;
            let answer = Bytes::from(format.with_messages(begun, &ended.messages));
            // The memory has no statuses, and a document says itself what is missing.
            if format == Format::Html || status == DONE {
                gateway.memory.keep(address, state, asked_at, &answer);
            } else {
                gateway.memory.forget(address);
            }
            return Ok(format.answer(answer, status));
        }
        begun.extend_from_slice(&portion);
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = hand_on(begun.into(), running, format, &sender) => {}
        }
    });
    Ok(Response::new(Body::new(Portions(receiver))))
}

/// Sends what has begun, and then the rest. A failure breaks the answer off, so that no part of it passes for the whole.
async fn hand_on(begun: Bytes, mut running: Running, format: Format, sender: &Sender) {
    let rest = async {
        let mut portion = begun;
        while !portion.is_empty() {
            room(sender, &running).await?.send(Ok(portion));
            portion = running.portion().await?;
        }
        let ended = running.end().await?;
        verdict(&ended).map(|_| format.with_messages(Vec::new(), &ended.messages))
    };
    let last = rest.await.map(Bytes::from);
    let last = last.map_err(|refusal| io::Error::other(refusal.message));
    let _ = sender.send(last).await;
}

/// Waits until the reader takes more. While others wait for a turn, a reader who takes nothing for a while loses its own.
async fn room<'a>(sender: &'a Sender, running: &Running) -> Result<Room<'a>, Refusal> {
    loop {
        let room = timeout(READS_WITHIN, sender.reserve()).await;
        match room {
            Ok(Ok(room)) => return Ok(room),
            Err(_) if !running.is_awaited() => {}
            _ => return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "nobody reads")),
        }
    }
}

type Room<'a> = mpsc::Permit<'a, io::Result<Bytes>>;
type Sender = mpsc::Sender<io::Result<Bytes>>;

/// The body of a long answer.
struct Portions(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Portions {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let portion = self.0.poll_recv(context);
        portion.map(|portion| portion.map(|it| it.map(Frame::data)))
    }
}

/// The exit status of a command that is done.
const DONE: i32 = 0;

/// The exit status, or the refusal that it stands for. `archiver --help` lists them.
fn verdict(ended: &Ended) -> Result<i32, Refusal> {
    let status = match ended.status {
        Some(status @ (DONE | 3 | 10)) => return Ok(status),
        Some(2) => StatusCode::BAD_REQUEST,
        Some(5 | 6) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let said = format!("\n{}", ended.messages);
    let error = said.rsplit_once("\nerror: ").map(|(_, error)| error.trim());
    // Each of several accounts has its own error.
    let error = error.unwrap_or(match ended.messages.trim() {
        "" => "the command failed without a message",
        messages => messages,
    });
    Err(match error.split_once("\nhint: ") {
        Some((message, hint)) => Refusal::new(status, message).with_hint(hint),
        None => Refusal::new(status, error),
    })
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Json,
}

impl Format {
    fn of(uri: &Uri) -> Self {
        Self::of_path(uri.path())
    }

    fn of_path(path: &str) -> Self {
        if path.ends_with(".json") {
            Self::Json
        } else {
            Self::Html
        }
    }

    /// A document has the rest of its policy in itself; only a header can forbid frames.
    fn content_type_and_policy(self) -> (&'static str, &'static str) {
        match self {
            Self::Html => ("text/html; charset=utf-8", "frame-ancestors 'none'"),
            Self::Json => (
                "application/json",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        }
    }

    fn answer(self, answer: Bytes, status: i32) -> Response<Body> {
        let mut response = Response::new(answer.into());
        if self == Self::Json {
            response.headers_mut().insert(STATUS, status.into());
        }
        response
    }

    /// Adds the messages of the command: above the answer, or at its end if it was already sent.
    fn with_messages(self, mut answer: Vec<u8>, messages: &str) -> Vec<u8> {
        if self == Self::Html && !messages.is_empty() {
            let markup =
                html! { aside.messages { @for line in messages.lines() { p { (line) } } } };
            let above = answer.windows(MAIN.len()).position(|it| it == MAIN);
            let at = above.map_or(answer.len(), |at| at + MAIN.len());
            answer.splice(at..at, markup.into_string().into_bytes());
        }
        answer
    }

    fn refusal(self, refusal: &Refusal) -> Response<Body> {
        let Refusal {
            status,
            message,
            hint,
        } = refusal;
        let body = match self {
            Self::Json => {
                let error = serde_json::json!({ "error": message, "hint": hint });
                format!("{error}\n")
            }
            Self::Html => Document {
                title: format!("archiver: {status}"),
                main: html! {
                    h1 { (status) }
                    p role="alert" { (message) }
                    @if let Some(hint) = hint { p { (hint) } }
                    p { a href="/" { "Overview" } }
                },
            }
            .framed()
            .into_string(),
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = *status;
        response
    }
}

const MAIN: &[u8] = b"<main>";
