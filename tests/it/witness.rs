//! A server that gives every client the same answer and remembers each request.
//!
//! It does what the simulator cannot do: it plays another origin that must never receive a token, and it serves answers
//! byte by byte as given.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server that runs until the test process ends.
pub(crate) struct Witness {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    /// Answers every request with this status, these headers (each ending in CRLF) and this JSON.
    pub(crate) fn answering(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let head = format!(
            "HTTP/1.1 {status} Any\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body].concat();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let remembered = (Arc::clone(&heads), Arc::clone(&bodies));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (head, body) = serve(stream, &answer);
                remembered.1.lock().unwrap().push(body);
                remembered.0.lock().unwrap().push(head);
            }
        });
        Self { url, heads, bodies }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The head of each request so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The body of each request so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// Reads one request and answers it. A connection that breaks is not an error.
fn serve(mut stream: TcpStream, answer: &[u8]) -> (String, String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut body = Vec::new();
    let _ = (&stream).take(length(&head)).read_to_end(&mut body);
    let _ = stream.write_all(answer);
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// The length of the body after this head.
fn length(head: &str) -> u64 {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths
        .next()
        .and_then(|(_, value)| value.trim().parse().ok());
    length.unwrap_or(0)
}
