//! Connections: accepts them, reads requests and sends answers, until it is stopped.

use std::io;
use std::net;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::http::{self, Head, Request};
use super::routes;
use super::service::Service;

/// Serves in a separate thread until stopped or dropped.
///
/// A thread, because a test that waits for a child process would block a runtime shared with the server.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the port. `serve` makes the service from the bound address.
    pub(super) fn start(
        port: u16,
        serve: impl FnOnce(String) -> Service,
    ) -> io::Result<(Self, Arc<Service>)> {
        let listener = net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let service = Arc::new(serve(format!("http://{}", listener.local_addr()?)));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&service);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || run(runtime, listener, shared, stopped))?;
        Ok((
            Self {
                stop: Some(stop),
                thread: Some(thread),
            },
            service,
        ))
    }

    /// Ends all connections and frees the port.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has stopped, too.
            let _ = thread.join();
        }
    }
}

fn run(
    runtime: Runtime,
    listener: net::TcpListener,
    service: Arc<Service>,
    stopped: oneshot::Receiver<()>,
) {
    // This fails only when the system has no resources left; then the system refuses connections.
    let _ = runtime.block_on(accept(listener, service, stopped));
    runtime.shutdown_background();
}

async fn accept(
    listener: net::TcpListener,
    service: Arc<Service>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&service)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection. A client that disconnects in the middle is not an error.
async fn converse(mut stream: TcpStream, service: Arc<Service>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(4096);
    while let Some(request) = next_request(&mut stream, &mut received).await? {
        let _working = service.busy.begin();
        let (answer, delay, held) = service.answer(&request);
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if let Some(mut release) = held {
            // This fails when the service has ended; then no client waits for the answer.
            let _ = release.changed().await;
        }
        if !super::delivery::deliver(&mut stream, &answer, request.closes).await? {
            break;
        }
    }
    Ok(())
}

/// The next request; `None` once the client has closed, or after an invalid request.
async fn next_request(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    loop {
        match http::head(received) {
            Head::Whole(request, length) => {
                let end = length.saturating_add(request.body_length);
                if received.len() >= end {
                    received.drain(..end);
                    return Ok(Some(request));
                }
            }
            Head::Partial => {}
            Head::Invalid => {
                let answer = routes::error(400, "");
                super::delivery::deliver(stream, &answer, true).await?;
                return Ok(None);
            }
        }
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}
