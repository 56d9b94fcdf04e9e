//! The real server on a free port, asked over plain sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{LIMITS, Limits, ListenAddress, MOST_HEAD_BYTES, Server};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use hyper::body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Longer than anything here takes on the slowest machine.
const LONGEST: Duration = Duration::from_secs(60);

struct Served {
    server: Server,
    runtime: tokio::runtime::Runtime,
}

/// An answer without an end.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 4096])))))
    }
}

async fn defect() -> &'static str {
    panic!("told to")
}

fn router() -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(|| async { "fresh\n" }))
        .route("/endless", get(|| async { Body::new(Endless) }))
        .route("/never", get(std::future::pending::<()>))
        .route("/defect", get(defect))
}

fn serve() -> Served {
    serve_within(LIMITS)
}

fn serve_within(limits: Limits) -> Served {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = runtime
        .block_on(Server::bind_within(limits, &listen, router()))
        .unwrap();
    Served { server, runtime }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    stream.set_write_timeout(Some(LONGEST)).unwrap();
    stream
}

/// Reads until the connection ends.
fn rest_of(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const ON_AND_ON: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

impl Served {
    /// Sends these bytes and reads all that comes back.
    fn hears(&self, sent: &str) -> String {
        let mut stream = connect(self.server.address);
        stream.write_all(sent.as_bytes()).unwrap();
        rest_of(stream)
    }

    fn asked(&self, method: &str, path: &str) -> String {
        self.hears(&format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
    }

    /// A connection that was taken, and answered once.
    fn taken(&self) -> TcpStream {
        let mut stream = connect(self.server.address);
        stream.write_all(ON_AND_ON).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"alive\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        stream
    }

    /// Waits until only the task that takes connections is left.
    #[track_caller]
    fn has_let_go_of_all(&self) {
        let started = Instant::now();
        let tasks = || self.runtime.metrics().num_alive_tasks();
        while tasks() > 1 {
            assert!(started.elapsed() < LONGEST, "{} tasks are left", tasks());
            std::thread::yield_now();
        }
    }
}

#[test]
fn one_connection_can_ask_twice() {
    let server = serve();
    let answers = server.hears(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

#[test]
fn a_client_of_old_that_names_no_host_is_answered() {
    let answer = serve().hears("GET /healthz HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nalive\n"), "{answer}");
}

#[test]
fn a_body_is_not_waited_for() {
    let answer =
        serve().hears("POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[test]
fn nonsense_is_refused() {
    let server = serve();
    let answer = server.hears("\u{1}\u{2} nonsense\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(server.asked("GET", "/healthz").contains("alive"));
}

#[test]
fn a_head_without_end_is_refused() {
    let server = serve();
    let begun = "GET / HTTP/1.1\r\nx: ";
    let endless = begun.to_owned() + &"x".repeat(MOST_HEAD_BYTES - begun.len());
    let many = "x: y\r\n".repeat(1_000);
    for head in [endless, format!("GET / HTTP/1.1\r\n{many}\r\n")] {
        let answer = server.hears(&head);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    assert!(server.asked("GET", "/healthz").contains("alive"));
}

#[cfg(target_os = "linux")]
#[test]
fn thousands_of_connections_leave_nothing_behind() {
    let server = serve();
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = files();
    for number in 0..2_000 {
        if number % 10 == 0 {
            let stream = connect(server.server.address);
            let _ = (&stream).write_all(b"GET /metr");
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            assert!(server.asked("GET", "/healthz").contains("alive"));
        }
    }
    server.has_let_go_of_all();
    // Other tests of this process have files of their own.
    let after = files();
    assert!(after < before + 200, "{before} before, {after} after");
}

#[test]
fn half_a_request_is_not_waited_for_for_ever() {
    let server = serve_within(Limits {
        head_within: Duration::from_millis(100),
        ..LIMITS
    });
    assert_eq!(server.hears("GET /healthz HTTP/1.1\r\nhost"), "");
}

#[test]
fn a_connection_on_which_nothing_more_is_asked_ends() {
    let server = serve_within(Limits {
        head_within: Duration::from_secs(1),
        ..LIMITS
    });
    assert_eq!(rest_of(server.taken()), "");
    server.has_let_go_of_all();
}

#[test]
fn whoever_asks_and_never_reads_is_dropped() {
    let server = serve_within(Limits {
        connections: 1,
        unread_within: Duration::from_secs(2),
        ..LIMITS
    });
    let mut stream = connect(server.server.address);
    let error = loop {
        if let Err(error) = stream.write_all(&ON_AND_ON.repeat(1_000)) {
            break error;
        }
    };
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error}"
    );
    assert!(server.asked("GET", "/healthz").contains("alive"));
}

/// Limits that end nothing within a test.
const PATIENT: Limits = Limits {
    head_within: Duration::from_secs(3_600),
    unread_within: Duration::from_secs(3_600),
    ..LIMITS
};

#[test]
fn one_connection_too_many_takes_the_place_of_the_oldest() {
    let server = serve_within(Limits {
        connections: 2,
        ..PATIENT
    });
    let (first, mut second) = (server.taken(), server.taken());
    let third = server.taken();
    assert_eq!(rest_of(first), "");
    second.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest_of(second).contains("fresh"));
    drop(third);
}

#[test]
fn those_that_come_again_and_again_with_half_a_head_keep_nobody_out() {
    let server = serve_within(PATIENT);
    let address = server.server.address;
    let is_over = AtomicBool::new(false);
    let come_again = || {
        while !is_over.load(Ordering::Relaxed) {
            let Ok(mut stream) = TcpStream::connect(address) else {
                continue;
            };
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ");
            // The stream stays open until it is dropped.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    };
    std::thread::scope(|scope| {
        // More of them would fill the queue of the system too.
        for _ in 0..2 * LIMITS.connections {
            scope.spawn(come_again);
        }
        for _ in 0..3 {
            assert!(server.asked("GET", "/healthz").contains("alive"));
        }
        is_over.store(true, Ordering::Relaxed);
        drop(server);
    });
}

#[test]
fn an_address_of_another_machine_is_refused_with_a_hint() {
    let server = serve();
    // Reserved for documentation, RFC 5737: no machine has it.
    let listen = "192.0.2.1:0".parse().unwrap();
    let error = server
        .runtime
        .block_on(Server::bind(&listen, router()))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot listen on 192.0.2.1:0: "), "{text}");
    assert!(error.hint().contains("127.0.0.1:9184"), "{}", error.hint());
}

#[test]
fn dropped_it_gives_its_address_back() {
    let server = serve();
    let address = server.server.address;
    let open = server.taken();
    drop(server.server);
    assert_eq!(rest_of(open), "");
    let listen = address.to_string().parse().unwrap();
    let again = server.runtime.block_on(async {
        loop {
            match Server::bind(&listen, router()).await {
                Ok(server) => break server,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(again.address, address);
    let taken = server
        .runtime
        .block_on(Server::bind(&listen, router()))
        .unwrap_err();
    assert!(
        taken
            .to_string()
            .starts_with(&format!("cannot listen on {address}: "))
    );
    assert!(taken.hint().contains("another port"));
}

#[test]
fn a_defect_breaks_one_connection_and_not_the_server() {
    let server = serve();
    assert_eq!(server.asked("GET", "/defect"), "");
    assert!(server.asked("GET", "/healthz").contains("alive"));
}

/// Reads an answer without an end, and never stops.
fn keep_reading(mut stream: TcpStream, is_over: &AtomicBool) -> usize {
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let (mut length, mut buffer) = (0, [0; 4096]);
    while !is_over.load(Ordering::Relaxed) {
        stream.read_exact(&mut buffer).unwrap();
        length += buffer.len();
    }
    length
}

#[test]
fn an_answer_that_is_read_or_awaited_is_never_cut_for_another() {
    let server = serve_within(Limits {
        connections: 3,
        ..PATIENT
    });
    let mut awaited = server.taken();
    awaited
        .write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let is_over = AtomicBool::new(false);
    let address = server.server.address;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| keep_reading(connect(address), &is_over));
        let mut others = Vec::new();
        // Each of these takes the only place that is left.
        for _ in 0..20 {
            let mut stream = connect(address);
            stream.write_all(ON_AND_ON).unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            others.push(stream);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    awaited.set_nonblocking(true).unwrap();
    let kind = awaited.read(&mut [0]).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::WouldBlock);
}

#[test]
fn those_that_do_not_read_their_answers_make_room() {
    let server = serve_within(Limits {
        connections: 2,
        reads_within: Duration::from_millis(100),
        ..PATIENT
    });
    let unread: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = connect(server.server.address);
            stream
                .write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    assert!(server.asked("GET", "/healthz").contains("alive"));
    drop(unread);
}

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
