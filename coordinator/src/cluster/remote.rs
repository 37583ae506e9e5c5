//! What one member of a cluster asks of another, and what it is answered.
//!
//! A question that is asked again is the same question: whoever asks repeats it until it has an answer ([`route`](super::route)), and whoever is
//! asked answers it as if it had come once.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Claim, Input, PayloadTable, Start, TaskRef};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::{ExecutionId, ExecutionRecord, ExecutionSummary, Holding, ReadError};
use crate::shard::{Answer, Grant, HeldClaim, MapRunQuestion, SeenHistory};
use crate::store::{Member, ShardSet};

/// A member says within this time what a session of its own holds.
const HOLDING_MAX: Duration = Duration::from_secs(2);

/// What is asked of a member.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum Question {
    /// Start an execution.
    Start {
        /// What it starts with; its seed tells this start from others of the same name.
        start: Box<Start>,
        /// It was asked before, and may have been done.
        is_repeated: bool,
        /// How far the asker knows the catalog: nothing that this start relies on comes later.
        catalog_position: u64,
    },
    /// Redrive an execution.
    Redrive {
        /// Which.
        id: ExecutionId,
        /// Tells this redrive from others.
        client_token: Option<Arc<str>>,
    },
    /// Something happens to an execution.
    Send {
        /// Which.
        id: ExecutionId,
        /// What.
        input: Input,
        /// The claim under which it is reported, if it is.
        claim_id: Option<u64>,
    },
    /// As [`Send`](Self::Send), of what running work brings with it: it is not refused for lack of room.
    Report {
        /// Which execution.
        id: ExecutionId,
        /// What.
        input: Input,
        /// The claim under which it is reported, if it is.
        claim_id: Option<u64>,
    },
    /// What is the open task of this attempt?
    Task {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
    },
    /// A worker says that it still holds a claim.
    Assert {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Under which claim.
        claim: Claim,
    },
    /// Somebody claims what was offered.
    Claim {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Under which claim.
        claim: Claim,
    },
    /// A grant has provably not left.
    GrantLost {
        /// Which execution.
        id: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The claim that reached nobody.
        claim_id: u64,
    },
    /// How does the execution stand?
    Describe {
        /// Which.
        id: ExecutionId,
    },
    /// What has happened to it?
    History {
        /// Which.
        id: ExecutionId,
    },
    /// Answered when the execution has ended.
    WaitEnd {
        /// Which.
        id: ExecutionId,
    },
    /// Executions of a state machine that this member has and the index does not show as they stand.
    List {
        /// ARN of the state machine.
        state_machine_arn: Arc<str>,
    },
    /// Which of these claims does the session of this worker hold, or has asked for?
    Holding {
        /// The worker's.
        incarnation: u64,
        /// The claims.
        claims: Vec<ClaimName>,
    },
    /// A worker serves a function from now on. Asked of the catalog's owner.
    RegisterFunction {
        /// Its name.
        name: Arc<str>,
    },
    /// Something of a Map Run.
    MapRun {
        /// Which; for a list, the execution.
        id: ExecutionId,
        /// What.
        question: MapRunQuestion,
    },
    /// Know the catalog at least as far as this.
    ReachCatalog {
        /// How far.
        position: u64,
    },
    /// Which tasks of these queues cannot be offered through a broker?
    Borrow {
        /// Queues, and how many free slots the asker has for each.
        wanted: Vec<(Arc<str>, u32)>,
        /// The asker has no broker: it wants to hear of what has been in there for a while, too.
        is_cut_off: bool,
    },
}

impl Question {
    /// For metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Redrive { .. } => "redrive",
            Self::Send { .. } => "send",
            Self::Report { .. } => "report",
            Self::Task { .. } => "task",
            Self::Assert { .. } => "assert",
            Self::Claim { .. } => "claim",
            Self::GrantLost { .. } => "grant_lost",
            Self::Describe { .. } => "describe",
            Self::History { .. } => "history",
            Self::WaitEnd { .. } => "wait_end",
            Self::List { .. } => "list",
            Self::Holding { .. } => "holding",
            Self::RegisterFunction { .. } => "register_function",
            Self::MapRun { .. } => "map_run",
            Self::ReachCatalog { .. } => "reach_catalog",
            Self::Borrow { .. } => "borrow",
        }
    }
}

/// What names a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct ClaimName {
    /// Which execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub task: TaskRef,
    /// Which of its claims.
    pub claim_id: u64,
}

/// What names an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct TaskName {
    /// Which execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub task: TaskRef,
}

/// What a member is told that needs no answer.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
pub enum Notice {
    /// A sign of life of a task that wants them.
    Heartbeat(ClaimName),
    /// Somebody has had an offer of this task and does not claim it.
    HandedBack {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        task: TaskRef,
    },
    /// The worker of this incarnation may stop what it does under this claim.
    Cancel {
        /// The worker's.
        incarnation: u64,
        /// The claim.
        claim: ClaimName,
    },
    /// What this member has is not what it was: who is to have what it has let go need not wait for the next beat to hear of it.
    Look,
}

/// What a member answers.
#[derive(Debug)]
pub enum PeerAnswer {
    /// What the shard says.
    Shard(Answer),
    /// To a claim: what is granted, or nothing.
    Claimed(Option<Box<Grant>>),
    /// To waiting for an end.
    Ended(Result<Option<Box<ExecutionRecord>>, ReadError>),
    /// To a list.
    Listed(Listed),
    /// Of the claims asked for, those that are held or asked for; `None`: this member has no session of this worker.
    Holding(Option<Vec<ClaimName>>),
    /// Tasks, each with the place of its queue in the question. Whoever claims one first has it.
    Lent(Vec<(u32, TaskName)>),
    /// To what has no other answer: how far the catalog is known now.
    Done {
        /// How far.
        catalog_position: u64,
    },
    /// Too much at once.
    Throttled,
    /// Not now.
    Unavailable(&'static str),
    /// The shard is not this member's. Whatever was asked may have been done by whoever has it.
    NotHere,
}

/// What a member has in memory of a state machine's executions.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The shards that it speaks for.
    pub shards: ShardSet,
    /// Executions of these shards.
    pub executions: Vec<ExecutionSummary>,
}

/// A member could not be asked, or its answer did not come: what was asked may have been done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub Arc<str>);

/// Following an execution at another member.
#[derive(Debug)]
pub struct RemoteWatch {
    /// What has happened so far; `None` if the shard has nothing of it in memory.
    pub seen: Option<SeenHistory>,
    /// What happens from then on: chunks as they stand in the log. It ends with the execution, or when its owner changes.
    pub live: mpsc::Receiver<Bytes>,
}

/// Ways to the other members.
pub trait Remote: Send + Sync + 'static {
    /// Asks the member. Dropping the future takes the question back; it may be answered all the same.
    fn ask<'a>(&'a self, member: &'a Arc<Member>, question: Question) -> BoxFuture<'a, Result<PeerAnswer, Unreachable>>;

    /// Tells the member, if it can be reached.
    fn tell(&self, member: &Arc<Member>, notice: Notice);

    /// Follows an execution; `Ok(None)` if its shard is not that member's.
    fn watch<'a>(&'a self, member: &'a Arc<Member>, id: ExecutionId) -> BoxFuture<'a, Result<Option<RemoteWatch>, Unreachable>>;

    /// Has the member answer a request of the AWS API, as it came here.
    fn forward<'a>(
        &'a self,
        member: &'a Arc<Member>,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'a, Result<http::Response<Bytes>, Unreachable>>;
}

/// Whoever has ways to the other members can ask what workers hold there.
impl<R: Remote> Holding for R {
    fn not_held<'a>(&'a self, member: &'a Arc<Member>, incarnation: u64, claims: Vec<HeldClaim>) -> BoxFuture<'a, Option<Vec<HeldClaim>>> {
        Box::pin(async move {
            let asked = self.ask(member, Question::Holding { incarnation, claims: claims.iter().map(ClaimName::of).collect() });
            let held = match tokio::time::timeout(HOLDING_MAX, asked).await {
                Ok(Ok(PeerAnswer::Holding(held))) => held?,
                Ok(Ok(_) | Err(_)) | Err(_) => return None,
            };
            Some(claims.into_iter().filter(|claim| !held.contains(&ClaimName::of(claim))).collect())
        })
    }
}

impl ClaimName {
    pub(super) fn of(held: &HeldClaim) -> Self {
        Self { execution: held.execution, task: held.task, claim_id: held.claim.claim_id }
    }
}

/// Of a process that has the store to itself.
pub(super) struct NoRemote;

impl NoRemote {
    fn nobody<T: Send + 'static>() -> BoxFuture<'static, Result<T, Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable("there are no other members".into()))))
    }
}

impl Remote for NoRemote {
    fn ask<'a>(&'a self, _: &'a Arc<Member>, _: Question) -> BoxFuture<'a, Result<PeerAnswer, Unreachable>> {
        Self::nobody()
    }

    fn tell(&self, _: &Arc<Member>, _: Notice) {}

    fn watch<'a>(&'a self, _: &'a Arc<Member>, _: ExecutionId) -> BoxFuture<'a, Result<Option<RemoteWatch>, Unreachable>> {
        Self::nobody()
    }

    fn forward<'a>(&'a self, _: &'a Arc<Member>, _: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Unreachable>> {
        Self::nobody()
    }
}

impl Question {
    /// The same question, asked again after an answer that may have been lost.
    pub(super) fn repeated(&self) -> Self {
        let mut question = self.clone();
        match &mut question {
            Question::Start { is_repeated, .. } => *is_repeated = true,
            Question::Redrive { .. }
            | Question::Send { .. }
            | Question::Report { .. }
            | Question::Task { .. }
            | Question::Assert { .. }
            | Question::Claim { .. }
            | Question::GrantLost { .. }
            | Question::Describe { .. }
            | Question::History { .. }
            | Question::WaitEnd { .. }
            | Question::List { .. }
            | Question::Holding { .. }
            | Question::RegisterFunction { .. }
            | Question::MapRun { .. }
            | Question::ReachCatalog { .. }
            | Question::Borrow { .. } => {}
        }
        question
    }

    /// The execution that it is about, whose shard's owner is asked.
    pub(super) fn execution(&self) -> Option<ExecutionId> {
        match self {
            Question::Start { start, .. } => Some(ExecutionId::of_arn(&start.execution_arn)),
            Question::Redrive { id, .. }
            | Question::Send { id, .. }
            | Question::Report { id, .. }
            | Question::Task { id, .. }
            | Question::Assert { id, .. }
            | Question::Claim { id, .. }
            | Question::GrantLost { id, .. }
            | Question::Describe { id }
            | Question::History { id }
            | Question::MapRun { id, .. }
            | Question::WaitEnd { id } => Some(*id),
            Question::List { .. }
            | Question::Holding { .. }
            | Question::RegisterFunction { .. }
            | Question::ReachCatalog { .. }
            | Question::Borrow { .. } => None,
        }
    }
}
