//! A minimal part of HTTP/1.1: it reads the head of a request and writes an answer.

use super::delivery::Delivery;

/// The server refuses longer heads.
const LONGEST_HEAD: usize = 64 * 1024;

/// The request of a client.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, as sent.
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) accepts_gzip: bool,
    pub(super) closes: bool,
    pub(super) body_length: usize,
}

impl Request {
    pub(super) fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    pub(super) fn raw_query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The requested page. The API tolerates any value.
    pub(super) fn page(&self) -> usize {
        let page = self.parameter("page").and_then(|text| text.parse().ok());
        page.filter(|&page| page > 0).unwrap_or(1)
    }

    /// The first parameter with this name, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self
            .raw_query()
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decoded(value))
    }
}

/// The state of the bytes that have arrived so far.
#[derive(Debug)]
pub(super) enum Head {
    /// A whole request, and the length of its head.
    Whole(Request, usize),
    Partial,
    Invalid,
}

/// Reads the head of a request.
pub(super) fn head(bytes: &[u8]) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Head::Whole(request(&parsed), length),
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => Head::Partial,
        _ => Head::Invalid,
    }
}

fn request(parsed: &httparse::Request<'_, '_>) -> Request {
    let header = |name: &str| {
        let header = parsed
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let connection = header("connection")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let keeps = connection.contains("keep-alive");
    Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        user_agent: header("user-agent"),
        accepts_gzip: header("accept-encoding").is_some_and(|codings| accepts_gzip(&codings)),
        closes: connection.contains("close") || (parsed.version == Some(0) && !keeps),
        body_length: header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
    }
}

fn accepts_gzip(codings: &str) -> bool {
    codings.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && quality.trim() != "q=0"
    })
}

/// Decodes `%3A` and `+`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let hex = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match (
            first,
            hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer for a client.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The way to the client, if the answer reaches it at all.
    pub(super) delivery: Delivery,
    /// The newest action of the listing that the page belongs to, whatever the page.
    pub(super) newest_action: Option<i64>,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delivery: Delivery::Whole,
            newest_action: None,
        };
        answer.set("content-type", Some(content_type.to_owned()));
        answer
    }

    pub(super) fn json(status: u16, body: String) -> Self {
        Self::new(status, "application/json; charset=utf-8", body)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Replaces a header, or removes it.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    /// The status line and the headers.
    pub(super) fn head(&self, closes: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        if closes {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
