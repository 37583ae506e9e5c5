//! Why a shard could not be read back.

use std::sync::Arc;

use crate::shard::{CodecError, ExecutionId};
use crate::store::ShardId;

/// Why a shard could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The log or the key-value side holds what cannot be read.
    #[error("shard {shard}: {source}")]
    Codec {
        /// Which shard.
        shard: ShardId,
        /// Why.
        source: CodecError,
    },
    /// The catalog and the log do not belong together.
    #[error("shard {shard}: an execution needs revision {digest:032x}, which the catalog does not have")]
    NoRevision {
        /// Which shard.
        shard: ShardId,
        /// Which revision.
        digest: u128,
    },
    /// Events of an execution cannot be applied.
    #[error("shard {shard}: events of execution {execution} cannot be applied: {detail}")]
    Defect {
        /// Which shard.
        shard: ShardId,
        /// Whose.
        execution: ExecutionId,
        /// What went wrong.
        detail: Arc<str>,
    },
    /// Events are missing.
    #[error("shard {shard}: events {expected} to {found} of execution {execution} are missing")]
    Gap {
        /// Which shard.
        shard: ShardId,
        /// Whose.
        execution: ExecutionId,
        /// The first missing one, by position.
        expected: u64,
        /// The first one after them.
        found: u64,
    },
}
