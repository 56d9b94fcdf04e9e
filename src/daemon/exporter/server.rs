//! Takes connections, a few at a time, and lets none of them hold the others up: where there is no room for one more, the
//! oldest ends. An answer is made in milliseconds, so whoever asks has it long before it is the oldest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::answer::answer;
use super::{ListenAddress, Probe};
use crate::core::threads;

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once; each further one takes the place of the oldest.
    pub(super) connections: usize,
    /// How long each has before another takes its place.
    pub(super) secure_for: Duration,
    /// How long the head of a request may take to come, and how long a connection may wait for the next.
    pub(super) head_within: Duration,
    /// How long one connection may last, whatever is asked on it: one that nobody reads from ends too.
    pub(super) connection_within: Duration,
}

pub(super) const LIMITS: Limits = Limits {
    connections: 32,
    secure_for: Duration::from_millis(200),
    head_within: Duration::from_secs(3),
    connection_within: Duration::from_secs(30),
};
/// The longest head of a request.
pub(super) const MOST_HEAD_BYTES: usize = 16 << 10;
/// The rest after a connection could not be taken: without file handles there is nothing to do but wait for one.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct Error {
    address: ListenAddress,
    source: io::Error,
}

impl Error {
    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        if let Some(hint) = threads::hint(&self.source.to_string()) {
            return hint;
        }
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "something listens there already: choose another port",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are not for everybody: choose a higher one"
            }
            _ => "the address must be one of this machine, such as 127.0.0.1:9184",
        }
    }
}

impl Exporter {
    /// Starts to serve, on the runtime that this is called from.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub async fn bind(listen: &ListenAddress, probe: Arc<dyn Probe>) -> Result<Self, Error> {
        Self::bind_within(LIMITS, listen, probe).await
    }

    pub(super) async fn bind_within(
        limits: Limits,
        listen: &ListenAddress,
        probe: Arc<dyn Probe>,
    ) -> Result<Self, Error> {
        let refused = |source| Error {
            address: listen.clone(),
            source,
        };
        let (host, port) = (listen.host.clone(), listen.port);
        // Names are looked up, which may take long.
        let bound = threads::answer_of(move || std::net::TcpListener::bind((host.as_str(), port)));
        let bound = bound.map_err(refused)?.await.map_err(io::Error::other);
        let listener = bound.flatten().and_then(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        let listener = listener.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let task = tokio::spawn(take_connections(limits, listener, probe));
        Ok(Self { address, task })
    }

    /// Ends, and comes back when the address is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        // That it was aborted is the only error there is.
        let _ = (&mut self.task).await;
    }

    /// Where it listens: the port that was chosen, where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// For ever; its connections end with it.
async fn take_connections(limits: Limits, listener: TcpListener, probe: Arc<dyn Probe>) {
    let mut connections = JoinSet::new();
    let mut oldest_first = VecDeque::new();
    loop {
        let has_room_at = has_room_at(limits, &mut oldest_first);
        let accepted = async {
            if let Some(has_room_at) = has_room_at {
                tokio::time::sleep_until(has_room_at).await;
            }
            listener.accept().await
        };
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = accepted => match accepted {
                Ok((stream, _)) => {
                    if oldest_first.len() >= limits.connections && let Some((_, oldest)) = oldest_first.pop_front() {
                        oldest.abort();
                    }
                    let connection = connections.spawn(serve(limits, stream, Arc::clone(&probe)));
                    oldest_first.push_back((Instant::now(), connection));
                }
                Err(_) => tokio::time::sleep(AFTER_REFUSAL).await,
            },
        }
    }
}

/// When the oldest connection has had its time, where one more would be one too many.
fn has_room_at(
    limits: Limits,
    oldest_first: &mut VecDeque<(Instant, AbortHandle)>,
) -> Option<Instant> {
    oldest_first.retain(|(_, connection)| !connection.is_finished());
    let (begun_at, _) = oldest_first.front()?;
    (oldest_first.len() >= limits.connections).then_some(*begun_at + limits.secure_for)
}

/// Answers what is asked on one connection. What goes wrong on it is the business of whoever opened it.
async fn serve(limits: Limits, stream: TcpStream, probe: Arc<dyn Probe>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (method, path): (&Method, _) = (request.method(), request.uri().path());
        let response = answer(method, path, probe.as_ref());
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(limits.connection_within, connection).await;
}
