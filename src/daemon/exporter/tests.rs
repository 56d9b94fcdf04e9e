//! The real server on a free port, asked over plain sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::server::{LIMITS, Limits, MOST_HEAD_BYTES};
use super::*;

/// Longer than anything here takes on the slowest machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A probe that is good or bad, as the test sets it.
#[derive(Default)]
struct Daemon {
    is_good: AtomicBool,
    panics: AtomicBool,
}

impl Daemon {
    fn condition(&self, words: &str) -> Condition {
        Condition {
            is_good: self.is_good.load(Ordering::Relaxed),
            words: words.to_owned(),
        }
    }
}

impl Probe for Daemon {
    fn metrics(&self) -> String {
        assert!(!self.panics.load(Ordering::Relaxed), "told to");
        "archiver_actions 42\n".to_owned()
    }

    fn health(&self) -> Condition {
        self.condition("alive")
    }

    fn readiness(&self) -> Condition {
        self.condition("fresh")
    }
}

struct Server {
    exporter: Exporter,
    daemon: Arc<Daemon>,
    runtime: tokio::runtime::Runtime,
}

fn serve() -> Server {
    serve_within(LIMITS)
}

fn serve_within(limits: Limits) -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let daemon = Arc::new(Daemon::default());
    daemon.is_good.store(true, Ordering::Relaxed);
    let listen = "127.0.0.1:0".parse().unwrap();
    let exporter = runtime
        .block_on(Exporter::bind_within(limits, &listen, daemon.clone()))
        .unwrap();
    Server {
        exporter,
        daemon,
        runtime,
    }
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

impl Server {
    /// Sends these bytes and reads all that comes back.
    fn hears(&self, sent: &str) -> String {
        let mut stream = connect(self.exporter.address());
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
        let mut stream = connect(self.exporter.address());
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
fn each_route_answers() {
    let server = serve();
    let metrics = server.asked("GET", "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(metrics.ends_with("\r\n\r\narchiver_actions 42\n"));
    assert!(
        server
            .asked("GET", "/healthz?verbose")
            .ends_with("\r\n\r\nalive\n")
    );
    assert!(server.asked("GET", "/readyz").ends_with("\r\n\r\nfresh\n"));
    assert!(server.asked("GET", "/").contains("/metrics"));
    assert!(
        server
            .asked("GET", "/favicon.ico")
            .starts_with("HTTP/1.1 404 ")
    );
}

#[test]
fn what_is_not_good_is_unavailable() {
    let server = serve();
    server.daemon.is_good.store(false, Ordering::Relaxed);
    for (path, words) in [("/healthz", "alive"), ("/readyz", "fresh")] {
        let answer = server.asked("GET", path);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{words}\n")), "{answer}");
    }
}

#[test]
fn a_head_is_all_of_the_answer_but_its_body() {
    let server = serve();
    let answer = server.asked("HEAD", "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 20\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn nothing_can_be_changed() {
    let server = serve();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = server.asked(method, "/metrics");
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
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
fn no_answer_is_kept_or_taken_for_something_else() {
    let server = serve();
    for (method, path) in [("GET", "/metrics"), ("GET", "/nowhere"), ("POST", "/")] {
        let answer = server.asked(method, path);
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(
            answer.contains("x-content-type-options: nosniff\r\n"),
            "{answer}"
        );
    }
}

#[test]
fn a_body_is_not_waited_for() {
    let answer = serve().hears("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
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

#[test]
fn a_defect_breaks_one_answer_and_not_the_server() {
    let server = serve();
    server.daemon.panics.store(true, Ordering::Relaxed);
    assert!(server.asked("GET", "/metrics").starts_with("HTTP/1.1 500 "));
    server.daemon.panics.store(false, Ordering::Relaxed);
    assert!(server.asked("GET", "/metrics").starts_with("HTTP/1.1 200 "));
}

#[cfg(target_os = "linux")]
#[test]
fn thousands_of_connections_leave_nothing_behind() {
    let server = serve();
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = files();
    for number in 0..2_000 {
        if number % 10 == 0 {
            let stream = connect(server.exporter.address());
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
        connection_within: Duration::from_secs(2),
        ..LIMITS
    });
    let mut stream = connect(server.exporter.address());
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
    connection_within: Duration::from_secs(3_600),
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
    let address = server.exporter.address();
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
        for _ in 0..5 * LIMITS.connections {
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
        .block_on(Exporter::bind(&listen, server.daemon.clone()))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot listen on 192.0.2.1:0: "), "{text}");
    assert!(error.hint().contains("127.0.0.1:9184"), "{}", error.hint());
}

#[test]
fn dropped_it_gives_its_address_back() {
    let server = serve();
    let address = server.exporter.address();
    let open = server.taken();
    drop(server.exporter);
    assert_eq!(rest_of(open), "");
    let listen = address.to_string().parse().unwrap();
    let again = server.runtime.block_on(async {
        loop {
            match Exporter::bind(&listen, server.daemon.clone()).await {
                Ok(exporter) => break exporter,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(again.address(), address);
    let taken = server
        .runtime
        .block_on(Exporter::bind(&listen, server.daemon.clone()))
        .unwrap_err();
    assert!(
        taken
            .to_string()
            .starts_with(&format!("cannot listen on {address}: "))
    );
    assert!(taken.hint().contains("another port"));
}
