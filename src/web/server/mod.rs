//! Listens at an address, which has names under which browsers may ask for it.
//!
//! Takes a limited number of connections at a time, and lets none of them keep the others out: when there is no room for
//! a new one, one ends on which no answer is under way, or whose client does not read its answer.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::uri::Authority;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncWrite, join};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::core::threads::lock;

/// A host and a port: `127.0.0.1:9184`, `[::1]:9184`, `localhost:9184`, or `9184` on this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_host = match bracketed {
            // With or without the name of an interface: `fe80::1%eth0`.
            Some(address) => {
                let address = address.split('%').next().unwrap_or_default();
                address.parse::<Ipv6Addr>().is_ok()
            }
            None => {
                let is_foreign = |it: char| it.is_whitespace() || ":/@[]".contains(it);
                !host.is_empty() && !host.contains(is_foreign)
            }
        };
        // `parse` accepts a sign, which is not a digit.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if is_host && is_number => Ok(Self {
                host: bracketed.unwrap_or(host).to_owned(),
                port,
            }),
            _ => Err(format!(
                "`{text}` is not a valid listen address: write a host and a port, such as 127.0.0.1:9184, [::1]:9184, \
                 or 0.0.0.0:9184 for all addresses of this machine"
            )),
        }
    }
}

impl ListenAddress {
    /// True for an address that only this machine can reach.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_localhost(&self.host) || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// True when a browser that asks this host means this server. A page of another site can make its own name lead
    /// here (DNS rebinding), but not an IP address, and not `localhost`.
    pub(super) fn answers_to(&self, host: &Authority) -> bool {
        let host = host.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || !self.is_loopback(),
            Err(_) => is_localhost(host) || host.eq_ignore_ascii_case(&self.host),
        }
    }
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

/// The limits for clients.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The number of open connections. A further one replaces another, or waits.
    connections: usize,
    /// The time that each connection has for a request before another may replace it.
    secure_for: Duration,
    /// The time for the head of a request to arrive, and for an idle connection to send the next request.
    head_within: Duration,
    /// The time without reading after which a connection may be replaced.
    reads_within: Duration,
    /// The time without reading after which a connection ends.
    unread_within: Duration,
}

const LIMITS: Limits = Limits {
    // More than the answers that may be under way or wait for their turn.
    connections: 64,
    secure_for: Duration::from_millis(200),
    head_within: Duration::from_secs(3),
    reads_within: Duration::from_secs(5),
    unread_within: Duration::from_secs(30),
};
/// The longest head of a request.
const MOST_HEAD_BYTES: usize = 16 << 10;
/// The pause after a connection could not be accepted. Without free file handles the server can only wait for one.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);
/// The pause before the server looks again for a connection to replace.
const BEFORE_ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    /// The address of the server, with the real port when port 0 was requested.
    pub address: SocketAddr,
    /// The task that takes connections.
    task: JoinSet<()>,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct Error {
    address: ListenAddress,
    source: io::Error,
}

impl Error {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "another program uses this port: choose another port",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need extra rights: choose a higher one"
            }
            _ => "the address must be one of this machine, such as 127.0.0.1:9184",
        }
    }
}

impl Server {
    /// Starts to serve, on the current runtime.
    ///
    /// # Errors
    /// When it cannot listen on the address.
    pub async fn bind(listen: &ListenAddress, router: Router) -> Result<Self, Error> {
        Self::bind_within(LIMITS, listen, router).await
    }

    async fn bind_within(
        limits: Limits,
        listen: &ListenAddress,
        router: Router,
    ) -> Result<Self, Error> {
        let bound = || {
            let listener = std::net::TcpListener::bind((listen.host.as_str(), listen.port))?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, TcpListener::from_std(listener)?))
        };
        let (address, listener) = bound().map_err(|source| Error {
            address: listen.clone(),
            source,
        })?;
        let mut task = JoinSet::new();
        task.spawn(take_connections(limits, listener, router));
        Ok(Self { address, task })
    }

    /// Stops the server, and returns when the address is free again.
    pub async fn stop(mut self) {
        self.task.shutdown().await;
    }
}

/// Accepts connections for ever. They end when this future is dropped.
async fn take_connections(limits: Limits, listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    let mut open = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AFTER_REFUSAL).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        while !has_room(limits, &mut open) {
            sleep(BEFORE_ANOTHER_LOOK).await;
        }
        let activity = Activity(Arc::new(Mutex::new(State {
            idle_since: Some(Instant::now()),
            unread_since: None,
        })));
        let serving = serve(limits, stream, router.clone(), activity.clone());
        open.push((activity, connections.spawn(serving)));
    }
}

/// True when there is room for another connection. Ends the one that may be replaced first if there is no other room.
fn has_room(limits: Limits, open: &mut Vec<(Activity, AbortHandle)>) -> bool {
    open.retain(|(_, connection)| !connection.is_finished());
    if open.len() < limits.connections {
        return true;
    }
    let until =
        |(index, (activity, _)): (_, &(Activity, _))| Some((activity.secure_until(limits)?, index));
    let first = open.iter().enumerate().filter_map(until).min();
    let replaced = first.filter(|(until, _)| *until <= Instant::now());
    if let Some((_, index)) = replaced {
        open.swap_remove(index).1.abort();
    }
    replaced.is_some()
}

/// Answers the requests of one connection. Ignores its errors, which concern only the client.
async fn serve(limits: Limits, stream: TcpStream, router: Router, activity: Activity) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, under_way) = (router.call(request), UnderWay(activity.clone()));
        lock(&activity.0).idle_since = None;
        async {
            let held = move |frame| {
                let _ = &under_way;
                frame
            };
            answer.await.map(|it| it.map(|body| body.map_frame(held)))
        }
    });
    let (reader, stream) = stream.into_split();
    let writer = Watched {
        stream,
        activity: activity.clone(),
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(join(reader, writer)), service);
    tokio::select! {
        _ = connection => {}
        () = activity.unread_for(limits.unread_within) => {}
    }
}

/// The state of a connection, for all who work on it.
#[derive(Clone)]
struct Activity(Arc<Mutex<State>>);

struct State {
    /// The start of the connection, or the end of its last answer; `None` while one is under way.
    idle_since: Option<Instant>,
    /// Since then the client has not read what it was sent.
    unread_since: Option<Instant>,
}

impl Activity {
    /// The time from which another connection may replace this one; `None` while an answer is under way.
    fn secure_until(&self, limits: Limits) -> Option<Instant> {
        let state = lock(&self.0);
        let unread = state.unread_since.map(|since| since + limits.reads_within);
        unread.or(state.idle_since.map(|since| since + limits.secure_for))
    }

    /// Waits until the client has not read for this long.
    async fn unread_for(&self, longest: Duration) {
        loop {
            let since = lock(&self.0).unread_since;
            let end = since.unwrap_or_else(Instant::now) + longest;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// An answer under way, until this is dropped.
struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0.0).idle_since = Some(Instant::now());
    }
}

/// The writing half of a stream, which notes whether its client reads.
struct Watched {
    stream: OwnedWriteHalf,
    activity: Activity,
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        let mut state = lock(&self.activity.0);
        // A write that waits since earlier stays so.
        state.unread_since = match written.is_pending() {
            true => state.unread_since.or_else(|| Some(Instant::now())),
            false => None,
        };
        drop(state);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
