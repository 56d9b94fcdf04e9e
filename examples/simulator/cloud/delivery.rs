//! The way of an answer's bytes to the client, if they reach it at all.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::http::Answer;

/// The ways to deliver an answer. Only the first leaves the connection usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Reset,
    ResetInBody,
    Close,
    Stall,
    StallAfterHead,
    StallInBody,
    Truncated,
    /// Milliseconds between two bytes.
    Drip(u64),
    DripBody(u64),
}

impl Delivery {
    /// True when the client sees a status.
    pub(super) fn shows_status(self) -> bool {
        !matches!(self, Self::Reset | Self::Close | Self::Stall)
    }
}

/// Delivers an answer. Returns true when the connection can be used again.
pub(super) async fn deliver(
    stream: &mut TcpStream,
    answer: &Answer,
    closes: bool,
) -> io::Result<bool> {
    let head = answer.head(closes);
    match answer.delivery {
        Delivery::Whole => {
            stream.write_all(&head).await?;
            stream.write_all(&answer.body).await?;
            return Ok(!closes);
        }
        Delivery::Close => {}
        Delivery::Reset => stream.set_zero_linger()?,
        Delivery::Stall => wait_for_close(stream).await?,
        Delivery::Drip(pause) => {
            drip(stream, &head, pause).await?;
            drip(stream, &answer.body, pause).await?;
        }
        _ => {
            stream.write_all(&head).await?;
            deliver_body(stream, answer).await?;
        }
    }
    Ok(false)
}

/// Sends the part of a body that reaches the client when the body never arrives whole or in time.
async fn deliver_body(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let half = answer.body.get(..answer.body.len() / 2).unwrap_or_default();
    match answer.delivery {
        Delivery::StallAfterHead => wait_for_close(stream).await,
        Delivery::DripBody(pause) => drip(stream, &answer.body, pause).await,
        Delivery::StallInBody => {
            stream.write_all(half).await?;
            wait_for_close(stream).await
        }
        Delivery::ResetInBody => {
            stream.write_all(half).await?;
            // The bytes should arrive before the reset makes the client's system drop them.
            sleep(Duration::from_millis(20)).await;
            stream.set_zero_linger()
        }
        _ => {
            stream.write_all(half).await?;
            stream.shutdown().await
        }
    }
}

async fn drip(stream: &mut TcpStream, bytes: &[u8], milliseconds: u64) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(std::slice::from_ref(byte)).await?;
        sleep(Duration::from_millis(milliseconds)).await;
    }
    Ok(())
}

/// Waits until the client closes the connection.
async fn wait_for_close(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
