//! ListExecutions.

use std::sync::Arc;

use baton_engine::{RedriveCount, Start, Status, Timestamp};

use super::ExecutionId;

/// What is listed.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// ARN of the state machine, unqualified.
    pub state_machine_arn: Arc<str>,
    /// Not the executions of the state machine, but the children of this Map Run.
    pub map_run_arn: Option<Arc<str>>,
    /// Only those that were started through this version or alias.
    pub through: Option<Arc<str>>,
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those that were redriven, or only those that were not.
    pub redriven: Option<bool>,
    /// The last one of the page before.
    pub after: Option<Cursor>,
    /// Most to answer, 1 to 1,000.
    pub limit: usize,
}

/// A place in the list: what follows is strictly after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Start date of the last one seen.
    pub start_at: Timestamp,
    /// Its id.
    pub id: ExecutionId,
}

/// One line of the list.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
pub struct ExecutionSummary {
    /// Its id, for the cursor.
    pub id: ExecutionId,
    /// ARN of the execution.
    pub execution_arn: Arc<str>,
    /// ARN of the state machine, unqualified.
    pub state_machine_arn: Arc<str>,
    /// Name of the execution.
    pub name: Arc<str>,
    /// Version that it was started through.
    pub version_arn: Option<Arc<str>>,
    /// Alias that it was started through.
    pub alias_arn: Option<Arc<str>>,
    /// As of now.
    pub status: Status,
    /// When it started.
    pub start_at: Timestamp,
    /// When it ended.
    pub stop_at: Option<Timestamp>,
    /// How often it was redriven, and when.
    pub redrives: RedriveCount,
    /// Items that a Map Run's child has.
    pub items: Option<u32>,
}

impl ListQuery {
    /// Under what those are listed that are asked for.
    pub(crate) fn listed_under(&self) -> &Arc<str> {
        self.map_run_arn.as_ref().unwrap_or(&self.state_machine_arn)
    }
}

impl ExecutionSummary {
    /// The line of an execution that began with `start` and runs.
    pub(crate) fn running(id: ExecutionId, start: &Start, redrives: RedriveCount) -> Self {
        Self {
            id,
            execution_arn: start.execution_arn.clone(),
            state_machine_arn: start.state_machine_arn.clone(),
            name: start.name.clone(),
            version_arn: start.version_arn.clone(),
            alias_arn: start.alias_arn.clone(),
            status: Status::Running,
            start_at: start.at,
            stop_at: None,
            redrives,
            items: start.map_child.as_ref().map(|child| child.items),
        }
    }

    /// Where the next page begins when this is the last of a page.
    pub fn cursor(&self) -> Cursor {
        Cursor { start_at: self.start_at, id: self.id }
    }
}
