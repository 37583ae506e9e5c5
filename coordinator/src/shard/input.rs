//! Everything that can happen to a shard.

use std::sync::Arc;

use baton_engine::{Claim, Input, Start, TaskRef, Timestamp};
use bytes::Bytes;

use super::{ExecutionId, ExpressStart, MapRunMessage, StoredEnded, World};
use crate::store::StoreError;

/// Everything that can happen to a shard.
pub enum ShardInput<W: World> {
    /// Start an execution. `start.at` is set by the shard.
    Start {
        /// What it starts with.
        start: Box<Start>,
        /// Who asks.
        reply: W::Reply,
    },
    /// As [`Start`](Self::Start), of a start that was asked for before and may have been done: the execution that began with its seed is its own,
    /// whatever has become of it.
    StartAgain {
        /// What it starts with.
        start: Box<Start>,
        /// Who asks.
        reply: W::Reply,
    },
    /// Start an execution of an Express state machine, under an ARN that was made for it. `start.at` is set by the shard.
    StartExpress {
        /// What it starts with.
        start: Box<Start>,
        /// In which way.
        how: ExpressStart<W::Reply>,
    },
    /// An Express execution that a restart found open runs again from its beginning.
    RunAgain {
        /// Which.
        id: ExecutionId,
    },
    /// Something happens to an execution.
    Send {
        /// Which.
        id: ExecutionId,
        /// What.
        input: Input,
        /// The claim under which an outcome or heartbeat is reported; `None` where tokens carry none.
        claim_id: Option<u64>,
        /// Who asks; nobody for the shard's own and for workers' heartbeats.
        reply: Option<W::Reply>,
    },
    /// An execution that has not succeeded is to go on.
    Redrive {
        /// Which.
        id: ExecutionId,
        /// Tells a repeated request.
        client_token: Option<Arc<str>>,
        /// Who asks.
        reply: W::Reply,
    },
    /// A slot is free for a queued task.
    SlotFree {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The slot, reserved.
        slot: W::Slot,
        /// Its claim, to be committed.
        claim: Claim,
    },
    /// A worker answers an offer.
    Claim {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Its slot, to be granted.
        slot: W::Slot,
        /// Its claim, to be committed.
        claim: Claim,
    },
    /// A worker says that it still holds a claim. Answered `Applied` if it does.
    Assert {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Under which claim. Its incarnation is the worker's of now.
        claim: Claim,
        /// Who asks.
        reply: W::Reply,
    },
    /// Whoever held a claim is gone for good.
    HolderLost {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Under which claim.
        claim_id: u64,
    },
    /// A grant has provably not left: its task goes to another slot, as the same attempt under a claim of its own.
    GrantLost {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The claim that reached nobody.
        claim_id: u64,
    },
    /// A task is to be placed that was not when it was scheduled: after a recovery, or when its batch was full.
    Place {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
    },
    /// What is the open task of this attempt?
    Task {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Who asks.
        reply: W::Reply,
    },
    /// How does the execution stand?
    Describe {
        /// Which.
        id: ExecutionId,
        /// Who asks.
        reply: W::Reply,
    },
    /// What has happened to it?
    History {
        /// Which.
        id: ExecutionId,
        /// Who asks.
        reply: W::Reply,
    },
    /// Answered when the execution ends; at once if it has ended, or is not in memory.
    WaitEnd {
        /// Which.
        id: ExecutionId,
        /// The asker has seen that it runs: wait also when it is not in memory.
        is_absent_running: bool,
        /// Who asks.
        reply: W::Reply,
    },
    /// What has happened to it, and from now on everything that happens.
    Watch {
        /// Which.
        id: ExecutionId,
        /// Who follows.
        watcher: W::Watcher,
        /// Who asks.
        reply: W::Reply,
    },
    /// Something happens to a Map Run, or is asked of it.
    MapRun {
        /// Which; for a list, the execution.
        id: ExecutionId,
        /// What.
        message: MapRunMessage,
        /// Who asks.
        reply: Option<W::Reply>,
    },
    /// The Map Runs of these children have heard of their ends.
    EndsHeard(Vec<(ExecutionId, u32)>),
    /// The execution's next timer is due.
    Due {
        /// Which.
        id: ExecutionId,
        /// Up to when: everything that came before has been handled. What is due later may have been made void by what is still to come.
        until: Timestamp,
    },
    /// The time has come that [`Output::Wake`](super::Output::Wake) asked for.
    Wake,
    /// What the key-value side has of an execution, as asked by [`Output::Load`](super::Output::Load).
    Loaded {
        /// Which.
        id: ExecutionId,
        /// Its value.
        result: Result<Option<Bytes>, StoreError>,
    },
    /// The history of an execution that has ended, as asked by [`Output::LoadHistory`](super::Output::LoadHistory).
    HistoryLoaded {
        /// Which.
        id: ExecutionId,
        /// As it was asked.
        stored: StoredEnded,
        /// Its segments, in order.
        result: Result<Vec<Bytes>, StoreError>,
    },
    /// The end of an append.
    Durable {
        /// Number of the batch.
        seq: u64,
        /// Whether it is durable.
        result: Result<(), StoreError>,
    },
    /// The store may take writes again: what was refused comes once more.
    Retry,
    /// The end of the checkpoint that is under way.
    Checkpointed {
        /// Whether it is durable.
        result: Result<(), StoreError>,
    },
    /// The store has said, without being asked to write, that it takes nothing from the shard any more.
    Lost {
        /// Why.
        error: StoreError,
    },
}

impl<W: World> ShardInput<W> {
    /// The execution that this names as the one it is about.
    fn named(&self) -> Option<ExecutionId> {
        match self {
            ShardInput::RunAgain { id }
            | ShardInput::Send { id, .. }
            | ShardInput::Redrive { id, .. }
            | ShardInput::SlotFree { id, .. }
            | ShardInput::Claim { id, .. }
            | ShardInput::Assert { id, .. }
            | ShardInput::HolderLost { id, .. }
            | ShardInput::GrantLost { id, .. }
            | ShardInput::Place { id, .. }
            | ShardInput::Task { id, .. }
            | ShardInput::Watch { id, .. }
            | ShardInput::Due { id, .. }
            | ShardInput::Describe { id, .. }
            | ShardInput::History { id, .. }
            | ShardInput::WaitEnd { id, .. }
            | ShardInput::Loaded { id, .. }
            | ShardInput::HistoryLoaded { id, .. } => Some(*id),
            ShardInput::Start { .. }
            | ShardInput::StartAgain { .. }
            | ShardInput::StartExpress { .. }
            | ShardInput::MapRun { .. }
            | ShardInput::EndsHeard(_)
            | ShardInput::Wake
            | ShardInput::Durable { .. }
            | ShardInput::Retry
            | ShardInput::Checkpointed { .. }
            | ShardInput::Lost { .. } => None,
        }
    }

    /// The execution that this is about, if it is one.
    pub(super) fn about(&self) -> Option<ExecutionId> {
        match self {
            ShardInput::Start { start, .. } | ShardInput::StartAgain { start, .. } | ShardInput::StartExpress { start, .. } => {
                Some(ExecutionId::of_arn(&start.execution_arn))
            }
            other => other.named(),
        }
    }

    /// The execution that must be in memory before this can be handled.
    pub(super) fn needs(&self) -> Option<ExecutionId> {
        match self {
            ShardInput::Start { start, .. }
            | ShardInput::StartAgain { start, .. }
            | ShardInput::StartExpress { start, how: ExpressStart::Child(_) } => Some(ExecutionId::of_arn(&start.execution_arn)),
            ShardInput::MapRun { message: MapRunMessage::ItemsRead { parent, .. } | MapRunMessage::Tell { parent }, .. } => Some(*parent),
            ShardInput::RunAgain { .. }
            | ShardInput::Describe { .. }
            | ShardInput::History { .. }
            | ShardInput::WaitEnd { .. }
            | ShardInput::Loaded { .. }
            | ShardInput::HistoryLoaded { .. } => None,
            other => other.named(),
        }
    }

    /// Whether this is work of a Map Run, of which there may be much at a time.
    pub(crate) fn is_of_map_run(&self) -> bool {
        match self {
            ShardInput::Start { start, .. } | ShardInput::StartAgain { start, .. } | ShardInput::StartExpress { start, .. } => {
                start.map_child.is_some()
            }
            ShardInput::MapRun { .. } | ShardInput::EndsHeard(_) => true,
            other => other.named().is_some_and(ExecutionId::is_of_map_run),
        }
    }

    /// Whether this adds nothing to the log by itself (or no more than that Express executions have ended, which takes a few bytes each), so
    /// that it is taken even while the log is held up.
    pub(super) fn is_light(&self) -> bool {
        match self {
            ShardInput::StartExpress { how: ExpressStart::Awaited(_), .. }
            | ShardInput::Wake
            | ShardInput::Describe { .. }
            | ShardInput::History { .. }
            | ShardInput::WaitEnd { .. }
            | ShardInput::Durable { .. }
            | ShardInput::Retry
            | ShardInput::Checkpointed { .. }
            | ShardInput::Lost { .. } => true,
            ShardInput::StartExpress { how: ExpressStart::Recorded(_) | ExpressStart::Child(_), .. }
            | ShardInput::RunAgain { .. }
            | ShardInput::MapRun { .. }
            | ShardInput::EndsHeard(_)
            | ShardInput::Start { .. }
            | ShardInput::StartAgain { .. }
            | ShardInput::Send { .. }
            | ShardInput::Redrive { .. }
            | ShardInput::SlotFree { .. }
            | ShardInput::Claim { .. }
            | ShardInput::Assert { .. }
            | ShardInput::HolderLost { .. }
            | ShardInput::GrantLost { .. }
            | ShardInput::Place { .. }
            | ShardInput::Task { .. }
            | ShardInput::Watch { .. }
            | ShardInput::Due { .. }
            | ShardInput::Loaded { .. }
            | ShardInput::HistoryLoaded { .. } => false,
        }
    }
}
