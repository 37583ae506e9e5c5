//! Everything that did happen to an execution. The log holds these; the history that AWS shows is the public part of them.

use std::sync::Arc;

use baton_asl::StateId;

use crate::{Claim, Payload, PayloadTable, Start, Status, Timestamp};

/// A strand of the execution: 0 is the machine's own flow, every Parallel branch and Map iteration is one more. Numbers are
/// given in order of creation and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct ThreadId(pub u32);

impl ThreadId {
    /// The machine's own flow.
    pub const ROOT: ThreadId = ThreadId(0);
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// `previousEventId`; 0 for internal events.
    pub previous: u64,
    /// The strand in which it happened.
    pub thread: ThreadId,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen. Public kinds take the next event id; names of the events that AWS shows follow from the state's type and
/// resource: `StateEntered` of a Pass state is PassStateEntered, `TaskStarted` of a function is LambdaFunctionStarted.
///
/// The order of the variants is the log's format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
#[allow(missing_docs, reason = "fields have the names of the history's detail fields; what is particular is said at the variant")]
pub enum EventKind {
    // The execution.
    /// ExecutionStarted.
    ExecutionStarted(Box<Start>),
    /// ExecutionSucceeded.
    ExecutionSucceeded { output: Payload },
    /// ExecutionFailed.
    ExecutionFailed { failure: Failure },
    /// ExecutionAborted.
    ExecutionAborted { failure: Failure },
    /// ExecutionTimedOut.
    ExecutionTimedOut { failure: Failure },

    // States.
    /// …StateEntered.
    StateEntered { state: StateId, input: Payload },
    /// …StateExited. `assigned`: names of variables without `$`, and what they got.
    StateExited { state: StateId, output: Payload, assigned: Vec<(Arc<str>, Payload)>, then: Then },
    /// TaskStateAborted, WaitStateAborted, ParallelStateAborted, MapStateAborted.
    StateAborted { state: StateId },
    /// EvaluationFailed. `location` is the field, absent where no field is at fault.
    EvaluationFailed { state: StateId, failure: Failure, location: Option<Arc<str>> },

    // Work: LambdaFunction…, Activity… or Task…, by the state's resource.
    /// …Scheduled.
    TaskScheduled {
        state: StateId,
        attempt: u32,
        input: Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        role_arn: Option<Arc<str>>,
    },
    /// LambdaFunctionScheduleFailed, ActivityScheduleFailed, TaskStartFailed: the attempt could not be handed out at all.
    TaskRefused { state: StateId, failure: Failure },
    /// …Started.
    TaskStarted { state: StateId, claim: Claim },
    /// TaskSubmitted.
    TaskSubmitted { state: StateId, output: Payload },
    /// …Succeeded.
    TaskSucceeded { state: StateId, output: Payload },
    /// …Failed.
    TaskFailed { state: StateId, failure: Failure },
    /// …TimedOut. `heartbeat`: it is a sign of life that did not come (history shows no difference, Retry and Catch know one).
    TaskTimedOut { state: StateId, failure: Failure, heartbeat: bool },

    // Parallel.
    /// ParallelStateStarted. All branches begin with `input`; their strands are the next numbers, in the order of `Branches`.
    ParallelStateStarted { state: StateId, input: Payload },
    /// ParallelStateSucceeded.
    ParallelStateSucceeded { state: StateId },
    /// ParallelStateFailed.
    ParallelStateFailed { state: StateId },

    // Inline Map.
    /// MapStateStarted. `input` is the effective input, `items` an array of the items, `keyed` whether they come from an object
    /// and are `{"Key", "Value"}` each, `concurrency` how many iterations may run at once.
    MapStateStarted { state: StateId, length: u64, input: Payload, items: Payload, keyed: bool, concurrency: u32 },
    /// MapIterationStarted. `iteration` is the strand that begins, with `input`.
    MapIterationStarted { state: StateId, index: u64, iteration: ThreadId, input: Payload },
    /// MapIterationSucceeded.
    MapIterationSucceeded { state: StateId, index: u64 },
    /// MapIterationFailed.
    MapIterationFailed { state: StateId, index: u64 },
    /// MapIterationAborted.
    MapIterationAborted { state: StateId, index: u64 },
    /// MapStateSucceeded.
    MapStateSucceeded { state: StateId },
    /// MapStateFailed.
    MapStateFailed { state: StateId },

    // Internal: no id, not shown.
    /// A Wait state waits until then.
    WaitStarted { state: StateId, until: Timestamp },
    /// A retrier (by position) has fired; the next attempt comes at `at`, jitter included. `failure` is what it answers.
    RetryScheduled { state: StateId, retrier: u32, at: Timestamp, failure: Failure },
    /// A started attempt has provably not reached whoever had claimed it: from now on this claim counts, which is
    /// [nobody's](Claim::nobody) until somebody takes the attempt.
    TaskRegranted { state: StateId, claim: Claim },

    // Later additions.
    /// ExecutionRedriven, public: an execution that had not succeeded goes on. `deadline` is when it times out from now on, and
    /// `client_token` tells a repeated request.
    ExecutionRedriven { redrive_count: u32, deadline: Option<Timestamp>, client_token: Option<Arc<str>> },

    // Distributed Map.
    /// MapStateStarted, of a state whose iterations are executions of their own. `length` is 0 where an ItemReader reads them.
    DistributedMapStarted { state: StateId, length: u64 },
    /// MapRunStarted.
    MapRunStarted { state: StateId, map_run_arn: Arc<str> },
    /// MapRunSucceeded.
    MapRunSucceeded { state: StateId },
    /// MapRunFailed.
    MapRunFailed { state: StateId, failure: Failure },
    /// MapRunAborted.
    MapRunAborted { state: StateId },
    /// MapRunRedriven.
    MapRunRedriven { state: StateId, map_run_arn: Arc<str>, redrive_count: u32 },
}

/// What an event makes of its execution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExecutionChange<'a> {
    /// What DescribeExecution shows from there on.
    pub status: Status,
    /// Of a success.
    pub output: Option<&'a Payload>,
    /// Of every other end.
    pub failure: Option<&'a Failure>,
}

impl ExecutionChange<'_> {
    /// Whether the execution has ended with it.
    pub fn is_end(&self) -> bool {
        self.status != Status::Running
    }
}

impl EventKind {
    /// Whether the event has an id and is shown in the history.
    pub fn is_public(&self) -> bool {
        !matches!(self, Self::WaitStarted { .. } | Self::RetryScheduled { .. } | Self::TaskRegranted { .. })
    }

    /// What the event makes of its execution; `None` for events of a state.
    pub fn execution_change(&self) -> Option<ExecutionChange<'_>> {
        let failed = |status, failure| Some(ExecutionChange { status, output: None, failure: Some(failure) });
        match self {
            Self::ExecutionStarted(_) | Self::ExecutionRedriven { .. } => {
                Some(ExecutionChange { status: Status::Running, output: None, failure: None })
            }
            Self::ExecutionSucceeded { output } => Some(ExecutionChange { status: Status::Succeeded, output: Some(output), failure: None }),
            Self::ExecutionFailed { failure } => failed(Status::Failed, failure),
            Self::ExecutionAborted { failure } => failed(Status::Aborted, failure),
            Self::ExecutionTimedOut { failure } => failed(Status::TimedOut, failure),
            Self::StateEntered { .. }
            | Self::StateExited { .. }
            | Self::StateAborted { .. }
            | Self::EvaluationFailed { .. }
            | Self::TaskScheduled { .. }
            | Self::TaskRefused { .. }
            | Self::TaskStarted { .. }
            | Self::TaskSubmitted { .. }
            | Self::TaskSucceeded { .. }
            | Self::TaskFailed { .. }
            | Self::TaskTimedOut { .. }
            | Self::ParallelStateStarted { .. }
            | Self::ParallelStateSucceeded { .. }
            | Self::ParallelStateFailed { .. }
            | Self::MapStateStarted { .. }
            | Self::MapIterationStarted { .. }
            | Self::MapIterationSucceeded { .. }
            | Self::MapIterationFailed { .. }
            | Self::MapIterationAborted { .. }
            | Self::MapStateSucceeded { .. }
            | Self::MapStateFailed { .. }
            | Self::WaitStarted { .. }
            | Self::RetryScheduled { .. }
            | Self::TaskRegranted { .. }
            | Self::DistributedMapStarted { .. }
            | Self::MapRunStarted { .. }
            | Self::MapRunSucceeded { .. }
            | Self::MapRunFailed { .. }
            | Self::MapRunAborted { .. }
            | Self::MapRunRedriven { .. } => None,
        }
    }

    /// The state that the event belongs to; `None` for events of the execution.
    pub fn state(&self) -> Option<StateId> {
        match self {
            Self::ExecutionStarted(_)
            | Self::ExecutionSucceeded { .. }
            | Self::ExecutionFailed { .. }
            | Self::ExecutionAborted { .. }
            | Self::ExecutionTimedOut { .. }
            | Self::ExecutionRedriven { .. } => None,
            Self::StateEntered { state, .. }
            | Self::StateExited { state, .. }
            | Self::StateAborted { state }
            | Self::EvaluationFailed { state, .. }
            | Self::TaskScheduled { state, .. }
            | Self::TaskRefused { state, .. }
            | Self::TaskStarted { state, .. }
            | Self::TaskSubmitted { state, .. }
            | Self::TaskSucceeded { state, .. }
            | Self::TaskFailed { state, .. }
            | Self::TaskTimedOut { state, .. }
            | Self::ParallelStateStarted { state, .. }
            | Self::ParallelStateSucceeded { state }
            | Self::ParallelStateFailed { state }
            | Self::MapStateStarted { state, .. }
            | Self::MapIterationStarted { state, .. }
            | Self::MapIterationSucceeded { state, .. }
            | Self::MapIterationFailed { state, .. }
            | Self::MapIterationAborted { state, .. }
            | Self::MapStateSucceeded { state }
            | Self::MapStateFailed { state }
            | Self::WaitStarted { state, .. }
            | Self::RetryScheduled { state, .. }
            | Self::TaskRegranted { state, .. }
            | Self::DistributedMapStarted { state, .. }
            | Self::MapRunStarted { state, .. }
            | Self::MapRunSucceeded { state }
            | Self::MapRunFailed { state, .. }
            | Self::MapRunAborted { state }
            | Self::MapRunRedriven { state, .. } => Some(*state),
        }
    }
}

/// Where a state's exit leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Then {
    /// To this state.
    Next(StateId),
    /// The strand ends.
    End,
}

/// `error` and `cause`; either may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Default, bincode::Encode, bincode::Decode)]
pub struct Failure {
    /// Error name, at most 256 characters.
    pub error: Option<Arc<str>>,
    /// At most 32,768 characters.
    pub cause: Option<Arc<str>>,
}

impl Failure {
    /// Characters of an error's name.
    pub const ERROR_CHARACTERS_MAX: usize = 256;
    /// Characters of a cause.
    pub const CAUSE_CHARACTERS_MAX: usize = 32_768;

    /// Both given.
    pub fn new(error: impl Into<Arc<str>>, cause: impl Into<Arc<str>>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()) }
    }

    /// Cut to the lengths that AWS has, as it does with what functions throw.
    pub(crate) fn cut(self) -> Self {
        let cut = |text: Option<Arc<str>>, characters: usize| {
            let text = text?;
            match text.char_indices().nth(characters) {
                None => Some(text),
                Some((end, _)) => Some(Arc::from(&text[..end])),
            }
        };
        Self { error: cut(self.error, Self::ERROR_CHARACTERS_MAX), cause: cut(self.cause, Self::CAUSE_CHARACTERS_MAX) }
    }
}
