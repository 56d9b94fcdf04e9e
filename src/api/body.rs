//! The body of an answer: read packed, and unpacked when it is complete.
//!
//! An unpacked page is fifty times as long as a packed one. The HTTP client could unpack each page as it arrives, but
//! several pages are under way at once and only one is decoded at a time. So each page stays packed until then, and all
//! share one buffer. To unpack a whole page in one go also takes less time.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{Error, Response};

/// The encoding that the client offers to the API.
pub(super) const ACCEPTED_ENCODING: &str = "gzip";

/// The buffer keeps at most this size from one body to the next: two pages of 200 actions.
const KEPT_BYTES: usize = 1 << 20;

/// A body as it arrived.
pub(super) struct Packed {
    bytes: Vec<u8>,
    encoding: Encoding,
}

enum Encoding {
    Plain,
    Gzip,
    /// An encoding that the client did not request, by its name if the name is known.
    Unknown(&'static str),
}

/// The reason why a body is unusable.
pub(super) enum Unreadable {
    /// The connection broke or took too long.
    Broken(Error),
    /// The body arrived, but it is malformed.
    Malformed(String),
}

impl Packed {
    /// Reads a body of at most `most` bytes. A body can be a bomb, compressed or not.
    pub(super) async fn read(mut response: Response, most: usize) -> Result<Self, Unreadable> {
        let encoding = Encoding::of(response.headers());
        let announced = response.content_length().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        // The announced length may be false, so it reserves room for one page at most.
        let mut bytes = Vec::with_capacity(announced.min(KEPT_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(Unreadable::Broken)? {
            if bytes.len() + chunk.len() > most {
                return Err(too_long(most));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Self { bytes, encoding })
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_ENCODING) else {
            return Self::Plain;
        };
        let name = String::from_utf8_lossy(value.as_bytes());
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip,
            name => {
                // Other names are not shown: a server can echo a secret that it was sent.
                let known = ["br", "compress", "deflate", "zstd"];
                let known = known.into_iter().find(|known| *known == name);
                Self::Unknown(known.unwrap_or("something unknown"))
            }
        }
    }
}

/// Unpacks bodies one after the other.
#[derive(Default)]
pub(super) struct Unpacker {
    buffer: Mutex<Vec<u8>>,
}

impl Unpacker {
    /// Unpacks a body of at most `most` bytes, and returns the result of `read`.
    pub(super) fn unpack<T>(
        &self,
        packed: &Packed,
        most: usize,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Unreadable> {
        match &packed.encoding {
            Encoding::Plain => Ok(read(&packed.bytes)),
            Encoding::Gzip => {
                let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
                buffer.clear();
                let outcome = gunzip(&packed.bytes, most, &mut buffer).map(|()| read(&buffer));
                buffer.clear();
                buffer.shrink_to(KEPT_BYTES);
                outcome
            }
            Encoding::Unknown(name) => Err(Unreadable::Malformed(format!(
                "it is encoded as `{name}`, which the client did not request"
            ))),
        }
    }
}

fn gunzip(packed: &[u8], most: usize, buffer: &mut Vec<u8>) -> Result<(), Unreadable> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(limit)
        .read_to_end(buffer)
        .map_err(|error| Unreadable::Malformed(format!("it cannot be unpacked: {error}")))?;
    if buffer.len() > most {
        return Err(too_long(most));
    }
    Ok(())
}

fn too_long(most: usize) -> Unreadable {
    Unreadable::Malformed(format!("it is longer than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: Vec<u8>, encoding: Encoding, most: usize) -> Result<Vec<u8>, String> {
        let packed = Packed { bytes, encoding };
        let unpacker = Unpacker::default();
        let body = unpacker.unpack(&packed, most, <[u8]>::to_vec);
        assert!(unpacker.buffer.lock().unwrap().capacity() <= KEPT_BYTES);
        body.map_err(|error| match error {
            Unreadable::Malformed(reason) => reason,
            Unreadable::Broken(error) => error.to_string(),
        })
    }

    #[test]
    fn what_was_packed_is_unpacked_and_what_was_not_stays() {
        let text = b"{\"actions\":[]}".repeat(100);
        let all = text.len();
        assert_eq!(unpacked(text.clone(), Encoding::Plain, all).unwrap(), text);
        assert_eq!(unpacked(gzip(&text), Encoding::Gzip, all).unwrap(), text);
        let members = [gzip(&text[..all / 2]), gzip(&text[all / 2..])].concat();
        assert_eq!(unpacked(members, Encoding::Gzip, all).unwrap(), text);
    }

    #[test]
    fn a_body_that_is_cut_short_damaged_or_something_else_is_no_body() {
        let whole = gzip(&b"0123456789".repeat(500));
        for length in 0..whole.len() {
            let cut = whole[..length].to_vec();
            assert!(unpacked(cut, Encoding::Gzip, 1 << 20).is_err(), "{length}");
        }
        let mut damaged = whole.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert!(unpacked(damaged, Encoding::Gzip, 1 << 20).is_err());
        assert!(unpacked(b"{}".to_vec(), Encoding::Gzip, 1 << 20).is_err());
        let reason = unpacked(whole, Encoding::Unknown("br"), 1 << 20).unwrap_err();
        assert!(reason.contains("`br`"), "{reason}");
    }

    #[test]
    fn a_bomb_is_refused_at_its_first_byte_too_many_and_its_memory_given_back() {
        let bomb = gzip(&vec![b' '; 8 << 20]);
        let reason = unpacked(bomb.clone(), Encoding::Gzip, (8 << 20) - 1).unwrap_err();
        assert!(reason.contains("longer than 8388607 bytes"), "{reason}");
        assert_eq!(
            unpacked(bomb, Encoding::Gzip, 8 << 20).unwrap().len(),
            8 << 20
        );
    }

    #[test]
    fn encodings_are_known_by_their_names() {
        let named = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, name.parse().unwrap());
            Encoding::of(&headers)
        };
        assert!(matches!(Encoding::of(&HeaderMap::new()), Encoding::Plain));
        assert!(matches!(named("identity"), Encoding::Plain));
        assert!(matches!(named(" GZIP"), Encoding::Gzip));
        assert!(matches!(named("gzip, br"), Encoding::Unknown(_)));
    }

    #[test]
    fn the_name_of_an_encoding_is_repeated_only_where_it_is_one() {
        for (sent, shown) in [("BR", "br"), ("canary", "something unknown")] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, sent.parse().unwrap());
            match Encoding::of(&headers) {
                Encoding::Unknown(name) => assert_eq!(name, shown),
                _ => panic!("{sent} is understood"),
            }
        }
    }
}
