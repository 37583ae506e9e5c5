//! One batch on its way into a shard's log.

use bytes::Bytes;

use super::{Durable, DurableSender, ShardId, StoreError, Token};

/// A batch for [`ShardStore::append`](super::ShardStore::append).
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose log.
    pub shard: ShardId,
    /// What [`acquire`](super::ShardStore::acquire) gave.
    pub token: Token,
    /// `seq` of the batch before it, durable or still queued; this one becomes `expected_seq + 1`.
    pub expected_seq: u64,
    /// Its bytes, at most [`BATCH_BYTES_MAX`](super::BATCH_BYTES_MAX).
    pub batch: Bytes,
    /// Hears of its end.
    pub done: DurableSender,
}

impl Append {
    /// Number of the batch.
    pub(crate) fn seq(&self) -> u64 {
        self.expected_seq.wrapping_add(1)
    }

    /// It will not be written.
    pub(crate) fn refuse(self, error: StoreError) {
        self.done.deliver(Durable { shard: self.shard, seq: self.seq(), result: Err(error) });
    }
}
