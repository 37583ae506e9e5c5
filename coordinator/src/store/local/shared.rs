//! What the store's threads and its callers see of one another without asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::durable_end::LogEnd;
use super::identity::Identity;
use super::space::Space;
use crate::store::{ShardId, StoreError};

/// Seen by all.
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) space: Arc<Space>,
    /// Last durable batch, by [`ShardId::index`].
    pub(crate) durable_seqs: Box<[AtomicU64]>,
    /// A [`LogEnd`] as a number: the log is on stable storage up to here.
    durable_end: AtomicU64,
    groups: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
    segments: AtomicU32,
    /// A shard's number; [`NO_SHARD`] if there is none.
    oldest_shard: AtomicU32,
}

const NO_SHARD: u32 = u32::MAX;

/// How the log is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStats {
    /// Groups written since the store was opened; each was one write and one flush.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Segments that hold batches which no checkpoint has covered, the one being written included.
    pub segments: u32,
}

impl Shared {
    pub(crate) fn new(identity: Identity, space: Arc<Space>) -> Self {
        let shards = usize::from(identity.shard_count) + 1;
        Self {
            identity,
            space,
            durable_seqs: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            durable_end: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            segments: AtomicU32::new(1),
            oldest_shard: AtomicU32::new(NO_SHARD),
        }
    }

    pub(crate) fn index(&self, shard: ShardId) -> Result<usize, StoreError> {
        let count = self.identity.shard_count;
        shard.index(count).ok_or(StoreError::UnknownShard { shard, count })
    }

    pub(crate) fn set_durable_end(&self, end: LogEnd) {
        self.durable_end.store(end.to_number(), Ordering::Release);
    }

    /// Up to where the log has been flushed.
    pub(crate) fn durable_end(&self) -> LogEnd {
        LogEnd::from_number(self.durable_end.load(Ordering::Acquire))
    }

    pub(crate) fn count_group(&self, batches: u64, bytes: u64) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(batches, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_segments(&self, segments: usize) {
        self.segments.store(segments as u32, Ordering::Relaxed);
    }

    pub(crate) fn set_oldest_shard(&self, shard: Option<ShardId>) {
        let number = shard.map_or(NO_SHARD, |shard| u32::from(shard.0));
        self.oldest_shard.store(number, Ordering::Relaxed);
    }

    pub(crate) fn oldest_shard(&self) -> Option<ShardId> {
        let number = self.oldest_shard.load(Ordering::Relaxed);
        u16::try_from(number).ok().map(ShardId)
    }

    pub(crate) fn stats(&self) -> LogStats {
        LogStats {
            groups: self.groups.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            segments: self.segments.load(Ordering::Relaxed),
        }
    }
}
