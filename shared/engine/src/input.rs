//! Everything that can happen to an execution.

use std::sync::Arc;

use crate::{MapChild, MapRunOutcome, Payload, PayloadTable, TestCase, Timestamp};

/// The attempt of a state visit that an outcome speaks of. Late and duplicate ones fall away by comparison with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct TaskRef {
    /// Id of the state's `…StateEntered` event.
    pub entry: u64,
    /// 1 for the first attempt of this visit.
    pub attempt: u32,
}

/// Everything that can happen to an execution after its start.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum Input {
    /// A worker, poller or the delivery has taken the task; it may run once this is durable.
    TaskStarted {
        /// Which attempt.
        task: TaskRef,
        /// By whom.
        claim: Claim,
    },
    /// The claim of a started attempt passes on: its grant has not left, or somebody takes it after that. It may run once this is durable.
    TaskRegranted {
        /// Which attempt.
        task: TaskRef,
        /// `claim_id` of the claim that no longer counts.
        lost: u64,
        /// Whose it is now: [`Claim::nobody`], or whoever takes it.
        claim: Claim,
    },
    /// The API of a `.sync` or `.waitForTaskToken` integration has answered.
    TaskSubmitted {
        /// Which attempt.
        task: TaskRef,
        /// The API's response.
        output: Payload,
    },
    /// The task has its result.
    TaskSucceeded {
        /// Which attempt.
        task: TaskRef,
        /// The result.
        output: Payload,
    },
    /// The task has failed.
    TaskFailed {
        /// Which attempt.
        task: TaskRef,
        /// `Error`, absent when a SendTaskFailure gave none.
        error: Option<Arc<str>>,
        /// `Cause`.
        cause: Option<Arc<str>>,
    },
    /// A sign of life.
    TaskHeartbeat {
        /// Which attempt.
        task: TaskRef,
    },
    /// The function's, activity's or integration's task cannot be handed out at all: it was scheduled and never starts.
    TaskRefused {
        /// Which attempt.
        task: TaskRef,
        /// `Error`.
        error: Arc<str>,
        /// `Cause`.
        cause: Arc<str>,
    },
    /// Time has passed: everything due at `now` fires, in due order.
    Tick,
    /// Goes on after [`crate::Effect::Yield`].
    Continue,
    /// The Map Run that a state waits for has ended.
    MapRunEnded {
        /// Its ARN.
        map_run_arn: Arc<str>,
        /// Id of the StateEntered event of the visit that waits.
        entry: u64,
        /// How.
        outcome: MapRunOutcome,
    },
    /// StopExecution.
    Stop {
        /// `error`.
        error: Option<Arc<str>>,
        /// `cause`.
        cause: Option<Arc<str>>,
    },
    /// The Map Run of a child stops it, as it is in this redrive of the run or an earlier one. One that comes late does not meet a later one.
    StopChild {
        /// The number of the redrive.
        redrive: u32,
    },
}

/// Who runs an attempt.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Claim {
    /// `workerName` of GetActivityTask, or the name of a worker process.
    pub worker_name: Option<Arc<str>>,
    /// Random per received offer or grant; outcomes carry it back.
    pub claim_id: u64,
    /// Incarnation of the worker process; 0 for pollers, and the coordinator's own for its delivery and in-process worker.
    pub incarnation: u64,
    /// What becomes of the attempt when its holder is lost.
    pub holder: Holder,
}

impl Claim {
    /// The claim of an attempt that has started and that nobody has.
    pub fn nobody() -> Self {
        Self { worker_name: None, claim_id: 0, incarnation: 0, holder: Holder::Process }
    }

    /// Whether it is [`nobody`](Self::nobody)'s.
    pub fn is_nobody(&self) -> bool {
        *self == Self::nobody()
    }
}

/// Kinds of holders of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Holder {
    /// A worker process over its session: it re-asserts its claims when it reconnects.
    Session,
    /// The coordinator's own process (in-process worker, delivery): lost when the process ends.
    Process,
    /// A GetActivityTask poller: only timeouts and heartbeats tell.
    Poller,
}

/// What an execution starts with.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct Start {
    /// ARN of the execution.
    pub execution_arn: Arc<str>,
    /// ARN of the state machine, unqualified.
    pub state_machine_arn: Arc<str>,
    /// Name of the state machine.
    pub state_machine_name: Arc<str>,
    /// Name of the execution.
    pub name: Arc<str>,
    /// Digest of the revision that this execution is pinned to.
    pub revision: u128,
    /// Version that it was started through.
    pub version_arn: Option<Arc<str>>,
    /// Alias that it was started through.
    pub alias_arn: Option<Arc<str>>,
    /// `roleArn` of the revision.
    pub role_arn: Arc<str>,
    /// The input.
    pub input: Payload,
    /// `traceHeader`.
    pub trace_header: Option<Arc<str>>,
    /// Seed of all randomness in this execution.
    pub seed: u64,
    /// When.
    pub at: Timestamp,
    /// When the execution times out. Whoever starts one leaves `None`; [`crate::Execution::start`] puts in what the machine's
    /// `TimeoutSeconds` and the limit say, so that a replay does not depend on the configuration.
    pub deadline: Option<Timestamp>,
    /// The test case whose answers stand in for those who would do its tasks.
    pub test_case: Option<Arc<TestCase>>,
    /// The Map Run that it is a child of; then it runs the item processor of a Map state.
    pub map_child: Option<Arc<MapChild>>,
}
