//! Everything that a shard asks of the world.

use std::sync::Arc;

use baton_engine::{Claim, TaskActivation, TaskRef, Timestamp};
use bytes::Bytes;

use super::{Answer, ChildReport, ExecutionId, MapRunOrder, StoredEnded, World};
use crate::store::KvOp;

/// Everything that a shard asks of the world, in the order in which it is to be done. What depends on a batch comes out only after the
/// batch is durable.
pub enum Output<W: World> {
    /// A Map Run asks for something.
    MapRun(Box<MapRunOrder>),
    /// A child has ended: tell its Map Run, and say with [`ShardInput::EndsHeard`](super::ShardInput::EndsHeard) when it has heard.
    ChildEnded(Box<ChildReport>),
    /// Read what the key-value side has of a Map Run, and answer with [`MapRunMessage::Loaded`](super::MapRunMessage::Loaded).
    LoadMapRun(ExecutionId),
    /// Append this batch.
    Append {
        /// Number of the batch before it.
        expected_seq: u64,
        /// Its bytes.
        batch: Bytes,
    },
    /// Read what the key-value side has of the execution, and answer with [`ShardInput::Loaded`](super::ShardInput::Loaded).
    Load(ExecutionId),
    /// Read the history of an execution that has ended, and answer with [`ShardInput::HistoryLoaded`](super::ShardInput::HistoryLoaded).
    LoadHistory {
        /// Which.
        id: ExecutionId,
        /// What the key-value side has of it beside that.
        stored: StoredEnded,
    },
    /// Write this checkpoint, and answer with [`ShardInput::Checkpointed`](super::ShardInput::Checkpointed).
    Checkpoint {
        /// It covers everything up to this batch.
        upto_seq: u64,
        /// What is written.
        ops: Vec<KvOp>,
    },
    /// An answer.
    Reply(W::Reply, Answer),
    /// The task is the slot's.
    Grant(W::Slot, Box<Grant>),
    /// The slot was reserved for nothing.
    Return(W::Slot),
    /// The claim of an offer is refused: the slot's owner must not run the task.
    Deny {
        /// The slot, free again.
        slot: W::Slot,
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The refused claim.
        claim_id: u64,
    },
    /// The claim came to a shard that is not this process's: it is to be made again at whoever has it.
    Stray {
        /// The slot, still reserved.
        slot: W::Slot,
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The claim, as it came.
        claim: Claim,
    },
    /// Call the endpoint.
    Deliver(Box<Grant>),
    /// Whoever holds this claim may stop.
    Cancel {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Whose.
        claim: Claim,
    },
    /// Tell [`ShardInput::Due`](super::ShardInput::Due) then.
    Timer {
        /// When.
        due: Timestamp,
        /// Which execution.
        id: ExecutionId,
    },
    /// Tell [`ShardInput::Wake`](super::ShardInput::Wake) then.
    Wake {
        /// When.
        due: Timestamp,
    },
    /// New events, durable: a chunk as it stands in the log.
    Watched(W::Watcher, Bytes),
    /// The execution that is followed has ended.
    WatchedEnd(W::Watcher),
    /// Events of which somebody wants to hear are durable.
    Announce(W::Announcement),
}

/// A task on its way to whoever does it. The claim is durable.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its execution.
    pub execution: ExecutionId,
    /// ARN of that.
    pub execution_arn: Arc<str>,
    /// `traceHeader` of that.
    pub trace_header: Option<Arc<str>>,
    /// The task.
    pub activation: TaskActivation,
    /// The claim.
    pub claim: Claim,
}
