//! Serves recorded answers in a separate process, as fast as they can be copied: the cost of the server must not hide
//! the cost of its clients.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;

use crate::Outcome;
use crate::corpus::Corpus;
use crate::recording::Recording;

/// The argument that makes this binary a server.
pub(crate) const WORD: &str = "serve-a-recording";

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Serves an account, after recording its answers if necessary.
    pub(crate) fn start(corpus: Corpus) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(WORD)
            .args([corpus.actions, corpus.droplets].map(|number| number.to_string()))
            .arg(corpus.by_droplet.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut url)?;
        }
        let url = url.trim().to_owned();
        let server = Self { process, url };
        if server.url.is_empty() {
            return Err("the server of recorded answers does not start".into());
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process ends when its standard input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The server: prints its address, and ends with its standard input.
pub(crate) fn run_here(words: impl Iterator<Item = OsString>) -> Outcome<ExitCode> {
    let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
    let [actions, droplets, by_droplet] = words.as_slice() else {
        return Err("a server needs actions, droplets and listings".into());
    };
    let corpus = Corpus {
        actions: actions.parse()?,
        droplets: droplets.parse()?,
        by_droplet: by_droplet.parse()?,
    };
    let recording = Arc::new(corpus.recording()?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let recording = Arc::clone(&recording);
            // A client that disconnects in the middle is not an error.
            thread::spawn(move || converse(stream, &recording));
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}

fn converse(mut stream: TcpStream, recording: &Recording) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(4096);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Some(end) = end_of_head(&received) else {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                length => received.extend_from_slice(&buffer[..length]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]);
        let target = head.split(' ').nth(1).unwrap_or_default();
        if !recording.answer(target, &mut answer)? {
            eprintln!("nobody recorded the answer to {target}");
            answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
        }
        stream.write_all(&answer)?;
        received.drain(..end);
    }
}

fn end_of_head(received: &[u8]) -> Option<usize> {
    let at = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some(at + 4)
}
