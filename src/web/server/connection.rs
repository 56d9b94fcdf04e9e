//! One connection: its requests, and whether its client reads the answers.

use super::{Limits, MOST_HEAD_BYTES};
use crate::core::threads::lock;
use axum::Router;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncWrite, join};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, sleep_until};

/// Answers the requests of one connection. Ignores its errors, which concern only the client.
pub(super) async fn serve(limits: Limits, stream: TcpStream, router: Router, activity: Activity) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, under_way) = (router.call(request), activity.answer());
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

/// What happens on a connection.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    /// The start of the connection, or the end of its last answer; `None` while one is under way.
    idle_since: Option<Instant>,
    /// Since then the client has not read what it was sent.
    unread_since: Option<Instant>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            idle_since: Some(Instant::now()),
            unread_since: None,
        })))
    }

    /// The time from which another connection may replace this one; `None` while an answer is under way.
    pub(super) fn secure_until(&self, limits: Limits) -> Option<Instant> {
        let state = lock(&self.0);
        let unread = state.unread_since.map(|since| since + limits.reads_within);
        unread.or(state.idle_since.map(|since| since + limits.secure_for))
    }

    fn answer(&self) -> UnderWay {
        lock(&self.0).idle_since = None;
        UnderWay(self.clone())
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
