//! Takes a few connections at a time, and lets none of them block the others: when there is no room for a new one, the
//! oldest ends. An answer takes milliseconds, so a client has it long before its connection is the oldest.

use super::{Condition, Probe};
use crate::core::threads;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

/// The limits for clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The number of open connections. A further one replaces the oldest.
    pub(super) connections: usize,
    /// The time that each connection has before another may replace it.
    pub(super) secure_for: Duration,
    /// The time for the head of a request to arrive, and for an idle connection to send the next request.
    pub(super) head_within: Duration,
    /// The longest time of one connection, even if the client does not read.
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
/// The pause after a connection could not be accepted. Without free file handles the server can only wait for one.
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
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        if let Some(hint) = threads::hint(&self.source.to_string()) {
            return hint;
        }
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "another program uses this port: choose another port",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need extra rights: choose a higher one"
            }
            _ => "the address must be one of this machine, such as 127.0.0.1:9184",
        }
    }
}

impl Exporter {
    /// Starts to serve, on the current runtime.
    ///
    /// # Errors
    /// When it cannot listen on the address.
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
        // The lookup of a name may take long.
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

    /// Stops the server, and returns when the address is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        // The only error is the abort.
        let _ = (&mut self.task).await;
    }

    /// The address of the server, with the real port when port 0 was requested.
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

/// Accepts connections for ever. They end when this future is dropped.
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

/// The time when the oldest connection may be replaced, if there is no room for another one.
fn has_room_at(
    limits: Limits,
    oldest_first: &mut VecDeque<(Instant, AbortHandle)>,
) -> Option<Instant> {
    oldest_first.retain(|(_, connection)| !connection.is_finished());
    let (begun_at, _) = oldest_first.front()?;
    (oldest_first.len() >= limits.connections).then_some(*begun_at + limits.secure_for)
}

/// Answers the requests of one connection. Ignores its errors, which concern only the client.
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

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const ROUTES: &str = "\
/metrics  for Prometheus
/healthz  whether the daemon is alive
/readyz   whether the archive is fresh
";

/// The answer to a request. The server omits the body for `HEAD`.
pub(super) fn answer(method: &Method, path: &str, probe: &dyn Probe) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = of(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET and HEAD\n".to_owned(),
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    // A panic in the probe breaks only this answer, not the server.
    let asked = catch_unwind(AssertUnwindSafe(|| match path {
        "/metrics" => of(StatusCode::OK, METRICS, probe.metrics()),
        "/healthz" => of_condition(&probe.health()),
        "/readyz" => of_condition(&probe.readiness()),
        "/" => of(StatusCode::OK, TEXT, ROUTES.to_owned()),
        _ => of(StatusCode::NOT_FOUND, TEXT, format!("use one of\n{ROUTES}")),
    }));
    asked.unwrap_or_else(|_| {
        of(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "this is a defect of archiver\n".to_owned(),
        )
    })
}

fn of_condition(condition: &Condition) -> Response<Full<Bytes>> {
    let status = if condition.is_good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    of(status, TEXT, format!("{}\n", condition.words))
}

fn of(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A host and a port: `127.0.0.1:9184`, `[::1]:9184`, `localhost:9184`, or `9184` on this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An invalid address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid listen address: {reason}; an example is 127.0.0.1:9184")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

const THIS_MACHINE: &str = "127.0.0.1";

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let refused = |reason| AddressError {
            text: text.to_owned(),
            reason,
        };
        let (host, port) = match text.rsplit_once(':') {
            Some(("", _)) => {
                return Err(refused(
                    "it needs a host, such as 0.0.0.0 for all addresses of this machine",
                ));
            }
            Some((host, port)) => (host, port),
            None => (THIS_MACHINE, text),
        };
        // `parse` accepts a sign, which is not a digit.
        let number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = number.then(|| port.parse().ok()).flatten();
        let port = port.ok_or_else(|| refused("it needs a port from 0 to 65535"))?;
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match inner {
            Some(inner) if is_ipv6(inner) => inner,
            Some(_) => return Err(refused("only an IPv6 address stands in brackets")),
            None if host.contains(':') => {
                return Err(refused("an IPv6 address stands in brackets"));
            }
            None => host,
        };
        let is_host = !host.is_empty()
            && !host.contains(|it: char| it.is_whitespace() || "/@[]".contains(it));
        if !is_host {
            return Err(refused("it needs a host and a port, and nothing else"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
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

/// With or without the name of an interface: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:9184", "127.0.0.1:9184"),
            (" [::1]:9184", "[::1]:9184"),
            ("[fe80::1%eth0]:9184", "[fe80::1%eth0]:9184"),
            ("localhost:0", "localhost:0"),
            ("9184", "127.0.0.1:9184"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_an_example() {
        for text in [
            "",
            ":9184",
            "localhost",
            "127.0.0.1:99999",
            "::1:9184",
            "http://localhost:9184",
            "a b:1",
            "127.0.0.1:9184/metrics",
            "[]:1",
            "[localhost]:1",
            "[127.0.0.1]:1",
            "127.0.0.1:+9184",
            "127.0.0.1:",
            "-1",
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
            assert!(error.contains("127.0.0.1:9184"), "{error}");
        }
    }
}
