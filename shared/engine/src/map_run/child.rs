//! Child executions.

use std::sync::Arc;

use baton_asl::StateId;

use crate::{Failure, Payload, PayloadTable, Status};

/// What an execution knows of the Map Run that has started it.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct MapChild {
    /// ARN of the run.
    pub map_run_arn: Arc<str>,
    /// The Map state whose item processor it runs.
    pub state: StateId,
    /// Which child it is.
    pub index: u64,
    /// Items that it has.
    pub items: u32,
    /// Its output is part of the run's result.
    pub is_collected: bool,
    /// It is an Express execution.
    pub is_express: bool,
    /// The number of the run's redrive that it began in; 0 before the first.
    pub redrive: u32,
}

/// How the tokens begin with which children are redriven. Those that users give have no spaces.
const REDRIVE_TOKEN: &str = "map run ";

/// The token with which a child is redriven in this redrive of its run.
pub fn redrive_token(redrive: u32) -> Arc<str> {
    format!("{REDRIVE_TOKEN}{redrive}").into()
}

/// The inverse of [`redrive_token`]; `None` for those that users give.
pub(crate) fn redrive_of_token(token: &str) -> Option<u32> {
    token.strip_prefix(REDRIVE_TOKEN)?.parse().ok()
}

/// What a child begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildInput {
    /// Its input.
    pub input: Payload,
    /// Items in it.
    pub items: u32,
}

/// How a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum ChildOutcome {
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// TIMED_OUT.
    TimedOut,
    /// ABORTED.
    Aborted,
}

impl ChildOutcome {
    /// Of an execution that has ended.
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Running => None,
            Status::Succeeded => Some(Self::Succeeded),
            Status::Failed => Some(Self::Failed),
            Status::TimedOut => Some(Self::TimedOut),
            Status::Aborted => Some(Self::Aborted),
        }
    }
}

/// The end of a child, as it is told to its run.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct ChildEnd {
    /// Which child.
    pub index: u64,
    /// The number of the run's redrive in which it began, or went on. What is told late of another one counts no more.
    pub redrive: u32,
    /// How.
    pub outcome: ChildOutcome,
    /// Items that it had.
    pub items: u32,
    /// Its output, where it is collected.
    pub output: Option<Payload>,
    /// Why it has not succeeded, where that is collected.
    pub failure: Option<Failure>,
}
