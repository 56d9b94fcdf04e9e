//! Compressed bodies: valid ones, damaged ones, and one that is far larger than its compressed size suggests.

use std::io::Write as _;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

/// The body in gzip; `None` when the compression fails.
pub(super) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 20), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Puts garbage after the middle, and keeps the length.
pub(super) fn damage(gzip: &mut [u8]) {
    let middle = gzip.len() / 2;
    for byte in gzip.iter_mut().skip(middle) {
        *byte ^= 0x5a;
    }
}

/// A gzip body that decodes to this many bytes of white space, made without writing all of them.
pub(super) fn bomb(bytes: u64) -> Option<Vec<u8>> {
    const BLOCK: usize = 1 << 20;
    let block = vec![b' '; BLOCK];
    let (blocks, rest) = (bytes / BLOCK as u64, (bytes % BLOCK as u64) as usize);
    let packed = block_of(&block)?;
    // Magic number, deflate, no flags, no time, no hints, unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut crc = Crc::new();
    let mut block_crc = Crc::new();
    block_crc.update(&block);
    for _ in 0..blocks {
        out.extend_from_slice(&packed);
        crc.combine(&block_crc);
    }
    let rest = block.get(..rest)?;
    out.extend(block_of(rest)?);
    crc.update(rest);
    // The last block: fixed codes, no data.
    out.extend([3, 0]);
    out.extend(crc.sum().to_le_bytes());
    out.extend((bytes as u32).to_le_bytes());
    Some(out)
}

/// Compresses the bytes up to a byte boundary, so that blocks can follow one another.
fn block_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.flush().ok()?;
    Some(encoder.get_ref().clone())
}
