//! The one writer of the log: it takes everything that is queued, writes it with one call and flushes once, then tells
//! everybody. While the flush runs, the next group gathers in the queue; so groups are as large as the disk is slow.
//!
//! Mostly the writer is run by a thread of its own. On a disk that answers faster than a thread is woken, a caller that has nothing else
//! to do [runs it itself](LogWriter::write_here), which saves two wakings at each step of an execution that is alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::disk::{LogDisk, fatal, is_full};
use super::durable_end::LogEnd;
use super::frame::{self, Header, Kind, Link};
use super::options::LocalOptions;
use super::prepare::Preparer;
use super::queue::Queue;
use super::read::Places;
use super::recovery::{Recovered, write_link};
use super::segment::{DATA_START, Segment};
use super::shard_log::{Place, ShardLog};
use super::shared::Shared;
use super::threads::AbortOnPanic;
use crate::store::{Acquired, Append, Durable, DurableSender, ShardId, StoreError, Token};

/// Largest group, bytes of frames. A larger one would make its first batch wait for its last.
const GROUP_MAX: usize = 4 << 20;

/// What the thread is asked to do. Shards are given by [`ShardId::index`].
pub(crate) enum Command {
    Append(IndexedAppend),
    Acquire {
        index: usize,
        reply: oneshot::Sender<Acquired>,
    },
    Release {
        index: usize,
        token: Token,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    Renew {
        held: Vec<(usize, Token)>,
        reply: oneshot::Sender<Vec<Result<(), StoreError>>>,
    },
    /// Checkpoints have covered everything up to these numbers.
    Trim {
        covered: Vec<(usize, u64)>,
    },
    /// Where the batches after `after_seq` stand.
    Find {
        index: usize,
        after_seq: u64,
        reply: oneshot::Sender<Places>,
    },
}

/// An append, and its shard by [`ShardId::index`].
pub(crate) struct IndexedAppend {
    pub(crate) index: usize,
    pub(crate) append: Append,
}

/// The writer, for whoever runs it.
pub(crate) struct LogWriter {
    queue: Arc<Queue<Command>>,
    writer: Mutex<Writer>,
    /// Nanoseconds that a write and its flush have lately taken.
    write_ns: AtomicU64,
}

/// Writing on the caller's thread pays up to here. A slower disk would hold up what else that thread has to do.
const WRITE_HERE_MAX: Duration = Duration::from_micros(400);

impl LogWriter {
    pub(crate) fn new(queue: Arc<Queue<Command>>, writer: Writer) -> Self {
        Self { queue, writer: Mutex::new(writer), write_ns: AtomicU64::new(u64::MAX) }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(&self) {
        while self.queue.wait() {
            self.turn(&mut self.writer.lock());
        }
    }

    /// Writes what is queued, and `appends` behind it, on this thread. Gives them back if that is not to be done here and now.
    pub(crate) fn write_here(&self, appends: Vec<IndexedAppend>) -> Result<(), Vec<IndexedAppend>> {
        if self.write_ns.load(Ordering::Relaxed) > WRITE_HERE_MAX.as_nanos() as u64 {
            return Err(appends);
        }
        let Some(mut writer) = self.writer.try_lock() else { return Err(appends) };
        // A new segment may have to be waited for.
        if !writer.has_room(&appends) {
            return Err(appends);
        }
        let _guard = AbortOnPanic;
        for append in appends {
            if self.queue.push_unnoticed(Command::Append(append)).is_err() {
                unreachable!("the queue is closed when nobody can append any more");
            }
        }
        self.turn(&mut writer);
        Ok(())
    }

    fn turn(&self, writer: &mut Writer) {
        let begun = Instant::now();
        if writer.turn(&self.queue) {
            let took = begun.elapsed().as_nanos() as u64;
            let before = self.write_ns.load(Ordering::Relaxed);
            let smoothed = if before == u64::MAX { took } else { before - before / 8 + took / 8 };
            self.write_ns.store(smoothed, Ordering::Relaxed);
        }
    }
}

/// A segment that is finished, or being written.
struct Written {
    segment: Segment,
    /// Frames in it that no checkpoint has covered.
    needed: u64,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    disk: Arc<dyn LogDisk>,
    preparer: Preparer,
    seed: u32,
    batch_max: usize,
    shards: Vec<ShardLog>,
    /// Oldest first, of consecutive generations; the last one is being written.
    segments: VecDeque<Written>,
    /// Where the next group goes in the last segment.
    offset: u64,
    /// Where the segment before the last one ended.
    link: Link,
    run: u32,
    group: Group,
    /// What has been taken from the queue; its memory is used again.
    commands: Vec<Command>,
}

/// What is written with one call and waits for one flush.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    ends: Vec<End>,
}

/// What will be said about an append. One that has been refused waits for the flush as well, so that a shard hears of its batches in order.
struct End {
    index: usize,
    seq: u64,
    result: Result<(), StoreError>,
    done: DurableSender,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, options: &LocalOptions, preparer: Preparer, recovered: Recovered) -> Self {
        let needed = |segment| Written { segment, needed: 0 };
        let mut writer = Self {
            seed: shared.identity.log_seed,
            shared,
            disk: options.disk.clone(),
            preparer,
            batch_max: options.batch_max(),
            shards: recovered.shards,
            segments: recovered.segments.into_iter().map(needed).collect(),
            offset: recovered.tail_end,
            link: Link { generation: 0, end: 0 },
            run: recovered.run,
            group: Group::default(),
            commands: Vec::new(),
        };
        writer.count_needed();
        writer.set_durable_end();
        writer.give_back_covered();
        writer
    }

    fn count_needed(&mut self) {
        let first = self.first_generation();
        for shard in &self.shards {
            for (_, place) in shard.places_after(0) {
                self.segments[(place.generation - first) as usize].needed += 1;
            }
        }
        for (index, shard) in self.shards.iter().enumerate() {
            self.shared.durable_seqs[index].store(shard.last_seq(), Ordering::Release);
        }
    }

    /// Does what is queued. Whether something was written.
    fn turn(&mut self, queue: &Queue<Command>) -> bool {
        let written = self.offset;
        let mut commands = std::mem::take(&mut self.commands);
        queue.take_now(&mut commands);
        for command in commands.drain(..) {
            self.obey(command);
        }
        self.flush();
        commands.shrink_to(4096);
        self.commands = commands;
        self.offset != written
    }

    /// Whether these fit into the segment, with an eighth of it to spare for what is queued before them.
    fn has_room(&self, appends: &[IndexedAppend]) -> bool {
        let len: usize = appends.iter().map(|append| frame::frame_len(append.append.batch.len())).sum();
        let size = self.tail().segment.size;
        self.offset + len as u64 <= size - size / 8
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Append(append) => self.append(append),
            Command::Acquire { index, reply } => self.acquire(index, reply),
            Command::Release { index, token, reply } => {
                // Whoever has gone away needs no answer.
                let _ = reply.send(self.shards[index].release(token));
            }
            Command::Renew { held, reply } => {
                let owned = |(index, token): (usize, Token)| self.shards[index].check_owner(token);
                let _ = reply.send(held.into_iter().map(owned).collect());
            }
            Command::Trim { covered } => self.trim(&covered),
            Command::Find { index, after_seq, reply } => self.find(index, after_seq, reply),
        }
    }

    /// The new owner begins with a settled log.
    fn acquire(&mut self, index: usize, reply: oneshot::Sender<Acquired>) {
        self.flush();
        let shard = &mut self.shards[index];
        let token = shard.acquire();
        let acquired = Acquired { token, seq: shard.last_seq(), checkpoint_seq: shard.checkpoint_seq() };
        let _ = reply.send(acquired);
    }

    fn find(&mut self, index: usize, after_seq: u64, reply: oneshot::Sender<Places>) {
        self.flush();
        let places = self.shards[index].places_after(after_seq);
        let oldest = places.first().map_or(u32::MAX, |(_, place)| place.generation);
        let segments = self.segments.iter().map(|written| &written.segment);
        let needed = segments.filter(|segment| segment.generation >= oldest);
        let _ = reply.send(Places { segments: needed.cloned().collect(), places });
    }

    fn append(&mut self, IndexedAppend { index, append }: IndexedAppend) {
        let admitted = self.admit(index, append.token, append.expected_seq, append.batch.len());
        if let Ok(seq) = admitted {
            self.add(index, seq, &append.batch);
        }
        self.group.ends.push(End { index, seq: append.seq(), result: admitted.map(drop), done: append.done });
    }

    /// Number of the batch, if it may be written and there is room for it.
    fn admit(&mut self, index: usize, token: Token, expected_seq: u64, len: usize) -> Result<u64, StoreError> {
        self.shards[index].check(token, expected_seq)?;
        let room = match len > self.batch_max {
            true => Err(StoreError::TooLarge { len, max: self.batch_max }),
            false => self.make_room(frame::frame_len(len)),
        };
        if let Err(reason) = room {
            self.shards[index].refuse(reason.clone());
            return Err(reason);
        }
        // Making room may have written a group, and if that failed the batch before this one is not there any more.
        self.shards[index].check(token, expected_seq)
    }

    /// Sees that `len` more bytes fit into the group and into the segment.
    fn make_room(&mut self, len: usize) -> Result<(), StoreError> {
        if !self.group.bytes.is_empty() && self.group.bytes.len() + len > GROUP_MAX {
            self.flush();
        }
        let link = match self.begins_segment() {
            true => Link::FRAME_LEN,
            false => 0,
        };
        let end = self.offset + (self.group.bytes.len() + link + len) as u64;
        if end > self.tail().segment.size {
            self.flush();
            self.next_segment()?;
        }
        Ok(())
    }

    fn next_segment(&mut self) -> Result<(), StoreError> {
        let generation = self.tail().segment.generation;
        let next = self.preparer.take(generation + 1).map_err(|_| StoreError::Full)?;
        let end = u32::try_from(self.offset).expect("a segment has 2 GiB at most");
        self.link = Link { generation, end };
        self.offset = DATA_START;
        self.segments.push_back(Written { segment: next, needed: 0 });
        self.give_back_covered();
        Ok(())
    }

    fn begins_segment(&self) -> bool {
        self.offset == DATA_START && self.group.bytes.is_empty()
    }

    fn add(&mut self, index: usize, seq: u64, batch: &[u8]) {
        let generation = self.tail().segment.generation;
        let group_start = u32::try_from(self.offset).expect("a segment has 2 GiB at most");
        if self.begins_segment() {
            let (seed, run, link) = (self.seed, self.run, self.link);
            write_link(&mut self.group.bytes, seed, generation, run, link);
        }
        let offset = group_start + self.group.bytes.len() as u32;
        let header = Header {
            kind: Kind::Batch,
            shard: self.shard_id(index).0,
            generation,
            run: self.run,
            group_start,
            seq,
            body_len: batch.len(),
            body_crc: 0,
        };
        frame::write(&mut self.group.bytes, self.seed, header, batch);
        self.shards[index].push(Place { generation, offset, len: batch.len() as u32 });
        self.tail_mut().needed += 1;
    }

    /// Writes the group, flushes, and tells everybody.
    fn flush(&mut self) {
        if !self.group.bytes.is_empty() {
            self.write_group();
            self.group.bytes.clear();
            self.group.bytes.shrink_to(GROUP_MAX);
        }
        let shard_count = self.shared.identity.shard_count;
        for end in self.group.ends.drain(..) {
            end.done.deliver(Durable { shard: ShardId::at_index(end.index, shard_count), seq: end.seq, result: end.result });
        }
    }

    fn write_group(&mut self) {
        let file = self.tail().segment.file.clone();
        let bytes = &self.group.bytes;
        match self.disk.write_all_at(&file, bytes, self.offset) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return self.take_group_back(),
            Err(error) => fatal("the log cannot be written", &error),
        }
        if let Err(error) = self.disk.sync_data(&file) {
            fatal("the log cannot be flushed to the disk", &error);
        }
        self.offset += bytes.len() as u64;
        self.set_durable_end();
        self.note_durable();
        self.want_next_segment();
    }

    fn set_durable_end(&self) {
        let offset = u32::try_from(self.offset).expect("a segment has 2 GiB at most");
        self.shared.set_durable_end(LogEnd { generation: self.tail().segment.generation, offset });
    }

    fn note_durable(&self) {
        let durable = self.group.ends.iter().filter(|end| end.result.is_ok());
        let mut batches = 0;
        for end in durable {
            self.shared.durable_seqs[end.index].store(end.seq, Ordering::Release);
            batches += 1;
        }
        let bytes = self.group.bytes.len() as u64;
        self.shared.count_group(batches, bytes);
    }

    /// The volume had no room after all, as happens where overwriting takes new blocks. What of the group has reached the file is
    /// told from what is written over it by the run.
    fn take_group_back(&mut self) {
        self.run += 1;
        // The next process must not take a part of the group for durable. Where even this finds no room, it may.
        let _ = self.disk.write_all_at(&self.tail().segment.file, &[0; frame::HEADER_LEN], self.offset);
        self.shared.space.write_refused();
        let mut unwritten = 0;
        let written = self.group.ends.iter_mut().rev();
        for end in written.filter(|end| end.result.is_ok()) {
            self.shards[end.index].unpush(StoreError::Full);
            end.result = Err(StoreError::Full);
            unwritten += 1;
        }
        self.tail_mut().needed -= unwritten;
    }

    /// A segment is made ready when half of the one before is full: early enough, and a store that is hardly used has only one.
    fn want_next_segment(&self) {
        let Segment { size, generation, .. } = self.tail().segment;
        if self.offset > size / 2 {
            self.preparer.want(generation + 1);
        }
    }

    fn trim(&mut self, covered: &[(usize, u64)]) {
        let first = self.first_generation();
        let segments = &mut self.segments;
        for (index, upto_seq) in covered {
            self.shards[*index].trim(*upto_seq, |generation| {
                segments[(generation - first) as usize].needed -= 1;
            });
        }
        self.give_back_covered();
    }

    fn give_back_covered(&mut self) {
        while self.segments.len() > 1 && self.segments[0].needed == 0 {
            let covered = self.segments.pop_front();
            let covered = covered.expect("a queue of more than one has a first one");
            self.preparer.give_back(covered.segment, self.shards.iter().map(ShardLog::checkpoint_seq).collect());
        }
        let oldest = self.oldest_shard();
        self.shared.set_oldest_shard(oldest);
        self.shared.set_segments(self.segments.len());
    }

    /// The shard that holds the oldest of several segments back.
    fn oldest_shard(&self) -> Option<ShardId> {
        if self.segments.len() == 1 {
            return None;
        }
        let shards = self.shards.iter().enumerate();
        shards.filter_map(|(index, shard)| Some((shard.oldest_generation()?, index))).min().map(|(_, index)| self.shard_id(index))
    }

    fn shard_id(&self, index: usize) -> ShardId {
        ShardId::at_index(index, self.shared.identity.shard_count)
    }

    fn first_generation(&self) -> u32 {
        self.segments[0].segment.generation
    }

    fn tail(&self) -> &Written {
        self.segments.back().expect("a log has a segment")
    }

    fn tail_mut(&mut self) -> &mut Written {
        self.segments.back_mut().expect("a log has a segment")
    }
}
