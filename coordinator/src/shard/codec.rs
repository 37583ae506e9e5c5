//! What a shard's log holds, as bytes.
//!
//! A batch is a version byte and entries up to its end. An entry is an execution's id, the position of its first event in the
//! execution (internal events counted), and one *chunk*. A chunk is a run of events that happened in one step: their number, the
//! length of their text, and the text, which the engine writes and reads. Chunks stand for themselves, so the history of an
//! execution is nothing but its chunks behind each other ([`Chunks`]): they are encoded once, for the log.
//!
//! All numbers are little-endian. Whatever is read is checked; bytes that no encoder made are a [`CodecError`].

use std::ops::Range;

use baton_engine::{Event, decode_with_table, encode_with_table};
use bytes::Bytes;

use super::ExecutionId;

/// First byte of everything that this module writes.
const VERSION: u8 = 1;
/// Bytes of a chunk before its text: number of events and length.
const CHUNK_HEAD: usize = 4 + 4;

/// Why bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a release that this one does not know.
    #[error("format {0} is not known to this release")]
    UnknownVersion(u8),
    /// The bytes end too early, or a length is wrong.
    #[error("the record ends before its time")]
    Truncated,
    /// What stands there cannot be.
    #[error("the record is not as it was written: {0}")]
    Malformed(String),
}

/// A batch that is being written.
#[derive(Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    event_count: usize,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self { bytes: vec![VERSION], event_count: 0 }
    }
}

impl BatchBuilder {
    /// Appends an entry; answers where its chunk stands.
    pub fn append(&mut self, id: ExecutionId, position: u64, events: &[Event]) -> Range<usize> {
        self.bytes.extend_from_slice(&id.0.to_le_bytes());
        self.bytes.extend_from_slice(&position.to_le_bytes());
        let start = self.bytes.len();
        write_chunk(events, &mut self.bytes);
        self.event_count += events.len();
        start..self.bytes.len()
    }

    /// The bytes of a chunk that was appended.
    pub fn chunk(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.event_count == 0
    }

    /// Number of events.
    pub fn event_count(&self) -> usize {
        self.event_count
    }

    /// Size in bytes.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The finished batch; the builder is empty afterwards.
    pub fn take(&mut self) -> Bytes {
        let bytes = std::mem::replace(&mut self.bytes, versioned());
        self.event_count = 0;
        Bytes::from(bytes)
    }
}

/// One entry of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Whose events.
    pub id: ExecutionId,
    /// Position of the first of them.
    pub position: u64,
    /// The events.
    pub chunk: Chunk<'a>,
}

/// The entries of a batch, in order.
pub fn read_batch(batch: &[u8]) -> Result<Vec<Entry<'_>>, CodecError> {
    let mut rest = version_checked(batch)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (id, after_id) = rest.split_first_chunk::<16>().ok_or(CodecError::Truncated)?;
        let (position, after_position) = after_id.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let (chunk, after_chunk) = Chunk::split(after_position)?;
        entries.push(Entry { id: ExecutionId(u128::from_le_bytes(*id)), position: u64::from_le_bytes(*position), chunk });
        rest = after_chunk;
    }
    Ok(entries)
}

/// A run of events, still as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// All of it, head included.
    pub bytes: &'a [u8],
    /// Number of events.
    pub event_count: u32,
}

impl<'a> Chunk<'a> {
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), CodecError> {
        let (count, after_count) = bytes.split_first_chunk::<4>().ok_or(CodecError::Truncated)?;
        let (length, text) = after_count.split_first_chunk::<4>().ok_or(CodecError::Truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        if text.len() < length {
            return Err(CodecError::Truncated);
        }
        let (all, rest) = bytes.split_at(CHUNK_HEAD + length);
        Ok((Self { bytes: all, event_count: u32::from_le_bytes(*count) }, rest))
    }

    /// The events.
    pub fn events(&self) -> Result<Vec<Event>, CodecError> {
        let events: Vec<Event> = decode_with_table(&self.bytes[CHUNK_HEAD..]).map_err(|error| CodecError::Malformed(error.to_string()))?;
        if events.len() != self.event_count as usize {
            return Err(CodecError::Malformed(format!("{} events where {} were announced", events.len(), self.event_count)));
        }
        Ok(events)
    }
}

fn write_chunk(events: &[Event], out: &mut Vec<u8>) {
    let count = u32::try_from(events.len()).expect("a step has at most a few hundred events");
    out.extend_from_slice(&count.to_le_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    encode_with_table(&events, out);
    let length = u32::try_from(out.len() - length_at - 4).expect("a step's events are far below 4 GiB");
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Chunks behind each other, with a version byte in front: a part of a history, as it is kept.
#[derive(Debug)]
pub struct Chunks(Vec<u8>);

impl Default for Chunks {
    fn default() -> Self {
        Self(versioned())
    }
}

impl Chunks {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len() <= 1
    }

    /// Appends a chunk, as [`BatchBuilder::chunk`] or [`Chunk::bytes`] gives it.
    pub fn push(&mut self, chunk: &[u8]) {
        self.0.extend_from_slice(chunk);
    }

    /// The value, to be stored or shared; the chunks are gone from here.
    pub fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::replace(&mut self.0, versioned()))
    }

    /// A copy of the value as it is now.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

/// The events of a chunk that stands alone.
pub fn read_chunk(chunk: &[u8]) -> Result<Vec<Event>, CodecError> {
    let (chunk, rest) = Chunk::split(chunk)?;
    if rest.is_empty() { chunk.events() } else { Err(CodecError::Malformed("more than one chunk".to_owned())) }
}

/// The chunks of a value that [`Chunks::take`] gave.
pub fn read_chunks(value: &[u8]) -> Result<Vec<Chunk<'_>>, CodecError> {
    let mut rest = version_checked(value)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = Chunk::split(rest)?;
        chunks.push(chunk);
        rest = after;
    }
    Ok(chunks)
}

/// All events of such a value.
pub fn read_events(value: &[u8]) -> Result<Vec<Event>, CodecError> {
    let mut events = Vec::new();
    for chunk in read_chunks(value)? {
        events.append(&mut chunk.events()?);
    }
    Ok(events)
}

/// What follows the version byte.
pub(super) fn version_checked(bytes: &[u8]) -> Result<&[u8], CodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&other, _)) => Err(CodecError::UnknownVersion(other)),
        None => Err(CodecError::Truncated),
    }
}

/// A buffer that begins with the version byte.
pub(super) fn versioned() -> Vec<u8> {
    vec![VERSION]
}
