//! How a batch stands in the log.
//!
//! A frame is a header of 40 bytes and a body, filled up with zeros to a multiple of 8 bytes. All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0..2 | `BT` |
//! | 2 | format version, 1 |
//! | 3 | kind: 1 batch, 2 link |
//! | 4..6 | shard |
//! | 6..8 | zero |
//! | 8..12 | length of the body |
//! | 12..16 | CRC32C of the body |
//! | 16..20 | generation of the segment |
//! | 20..24 | run: counts the processes that have written to this log |
//! | 24..28 | offset in the segment at which the frame's group begins |
//! | 28..36 | number of the batch in its shard |
//! | 36..40 | CRC32C of bytes 0..36 |
//!
//! Both sums start from a secret number of the store, so that bytes which a user has put into a payload can never pass for a frame.
//! *Generation* tells frames of a recycled file from live ones. *Run* tells what a process left half-written from what its
//! successor wrote over it. *Group* tells a torn write from damage: everything before a group was on stable storage before the first byte
//! of the group was written.

/// Length of a frame's header, bytes.
pub(crate) const HEADER_LEN: usize = 40;

/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// Largest body, bytes.
pub(crate) const BODY_MAX: usize = crate::store::BATCH_BYTES_MAX;

const MAGIC: [u8; 2] = *b"BT";
const VERSION: u8 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A shard's batch.
    Batch,
    /// Where the segment before ended; the first frame of every segment.
    Link,
}

/// A frame without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) shard: u16,
    pub(crate) generation: u32,
    pub(crate) run: u32,
    pub(crate) group_start: u32,
    pub(crate) seq: u64,
    pub(crate) body_len: usize,
    pub(crate) body_crc: u32,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No frame was ever begun here, or its header is damaged.
    NoHeader,
    /// The header is whole, the bytes end before the body does.
    Short,
    /// The body is not the one that was written.
    Body,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Flaw::NoHeader => "there is no whole frame header",
            Flaw::Short => "a frame is longer than its segment",
            Flaw::Body => "the checksum of a frame does not match",
        })
    }
}

/// Space that a frame with a body of `body_len` bytes takes.
pub(crate) fn frame_len(body_len: usize) -> usize {
    (HEADER_LEN + body_len).next_multiple_of(ALIGN)
}

/// Appends a frame to `out`. Length and sum of `body` are computed here.
pub(crate) fn write(out: &mut Vec<u8>, seed: u32, header: Header, body: &[u8]) {
    assert!(body.len() <= BODY_MAX, "the length of a batch is checked before it is framed");
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, header.kind.number()]);
    out.extend_from_slice(&header.shard.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&sum(seed, body).to_le_bytes());
    out.extend_from_slice(&header.generation.to_le_bytes());
    out.extend_from_slice(&header.run.to_le_bytes());
    out.extend_from_slice(&header.group_start.to_le_bytes());
    out.extend_from_slice(&header.seq.to_le_bytes());
    let header_crc = sum(seed, &out[start..]);
    out.extend_from_slice(&header_crc.to_le_bytes());
    out.extend_from_slice(body);
    out.resize(start + frame_len(body.len()), 0);
}

/// Reads a header from the front of `bytes`.
pub(crate) fn read_header(bytes: &[u8], seed: u32) -> Result<Header, Flaw> {
    let bytes: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Flaw::NoHeader)?;
    if bytes[..2] != MAGIC || bytes[2] != VERSION || u32_at(bytes, 36) != sum(seed, &bytes[..36]) {
        return Err(Flaw::NoHeader);
    }
    let body_len = u32_at(bytes, 8) as usize;
    if body_len > BODY_MAX {
        return Err(Flaw::NoHeader);
    }
    Ok(Header {
        kind: Kind::from_number(bytes[3]).ok_or(Flaw::NoHeader)?,
        shard: u16::from_le_bytes([bytes[4], bytes[5]]),
        generation: u32_at(bytes, 16),
        run: u32_at(bytes, 20),
        group_start: u32_at(bytes, 24),
        seq: u64::from(u32_at(bytes, 28)) | (u64::from(u32_at(bytes, 32)) << 32),
        body_len,
        body_crc: u32_at(bytes, 12),
    })
}

/// The body of the frame that begins `bytes` with `header`.
pub(crate) fn read_body<'a>(bytes: &'a [u8], header: &Header, seed: u32) -> Result<&'a [u8], Flaw> {
    let body = bytes.get(HEADER_LEN..HEADER_LEN + header.body_len).ok_or(Flaw::Short)?;
    if sum(seed, body) != header.body_crc {
        return Err(Flaw::Body);
    }
    Ok(body)
}

/// Whether a frame may begin with `bytes`; cheap enough to be asked at every place of a segment.
pub(crate) fn may_begin(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Counts the frames that begin at any multiple of 8 in `bytes`, for a fuzzer.
pub(crate) fn count(bytes: &[u8], seed: u32) -> usize {
    let is_frame = |offset: &usize| {
        let bytes = &bytes[*offset..];
        read_header(bytes, seed).is_ok_and(|header| read_body(bytes, &header, seed).is_ok())
    };
    (0..bytes.len()).step_by(ALIGN).filter(is_frame).count()
}

fn sum(seed: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Kind::Batch => 1,
            Kind::Link => 2,
        }
    }

    fn from_number(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::Batch,
            2 => Kind::Link,
            _ => return None,
        })
    }
}

/// Where the segment before the one that begins with it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Generation of the segment before; 0 for the first one of a log.
    pub(crate) generation: u32,
    /// Its end, the offset after its last frame.
    pub(crate) end: u32,
}

impl Link {
    pub(crate) const FRAME_LEN: usize = (HEADER_LEN + 8).next_multiple_of(ALIGN);

    pub(crate) fn encode(self) -> [u8; 8] {
        let mut body = [0; 8];
        body[..4].copy_from_slice(&self.generation.to_le_bytes());
        body[4..].copy_from_slice(&self.end.to_le_bytes());
        body
    }

    pub(crate) fn decode(body: &[u8]) -> Option<Link> {
        let body: [u8; 8] = body.try_into().ok()?;
        let number = u64::from_le_bytes(body);
        let (generation, end) = (number as u32, (number >> 32) as u32);
        Some(Link { generation, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn header() -> Header {
        Header { kind: Kind::Batch, shard: 513, generation: 7, run: 3, group_start: 4096, seq: 0x1_0000_0002, body_len: 0, body_crc: 0 }
    }

    fn parse(bytes: &[u8], seed: u32) -> Result<(Header, &[u8]), Flaw> {
        let header = read_header(bytes, seed)?;
        Ok((header, read_body(bytes, &header, seed)?))
    }

    proptest! {
        #[test]
        fn a_frame_comes_back(body in vec(any::<u8>(), 0..600), seed: u32, before in 0_usize..9) {
            let mut out = vec![1; before * ALIGN];
            write(&mut out, seed, header(), &body);
            prop_assert_eq!(out.len(), before * ALIGN + frame_len(body.len()));
            let (read, read_body) = parse(&out[before * ALIGN..], seed).unwrap();
            prop_assert_eq!(read_body, &body[..]);
            prop_assert_eq!(Header { body_len: 0, body_crc: 0, ..read }, header());
        }

        #[test]
        fn garbage_is_no_frame_and_does_no_harm(bytes in vec(any::<u8>(), 0..300), seed: u32) {
            prop_assert!(parse(&bytes, seed).is_err());
            prop_assert_eq!(count(&bytes, seed), 0);
        }

        #[test]
        fn garbage_behind_the_magic_is_no_frame(bytes in vec(any::<u8>(), 37..300), seed: u32) {
            let mut framed = b"BT\x01".to_vec();
            framed.extend(bytes);
            prop_assert!(parse(&framed, seed).is_err());
        }

        #[test]
        fn every_flipped_bit_is_seen(body in vec(any::<u8>(), 1..80), bit: prop::sample::Index) {
            let mut out = Vec::new();
            write(&mut out, 5, header(), &body);
            let bit = bit.index((HEADER_LEN + body.len()) * 8);
            out[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(parse(&out, 5).is_err());
        }

        #[test]
        fn every_cut_is_seen(body in vec(any::<u8>(), 1..80), cut: prop::sample::Index) {
            let mut out = Vec::new();
            write(&mut out, 5, header(), &body);
            out.truncate(cut.index(HEADER_LEN + body.len()));
            prop_assert!(parse(&out, 5).is_err());
        }
    }

    #[test]
    fn a_frame_of_another_store_is_none() {
        let mut out = Vec::new();
        write(&mut out, 5, header(), b"body");
        assert!(parse(&out, 5).is_ok());
        assert_eq!(parse(&out, 6), Err(Flaw::NoHeader));
    }

    #[test]
    fn a_link_comes_back() {
        let link = Link { generation: 9, end: 0xfff8 };
        assert_eq!(Link::decode(&link.encode()), Some(link));
        assert_eq!(Link::decode(b"seven b"), None);
        assert_eq!(frame_len(8), Link::FRAME_LEN);
    }
}
