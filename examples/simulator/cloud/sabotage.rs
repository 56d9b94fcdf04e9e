//! Applies faults to an answer.

use super::delivery::Delivery;
use super::faults::Fault;
use super::gzip;
use super::http::Answer;
use super::routes;

const HTML: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// The answer that a fault puts in the place of the true answer.
pub(super) fn instead(fault: &Fault, request_id: &str) -> Option<Answer> {
    Some(match fault {
        Fault::Status(status) => routes::error(*status, request_id),
        Fault::HtmlError(status) => Answer::new(*status, "text/html", HTML),
        Fault::HtmlBody200 => Answer::new(200, "text/html", HTML),
        Fault::Body(text) => Answer::json(200, text.clone()),
        Fault::EmptyBody => Answer::json(200, String::new()),
        Fault::Redirect(url) => {
            let mut answer = Answer::new(302, "text/html", "");
            answer.set("location", Some(url.clone()));
            answer
        }
        Fault::TooManyRequests { .. } => routes::error(429, request_id),
        Fault::GzipBomb(bytes) => {
            let mut answer = Answer::json(200, String::new());
            answer.body = gzip::bomb(*bytes)?;
            answer.set("content-encoding", Some("gzip".to_owned()));
            answer
        }
        _ => return None,
    })
}

/// Changes before an answer is compressed.
pub(super) fn before_coding(fault: &Fault, answer: &mut Answer) {
    match fault {
        Fault::CutJson => answer.body.truncate(answer.body.len() / 2),
        Fault::WrongContentType(name) => answer.set("content-type", Some(name.clone())),
        Fault::Header(name, value) => answer.set(name, value.clone()),
        Fault::TooManyRequests { retry_after, reset } => {
            answer.set("retry-after", retry_after.clone());
            if reset.is_some() {
                answer.set("ratelimit-reset", reset.clone());
            }
        }
        _ => {}
    }
}

/// Changes to the bytes that are sent.
pub(super) fn after_coding(fault: &Fault, answer: &mut Answer) {
    answer.delivery = match fault {
        Fault::BadGzip => {
            if answer.header("content-encoding").is_none() {
                answer.body = gzip::compress(&answer.body).unwrap_or_default();
                answer.set("content-encoding", Some("gzip".to_owned()));
            }
            gzip::damage(&mut answer.body);
            return;
        }
        Fault::Reset => Delivery::Reset,
        Fault::ResetInBody => Delivery::ResetInBody,
        Fault::CloseEarly => Delivery::Close,
        Fault::Stall => Delivery::Stall,
        Fault::StallAfterHead => Delivery::StallAfterHead,
        Fault::StallInBody => Delivery::StallInBody,
        Fault::Drip(pause) => Delivery::Drip(*pause),
        Fault::DripBody(pause) => Delivery::DripBody(*pause),
        Fault::Truncated => Delivery::Truncated,
        _ => return,
    };
}
