//! What `decide` answers, and what an execution tells about itself.

use std::sync::Arc;

use crate::{Claim, Effect, Event, TaskActivation, Timestamp};

/// What a decision gives. A buffer that is reused: whoever owns it clears it.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// What happened, already applied to the execution. To be logged as one batch.
    pub events: Vec<Event>,
    /// What is asked of the world once the events are durable.
    pub effects: Vec<Effect>,
    /// Since when what some of the events speak of had gone on, in the order of the events. For figures and traces; nothing is decided by it.
    pub since: Vec<Since>,
}

/// Since when the state or the attempt that an event speaks of had gone on.
///
/// Events that end a Task state, and those of an attempt beyond its schedule, always have one; of those that end other states, one that is absent
/// has begun in the event's own millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// Place of the event in [`Decision::events`].
    pub event: usize,
    /// Id of the StateEntered event of the visit.
    pub entry: u64,
    /// The visit's attempts so far; 0 of states that have none.
    pub attempt: u32,
    /// When the state was entered; of an attempt, when it was scheduled.
    pub began: Timestamp,
    /// When the attempt was started; `None` if it was not, and of states.
    pub started: Option<Timestamp>,
}

impl Decision {
    /// Empties the buffers and keeps their memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.effects.clear();
        self.since.clear();
    }
}

/// What became of an input that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Verdict {
    /// It counts. Heartbeats count without an event.
    Applied,
    /// It has counted before: the same claim, or the same outcome of the same attempt.
    Duplicate,
}

/// Why an input does not count. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, bincode::Encode, bincode::Decode)]
pub enum Rejected {
    /// The execution has ended by itself.
    #[error("the execution has ended")]
    Ended,
    /// The execution was stopped, has timed out, or has aborted the state.
    #[error("the task was cancelled")]
    Cancelled,
    /// The attempt is over: it has timed out, another outcome has counted, or a later attempt runs.
    #[error("the task's attempt is over")]
    TimedOut,
    /// There has never been such an attempt.
    #[error("there is no such task")]
    UnknownTask,
    /// Somebody else runs the attempt.
    #[error("the task is claimed by somebody else")]
    AlreadyClaimed,
    /// The outcome has come before the service's own response: worth another try in a moment.
    #[error("the task's request has not been answered yet")]
    NotSubmitted,
}

/// `status` of DescribeExecution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Status {
    /// RUNNING.
    Running,
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// TIMED_OUT.
    TimedOut,
    /// ABORTED.
    Aborted,
}

/// A task that has no outcome yet.
#[derive(Clone, Debug)]
pub struct Outstanding {
    /// What is to be done.
    pub activation: TaskActivation,
    /// Who does it; `None`: it is still to be offered.
    pub claim: Option<Claim>,
    /// Its request is answered: nobody runs it any more, it waits for its token to come back or its job to end.
    pub is_submitted: bool,
}

/// A state that an execution waits in, told for people.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct Waiting {
    /// Name of the state.
    pub state_name: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// What for.
    pub reason: WaitingFor,
}

/// What a state waits for.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub enum WaitingFor {
    /// Nobody has taken the task yet.
    Worker {
        /// When it times out.
        deadline: Option<Timestamp>,
    },
    /// Somebody runs the task.
    Result {
        /// Who.
        claim: Claim,
        /// When it times out.
        deadline: Option<Timestamp>,
    },
    /// The request is answered; SendTaskSuccess or the job's end is still to come.
    Callback {
        /// When it times out.
        deadline: Option<Timestamp>,
    },
    /// A Wait state.
    Time {
        /// Until when.
        until: Timestamp,
    },
    /// A Map Run.
    MapRun {
        /// Its ARN.
        map_run_arn: Arc<str>,
    },
    /// The next attempt of a retrier.
    Retry {
        /// When it comes.
        at: Timestamp,
        /// Attempts so far.
        attempts: u32,
        /// What failed last.
        error: Option<Arc<str>>,
    },
}
