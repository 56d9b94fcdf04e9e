//! Pings to a real server on a free port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;

/// Answers each request with the next of these answers, and repeats the last one for ever. Passes on the requests. It
/// serves one request per connection, and leaves a connection open unless the answer says to close it.
struct Check {
    url: String,
    requests: mpsc::Receiver<String>,
}

fn check(answers: &'static [&'static str]) -> Check {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/secret-uuid", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        let mut left_open = Vec::new();
        for number in 0.. {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            // Sent before the answer: the test may count the requests as soon as it has the answer.
            if sender.send(request(&mut stream)).is_err() {
                return;
            }
            let answer = answers[number.min(answers.len() - 1)];
            let _ = stream.write_all(answer.as_bytes());
            if answer == LEFT_OPEN {
                left_open.push(stream);
            }
        }
    });
    Check { url, requests }
}

/// Reads one request: its head, and a body of the given length.
fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            break;
        }
        text.push(byte[0]);
    }
    let head = String::from_utf8(text.clone()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK";
const LEFT_OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK";
const NOT_FOUND: &str = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nOK (not found)";
const IN_PIECES: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
    4\r\nOK (\r\nE\r\nrate limited)\n\r\n0\r\n\r\n";
const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 7\r\n\r\nCreated";
const BROKEN_OFF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nOK";
const BUSY: &str = "HTTP/1.1 429 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const UNKNOWN: &str = "HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const ELSEWHERE: &str =
    "HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const QUICK: Limits = Limits {
    altogether: Duration::from_secs(60),
    wait: Duration::from_millis(1),
};

async fn send(url: &str, signal: Signal, body: &str) -> Result<(), Error> {
    let pinger = Pinger::within(url.parse().unwrap(), QUICK).unwrap();
    pinger.ping(signal, Uuid::new_v4(), body).await
}

#[tokio::test]
async fn each_signal_has_its_address_and_a_run_its_id() {
    for (signal, path) in [
        (Signal::Start, "/ping/secret-uuid/start"),
        (Signal::Success, "/ping/secret-uuid"),
        (Signal::Failure, "/ping/secret-uuid/fail"),
    ] {
        let check = check(&[OK]);
        send(&check.url, signal, "complete: 3 new actions")
            .await
            .unwrap();
        let request = check.requests.recv().unwrap();
        assert!(
            request.starts_with(&format!("POST {path}?rid=")),
            "{request}"
        );
        assert!(
            request.ends_with("\r\n\r\ncomplete: 3 new actions"),
            "{request}"
        );
        assert!(
            !request.to_lowercase().contains("authorization"),
            "{request}"
        );
        assert!(request.contains("user-agent: archiver/"), "{request}");
    }
}

#[tokio::test]
async fn the_start_and_the_end_of_a_run_have_one_id() {
    let check = check(&[OK]);
    let pinger = Pinger::within(check.url.parse().unwrap(), QUICK).unwrap();
    for signal in [Signal::Start, Signal::Success] {
        pinger
            .ping(
                signal,
                Uuid::from_u64_pair(0x4001, 0x8000_0000_0000_0002),
                "",
            )
            .await
            .unwrap();
        let request = check.requests.recv().unwrap();
        let line = request.lines().next().unwrap();
        assert!(
            line.ends_with("?rid=00000000-0000-4001-8000-000000000002 HTTP/1.1"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_query_is_kept_and_a_slash_at_the_end_is_not() {
    let check = check(&[OK]);
    let url = format!("{}/?create=1&x=a%20b+c", check.url);
    for (signal, path) in [
        (Signal::Start, "/ping/secret-uuid/start"),
        (Signal::Success, "/ping/secret-uuid"),
    ] {
        send(&url, signal, "").await.unwrap();
        let request = check.requests.recv().unwrap();
        assert!(
            request.starts_with(&format!("POST {path}?create=1&x=a%20b+c&rid=")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_ping_that_is_ignored_has_not_arrived() {
    for (answer, reason) in [
        (&[NOT_FOUND], "there is no check at this address"),
        (&[IN_PIECES], "there were too many pings in this minute"),
    ] {
        let check = check(answer);
        let error = send(&check.url, Signal::Start, "").await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(check.requests.try_iter().count(), 1);
    }
}

#[tokio::test]
async fn one_that_is_taken_has_arrived_whatever_else_the_answer_says() {
    for answer in [&[CREATED], &[BROKEN_OFF]] {
        let check = check(answer);
        send(&check.url, Signal::Start, "").await.unwrap();
        assert_eq!(check.requests.try_iter().count(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_may_have_been_forgotten_is_not_used_again() {
    let check = check(&[LEFT_OPEN]);
    let pinger = Pinger::within(check.url.parse().unwrap(), QUICK).unwrap();
    for signal in [Signal::Start, Signal::Success] {
        pinger.ping(signal, Uuid::new_v4(), "").await.unwrap();
    }
    assert_eq!(check.requests.try_iter().count(), 2);
}

#[tokio::test]
async fn a_long_body_is_cut_between_characters() {
    let check = check(&[OK]);
    send(
        &check.url,
        Signal::Failure,
        &format!("x{}", "ä".repeat(90_000)),
    )
    .await
    .unwrap();
    let request = check.requests.recv().unwrap();
    assert!(
        request.contains("content-length: 19999\r\n"),
        "{request:.400}"
    );
}

#[tokio::test]
async fn a_fault_is_tried_again_and_a_refusal_is_not() {
    let recovering = check(&[BROKEN, "nonsense", OK]);
    send(&recovering.url, Signal::Success, "").await.unwrap();
    assert_eq!(recovering.requests.try_iter().count(), 3);
    let busy = check(&[BUSY, OK]);
    send(&busy.url, Signal::Success, "").await.unwrap();
    assert_eq!(busy.requests.try_iter().count(), 2);
    let unknown = check(&[UNKNOWN]);
    let error = send(&unknown.url, Signal::Success, "").await.unwrap_err();
    assert_eq!(unknown.requests.try_iter().count(), 1);
    assert!(error.to_string().contains("404"), "{error}");
    let broken = check(&[BROKEN]);
    let error = send(&broken.url, Signal::Success, "").await.unwrap_err();
    assert_eq!(broken.requests.try_iter().count(), 3);
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let check = check(&[ELSEWHERE, OK]);
    assert!(send(&check.url, Signal::Success, "").await.is_err());
    assert_eq!(check.requests.try_iter().count(), 1);
}

#[tokio::test]
async fn silence_ends_in_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret-uuid", listener.local_addr().unwrap());
    let limits = Limits {
        altogether: Duration::from_millis(50),
        ..QUICK
    };
    let pinger = Pinger::within(url.parse().unwrap(), limits).unwrap();
    let silent = pinger.ping(Signal::Start, Uuid::new_v4(), "").await;
    assert!(silent.unwrap_err().to_string().contains("in time"));
}

#[tokio::test]
async fn no_message_has_more_of_the_address_than_its_host() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret-uuid", nobody.local_addr().unwrap());
    drop(nobody);
    let error = send(&url, Signal::Start, "").await.unwrap_err();
    let unknown = check(&[UNKNOWN]);
    let refusal = send(&unknown.url, Signal::Start, "").await.unwrap_err();
    let silent = check(&[NOT_FOUND]);
    let ignored = send(&silent.url, Signal::Start, "").await.unwrap_err();
    let parsed: PingUrl = url.parse().unwrap();
    let pinger = Pinger::new(parsed.clone()).unwrap();
    for shown in [
        format!("{error} {error:?} {refusal} {refusal:?} {ignored} {ignored:?}"),
        format!("{parsed} {parsed:?} {pinger:?}"),
    ] {
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("127.0.0.1"), "{shown}");
    }
}

#[test]
fn what_is_no_address_of_a_check_is_refused_without_being_shown() {
    for text in [
        "secret-uuid",
        "ftp://hc-ping.com/secret-uuid",
        "http://hc-ping.com/secret-uuid",
        "https://user:secret@hc-ping.com/x",
        "https://hc-ping.com/secret-uuid#x",
        "https:///",
    ] {
        let error = text.parse::<PingUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    for text in [
        "https://hc-ping.com/x",
        "http://localhost:8000/ping/x",
        "http://[::1]/x",
    ] {
        assert!(text.parse::<PingUrl>().is_ok(), "{text}");
    }
}
