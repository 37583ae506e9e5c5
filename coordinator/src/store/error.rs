//! Why a store did not do as asked.

use super::ShardId;

/// What can go wrong at the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else owns the shard now. The shard must be dropped from memory.
    #[error("shard {shard} has another owner now")]
    Fenced {
        /// Of this shard.
        shard: ShardId,
    },
    /// Another owner has the shard, and its lease has not ended.
    #[error("shard {shard} is another owner's for {for_ms} ms more")]
    Held {
        /// This shard.
        shard: ShardId,
        /// What is left of the lease, milliseconds.
        for_ms: u64,
    },
    /// The batch does not follow the last one: a defect of the caller, or an earlier batch was refused.
    #[error("shard {shard} is at batch {last}, so nothing can follow batch {expected}")]
    SeqConflict {
        /// Of this shard.
        shard: ShardId,
        /// What the caller took for the last batch.
        expected: u64,
        /// The last batch.
        last: u64,
    },
    /// The store has lost batches that it had acknowledged: it was set back to an earlier state, by a backup or by the promotion of a replica that
    /// was behind. What memory knows is not in the log any more, so the shard must be dropped.
    #[error("the store has lost data of shard {shard} that it had acknowledged: batch {expected} was durable, its last one is {last} now")]
    Regressed {
        /// Of this shard.
        shard: ShardId,
        /// The batch that the next one was to follow.
        expected: u64,
        /// The last one that is left.
        last: u64,
    },
    /// The disk is full, or the store's quota is used up. Nothing was written; the same batch is welcome again.
    #[error("the store is full")]
    Full,
    /// A single batch or value is larger than the store can take.
    #[error("{len} bytes at once are more than the {max} that the store takes")]
    TooLarge {
        /// Size of what was given, bytes.
        len: usize,
        /// Largest that is taken, bytes.
        max: usize,
    },
    /// There is no such shard.
    #[error("there is no shard {shard}: the store has {count}")]
    UnknownShard {
        /// The one asked for.
        shard: ShardId,
        /// How many there are.
        count: u16,
    },
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The operating system or the key-value side failed. Nothing was acknowledged.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the shard goes on with whoever acquires it next: it has another owner, or its log is not where this one has left it.
    pub fn is_loss(&self) -> bool {
        match self {
            StoreError::Fenced { .. } | StoreError::SeqConflict { .. } | StoreError::Regressed { .. } | StoreError::Held { .. } => true,
            StoreError::Full
            | StoreError::TooLarge { .. }
            | StoreError::UnknownShard { .. }
            | StoreError::Corrupt(_)
            | StoreError::Failed(_)
            | StoreError::Closed => false,
        }
    }

    /// Whether the same call can succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            StoreError::Held { .. } | StoreError::Full | StoreError::Failed(_) => true,
            StoreError::Fenced { .. }
            | StoreError::SeqConflict { .. }
            | StoreError::Regressed { .. }
            | StoreError::TooLarge { .. }
            | StoreError::UnknownShard { .. }
            | StoreError::Corrupt(_)
            | StoreError::Closed => false,
        }
    }
}
