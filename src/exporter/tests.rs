//! The real server on a free port, asked over plain sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

/// Good or bad, as it is told.
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let daemon = Arc::new(Daemon::default());
    daemon.is_good.store(true, Ordering::Relaxed);
    let listen = "127.0.0.1:0".parse().unwrap();
    let exporter = runtime
        .block_on(Exporter::bind(&listen, daemon.clone()))
        .unwrap();
    Server {
        exporter,
        daemon,
        runtime,
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

impl Server {
    /// Sends these bytes and reads all that comes back.
    fn hears(&self, sent: &str) -> String {
        let mut stream = connect(self.exporter.address());
        stream.write_all(sent.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn asked(&self, method: &str, path: &str) -> String {
        self.hears(&format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
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
fn nonsense_and_heads_without_end_are_refused() {
    let server = serve();
    let nonsense = server.hears("\u{1}\u{2} nonsense\r\n\r\n");
    assert!(nonsense.starts_with("HTTP/1.1 400 "), "{nonsense}");
    let mut stream = connect(server.exporter.address());
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(20_000)).as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
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
    // Other tests of this process have files of their own.
    let after = files();
    assert!(after < before + 200, "{before} before, {after} after");
}

#[test]
fn those_that_say_nothing_keep_nobody_else_out_for_ever() {
    let server = serve();
    let silent: Vec<_> = (0..40)
        .map(|_| connect(server.exporter.address()))
        .collect();
    assert!(server.asked("GET", "/healthz").contains("alive"));
    drop(silent);
}

#[test]
fn dropped_it_gives_its_address_back() {
    let server = serve();
    let address = server.exporter.address();
    let open = connect(address);
    drop(server.exporter);
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
    drop(open);
}
