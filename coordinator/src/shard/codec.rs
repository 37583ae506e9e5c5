//! What a shard's log holds, as bytes.
//!
//! A batch is a version byte and entries up to its end. An entry is an execution's id, the position of its first event in the
//! execution (internal events counted), and one *chunk*. A chunk is a run of events that happened in one step: their number, the
//! length of their text, and the text, which the engine writes and reads. Chunks stand for themselves, so the history of an
//! execution is nothing but its chunks behind each other ([`Chunks`]): they are encoded once, for the log.
//!
//! Of an asynchronous Express execution the log has two entries, at positions that no event ever has: one that it has begun, with its
//! ExecutionStarted, and one that it has ended, without any event.
//!
//! Entries of a Map Run have a bit in their position that no position of an event has, and the events of the run in their chunk.
//!
//! All numbers are little-endian. Whatever is read is checked; bytes that no encoder made are a [`CodecError`].

use std::ops::Range;

use baton_engine::{Event, MapRunEvent, PayloadTable, decode_with_table, encode_with_table};
use bytes::Bytes;

use super::ExecutionId;

/// First byte of everything that this module writes.
const VERSION: u8 = 1;
/// This bit in a position says that the entry is a Map Run's.
const MAP_RUN: u64 = 1 << 62;
/// Position of the entry that tells of the beginning of an Express execution.
const EXPRESS_STARTED: u64 = u64::MAX - 1;
/// Position of the entry that tells of its end.
const EXPRESS_ENDED: u64 = u64::MAX;
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

    /// Appends events of a Map Run, of which the first is number `position`.
    pub fn append_map_run(&mut self, id: ExecutionId, position: u64, events: &[MapRunEvent]) {
        self.bytes.extend_from_slice(&id.0.to_le_bytes());
        self.bytes.extend_from_slice(&(MAP_RUN | position).to_le_bytes());
        write_chunk(events, &mut self.bytes);
        self.event_count += events.len();
    }

    /// Appends that an Express execution has begun; `started` is its ExecutionStarted.
    pub fn append_express_started(&mut self, id: ExecutionId, started: Event) {
        self.append(id, EXPRESS_STARTED, &[started]);
    }

    /// Appends that an Express execution has ended.
    pub fn append_express_ended(&mut self, id: ExecutionId) {
        self.append(id, EXPRESS_ENDED, &[]);
    }

    /// The bytes of a chunk that was appended.
    pub fn chunk(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == 1
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

/// What an entry of a batch tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Events of an execution whose history is kept; the first of them has this position.
    Events(u64),
    /// An Express execution has begun.
    ExpressStarted,
    /// An Express execution has ended.
    ExpressEnded,
    /// Events of a Map Run; the first of them is this one's number.
    MapRun(u64),
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

impl Entry<'_> {
    /// What it tells.
    pub fn kind(&self) -> EntryKind {
        match self.position {
            EXPRESS_STARTED => EntryKind::ExpressStarted,
            EXPRESS_ENDED => EntryKind::ExpressEnded,
            position if position & MAP_RUN != 0 => EntryKind::MapRun(position & !MAP_RUN),
            position => EntryKind::Events(position),
        }
    }
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
        self.read()
    }

    /// The events, of a Map Run.
    pub fn map_run_events(&self) -> Result<Vec<MapRunEvent>, CodecError> {
        self.read()
    }

    fn read<E: bincode::Decode<PayloadTable>>(&self) -> Result<Vec<E>, CodecError> {
        let events: Vec<E> = decode_with_table(&self.bytes[CHUNK_HEAD..]).map_err(|error| CodecError::Malformed(error.to_string()))?;
        if events.len() != self.event_count as usize {
            return Err(CodecError::Malformed(format!("{} events where {} were announced", events.len(), self.event_count)));
        }
        Ok(events)
    }
}

fn write_chunk<E: bincode::Encode>(events: &[E], out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use baton_engine::{EventKind, Payload, ThreadId};
    use proptest::prelude::*;

    fn events(count: u64) -> Vec<Event> {
        let output = Payload::from_validated(Bytes::from_static(b"{\"x\":[1,2]}"));
        let event = |at| Event { at, previous: 3, thread: ThreadId::ROOT, kind: EventKind::ExecutionSucceeded { output: output.clone() } };
        (0..count as i64).map(event).collect()
    }

    #[test]
    fn a_batch_comes_back_and_its_chunks_make_a_history() {
        let mut batch = BatchBuilder::default();
        assert!(batch.is_empty());
        let mut history = Chunks::default();
        for (id, position, count) in [(7, 0, 2), (8, 5, 1), (7, 2, 3)] {
            let place = batch.append(ExecutionId(id), position, &events(count));
            if id == 7 {
                history.push(batch.chunk(place));
            }
        }
        assert_eq!(batch.event_count(), 6);
        let bytes = batch.take();
        assert!(batch.is_empty() && batch.len_bytes() == 1);
        let entries = read_batch(&bytes).expect("it was just written");
        let read: Vec<_> = entries.iter().map(|entry| (entry.id.0, entry.position, entry.chunk.event_count)).collect();
        assert_eq!(read, [(7, 0, 2), (8, 5, 1), (7, 2, 3)]);
        assert_eq!(entries[1].chunk.events().expect("it was just written"), events(1));
        assert_eq!(read_chunk(entries[2].chunk.bytes).expect("it was just written"), events(3));
        let all = read_events(&history.take()).expect("it was just written");
        assert_eq!(all, [events(2), events(3)].concat());
        assert!(history.is_empty());
    }

    #[test]
    fn an_express_execution_has_two_entries() {
        let mut batch = BatchBuilder::default();
        batch.append_express_started(ExecutionId(7), events(1).remove(0));
        batch.append_express_ended(ExecutionId(7));
        assert!(!batch.is_empty());
        let bytes = batch.take();
        let entries = read_batch(&bytes).expect("it was just written");
        let kinds: Vec<_> = entries.iter().map(|entry| (entry.id.0, entry.kind(), entry.chunk.event_count)).collect();
        assert_eq!(kinds, [(7, EntryKind::ExpressStarted, 1), (7, EntryKind::ExpressEnded, 0)]);
        assert_eq!(entries[1].chunk.events(), Ok(Vec::new()));

        batch.append_express_ended(ExecutionId(7));
        assert!(!batch.is_empty(), "an end alone is something to write");
    }

    #[test]
    fn other_versions_and_cut_batches_are_refused() {
        let mut batch = BatchBuilder::default();
        batch.append(ExecutionId(7), 0, &events(2));
        let bytes = batch.take();
        assert_eq!(read_batch(&[]).err(), Some(CodecError::Truncated));
        assert_eq!(read_batch(&[9, 1]).err(), Some(CodecError::UnknownVersion(9)));
        for length in 2..bytes.len() {
            assert!(read_batch(&bytes[..length]).is_err(), "{length} bytes of {}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(mut bytes: Vec<u8>, place: usize, byte: u8) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = read_events(&bytes);
            if let Ok(entries) = read_batch(&bytes) {
                entries.iter().for_each(|entry| drop(entry.chunk.events()));
            }
            let mut batch = BatchBuilder::default();
            batch.append(ExecutionId(7), 0, &events(3));
            let mut real = batch.take().to_vec();
            let place = place % real.len();
            real[place] = byte;
            if let Ok(entries) = read_batch(&real) {
                entries.iter().for_each(|entry| drop(entry.chunk.events()));
            }
        }
    }
}
