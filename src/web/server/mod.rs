//! Takes a limited number of connections at a time, and lets none of them keep the others out: when there is no room for
//! a new one, one ends on which no answer is under way, or whose client does not read its answer. `connection` knows
//! what happens on each.

mod connection;

use super::address::ListenAddress;
use axum::Router;
use connection::{Activity, serve};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

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
        let task = tokio::spawn(take_connections(limits, listener, router));
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

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
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
        let activity = Activity::new();
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

#[cfg(test)]
mod tests;
