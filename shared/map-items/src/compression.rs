//! Compressed text, unpacked as it comes: never more than a little at once, however much a few bytes may stand for.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::format::Input;

/// Bytes that are unpacked at once.
const STEP_BYTES: usize = 128 * 1024;
/// Window of gzip, as every file of it has it.
const GZIP_WINDOW_BITS: u8 = 15;

/// Why it cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("The dataset is not valid {0}: the compressed data is corrupt.")]
    Corrupt(&'static str),
    #[error("The dataset is not valid {0}: unexpected end of the compressed data.")]
    Truncated(&'static str),
}

/// Unpacks one file.
pub(crate) struct Unpacker {
    kind: Kind,
    packed: Bytes,
    /// Whether the last member or frame is complete.
    complete: bool,
    space: Vec<u8>,
}

enum Kind {
    Gzip(Decompress),
    Zstd(Box<Decoder<'static>>),
}

impl Unpacker {
    /// By the ending of the key: `.gz`, `.zst` or `.zstd`; nothing for anything else.
    pub(crate) fn for_key(key: &str) -> Option<Self> {
        let ending = key.rsplit_once('.')?.1.to_ascii_lowercase();
        let kind = match ending.as_str() {
            "gz" | "gzip" => Kind::Gzip(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            "zst" | "zstd" => Kind::Zstd(Box::new(Decoder::new().ok()?)),
            _ => return None,
        };
        Some(Self { kind, packed: Bytes::new(), complete: true, space: vec![0; STEP_BYTES] })
    }

    /// Takes more of the file; only when a step has asked for it.
    pub(crate) fn push(&mut self, packed: Bytes) {
        debug_assert!(self.packed.is_empty(), "what was there before is used up");
        self.packed = packed;
    }

    /// Unpacks a little into the input. `false`: it takes more of the file first.
    pub(crate) fn step(&mut self, input: &mut Input) -> Result<bool, UnpackError> {
        let unpacked = match &mut self.kind {
            Kind::Gzip(gzip) => gzip_step(gzip, &mut self.packed, &mut self.space, &mut self.complete)?,
            Kind::Zstd(zstd) => zstd_step(zstd, &mut self.packed, &mut self.space, &mut self.complete)?,
        };
        input.push(&self.space[..unpacked]);
        Ok(unpacked > 0 || !self.packed.is_empty())
    }

    /// Says that the file ends here.
    pub(crate) fn finish(&self) -> Result<(), UnpackError> {
        if self.complete { Ok(()) } else { Err(UnpackError::Truncated(self.language())) }
    }

    fn language(&self) -> &'static str {
        match self.kind {
            Kind::Gzip(_) => GZIP,
            Kind::Zstd(_) => ZSTD,
        }
    }
}

const GZIP: &str = "GZIP";
const ZSTD: &str = "ZSTD";

fn gzip_step(gzip: &mut Decompress, packed: &mut Bytes, space: &mut [u8], complete: &mut bool) -> Result<usize, UnpackError> {
    if *complete {
        if packed.is_empty() {
            return Ok(0);
        }
        // A file may be several members, one after another.
        *gzip = Decompress::new_gzip(GZIP_WINDOW_BITS);
        *complete = false;
    }
    let before = (gzip.total_in(), gzip.total_out());
    let status = gzip.decompress(packed, space, FlushDecompress::None).map_err(|_| UnpackError::Corrupt(GZIP))?;
    packed.advance((gzip.total_in() - before.0) as usize);
    *complete = status == Status::StreamEnd;
    let unpacked = (gzip.total_out() - before.1) as usize;
    if unpacked == 0 && !*complete && !packed.is_empty() { Err(UnpackError::Corrupt(GZIP)) } else { Ok(unpacked) }
}

fn zstd_step(zstd: &mut Decoder<'static>, packed: &mut Bytes, space: &mut [u8], complete: &mut bool) -> Result<usize, UnpackError> {
    let (mut from, mut to) = (InBuffer::around(packed.as_ref()), OutBuffer::around(space));
    let wanted = zstd.run(&mut from, &mut to).map_err(|_| UnpackError::Corrupt(ZSTD))?;
    let (used, unpacked) = (from.pos(), to.pos());
    packed.advance(used);
    if used > 0 || unpacked > 0 {
        *complete = wanted == 0;
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    fn unpacked(key: &str, packed: &[u8], piece: usize) -> Result<Vec<u8>, UnpackError> {
        let (mut unpacker, mut input) = (Unpacker::for_key(key).expect("packed"), Input::default());
        let mut text = Vec::new();
        for piece in packed.chunks(piece) {
            unpacker.push(Bytes::copy_from_slice(piece));
            while unpacker.step(&mut input)? {
                assert!(input.rest().len() <= STEP_BYTES);
                text.extend_from_slice(input.rest());
                input.advance(input.rest().len());
            }
        }
        unpacker.finish().map(|()| text)
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let zeros = vec![b'0'; 3_000_000];
        for (key, packed) in [
            ("a.gz", [gzip(b"one"), gzip(b""), gzip(&zeros)].concat()),
            ("a.zst", [zstd::encode_all(&b"one"[..], 3).expect("packs"), zstd::encode_all(zeros.as_slice(), 3).expect("packs")].concat()),
        ] {
            for piece in [1, 7, packed.len()] {
                let text = unpacked(key, &packed, piece).expect("whole");
                assert!(text.starts_with(b"one0") && text.len() == zeros.len() + 3, "{key} in pieces of {piece}");
            }
        }
        assert_eq!(unpacked("a.gz", b"", 1), Ok(Vec::new()));
    }

    #[test]
    fn what_is_cut_or_broken_is_told() {
        let zst = zstd::encode_all(&b"some text that is long enough"[..], 3).expect("packs");
        for (key, packed, language) in [("a.gz", gzip(b"some text that is long enough"), GZIP), ("a.ZSTD", zst, ZSTD)] {
            for len in 1..packed.len() {
                assert_eq!(unpacked(key, &packed[..len], 5), Err(UnpackError::Truncated(language)), "{key} cut to {len}");
            }
            assert_eq!(unpacked(key, b"no such thing as a header", 5), Err(UnpackError::Corrupt(language)));
            assert_eq!(unpacked(key, &[packed.as_slice(), b"garbage after it"].concat(), 99), Err(UnpackError::Corrupt(language)));
        }
        assert!(Unpacker::for_key("a.json").is_none() && Unpacker::for_key("gz").is_none());
    }
}
