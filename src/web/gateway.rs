//! The pages: each URL is a command, and its answer is what the command prints.
//!
//! The commands are not known here: [`pages`] is given a function that finds the command of a URL. It answers `GET` and
//! `HEAD` for a browser that asked this very host, so that no page of another site can read the archive.

use super::answer::{Answer, Format, Memory, Refusal};
use super::child::{Running, Turns};
use super::server::ListenAddress;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, Response, StatusCode, Uri, Version, request::Parts};
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// The time in which a reader takes more of an answer while others wait.
const READS_WITHIN: Duration = Duration::from_secs(5);

type Find = dyn Fn(&Uri) -> Result<Command, Refusal> + Send + Sync;

struct Gateway {
    listen: ListenAddress,
    find: Box<Find>,
    turns: Turns,
    memory: Memory,
}

/// Answers every path by the command that `find` names. Call it on a runtime.
pub fn pages(
    listen: &ListenAddress,
    find: impl Fn(&Uri) -> Result<Command, Refusal> + Send + Sync + 'static,
) -> Router {
    let gateway = Arc::new(Gateway {
        listen: listen.clone(),
        find: Box::new(find),
        turns: Turns::new(),
        memory: Memory::default(),
    });
    Router::new().fallback(respond).with_state(gateway)
}

async fn respond(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (head, _) = request.into_parts();
    let format = Format::of(&head.uri);
    let answered = gateway.answer(&head, format).await;
    let mut response = answered.unwrap_or_else(|refusal| format.refusal(&refusal));
    let headers = HEADERS.into_iter().chain(format.headers());
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}

const HEADERS: [(HeaderName, &str); 6] = [
    (header::ALLOW, "GET, HEAD"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

impl Gateway {
    async fn answer(&self, head: &Parts, format: Format) -> Result<Response<Body>, Refusal> {
        self.check_host(head)?;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let text = "only GET and HEAD";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text));
        }
        let command = (self.find)(&head.uri)?;
        // The command has what a URL leaves out: the archives, and the settings of the moment.
        let question = format!("{command:?}");
        match self.memory.recall(&question) {
            Some(answer) => Ok(format.response(answer)),
            None => self.ask(command, question, format).await,
        }
    }

    /// Refuses a request for another host. Only an old client may leave the host out, and no browser does.
    fn check_host(&self, head: &Parts) -> Result<(), Refusal> {
        let hosts = head.headers.get_all(header::HOST).iter();
        let hosts: Vec<Option<Authority>> =
            hosts.map(|host| host.to_str().ok()?.parse().ok()).collect();
        let least = usize::from(head.version >= Version::HTTP_11);
        if !(least..=1).contains(&hosts.len()) {
            let text = "a request names one host";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
        }
        let named = head.uri.authority().cloned().map(Some);
        let is_own = |host: Option<Authority>| host.is_some_and(|it| self.listen.answers_to(&it));
        if !hosts.into_iter().chain(named).all(is_own) {
            let text = "this server answers to its own address only";
            let hint = "ask for the address that it listens on; a reverse proxy sends this address as Host";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, text).with_hint(hint));
        }
        Ok(())
    }

    /// Runs a command. A short answer comes with its exact status, a long one while the command prints it.
    async fn ask(
        &self,
        command: Command,
        question: String,
        format: Format,
    ) -> Result<Response<Body>, Refusal> {
        let asked_at = Instant::now();
        let mut running = Running::start(command, &self.turns).await?;
        let mut begun = Vec::new();
        while begun.len() < format.most_at_once() {
            let portion = running.portion().await?;
            if portion.is_empty() {
                let (status, messages) = running.end().await?;
                let answer = Answer {
                    status: verdict(status, &messages)?,
                    text: format.with_messages(begun, &messages).into(),
                };
                if answer.status == 0 {
                    self.memory.keep(question, asked_at, &answer);
                }
                return Ok(format.response(answer));
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
}

/// Sends what has begun, and then the rest. A failure breaks the answer off, so that no part of it passes for the whole.
async fn hand_on(begun: Bytes, mut running: Running, format: Format, sender: &Sender) {
    let rest = async {
        let mut portion = begun;
        while !portion.is_empty() {
            room(sender, &running).await?.send(Ok(portion));
            portion = running.portion().await?;
        }
        let (status, messages) = running.end().await?;
        verdict(status, &messages).map(|_| format.with_messages(Vec::new(), &messages))
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

/// The exit status, or the refusal that it stands for. `archiver --help` lists them.
fn verdict(status: Option<i32>, messages: &str) -> Result<i32, Refusal> {
    let status = match status {
        Some(status @ (0 | 3 | 10)) => return Ok(status),
        Some(2) => StatusCode::BAD_REQUEST,
        Some(5 | 6) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let said = format!("\n{messages}");
    let error = said.rsplit_once("\nerror: ").map(|(_, error)| error.trim());
    // Each of several accounts has its own error.
    let error = error.unwrap_or(match messages.trim() {
        "" => "the command failed without a message",
        messages => messages,
    });
    Err(match error.split_once("\nhint: ") {
        Some((message, hint)) => Refusal::new(status, message).with_hint(hint),
        None => Refusal::new(status, error),
    })
}
