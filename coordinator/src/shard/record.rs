//! An execution as DescribeExecution shows it.

use std::sync::Arc;

use baton_engine::{Failure, Payload, PayloadTable, RedriveCount, RedriveFacts, Start, Status, Timestamp, Waiting};

/// An execution as it stands.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct ExecutionRecord {
    /// What it started with: ARNs, input, revision digest, start date.
    pub start: Arc<Start>,
    /// As of now.
    pub status: Status,
    /// Its output, when it succeeded.
    pub output: Option<Payload>,
    /// Error and cause, when it ended otherwise.
    pub failure: Option<Failure>,
    /// When it ended.
    pub stop_at: Option<Timestamp>,
    /// Public events of its history.
    pub events: u64,
    /// How often it was redriven, and when.
    pub redrives: RedriveCount,
    /// The number of its Map Run's redrive that a child began in or went on in, as long as it is in memory.
    pub map_run_redrive: u32,
    /// What a running execution waits for, oldest first.
    pub waiting: Vec<Waiting>,
    /// Why this execution is set aside: a defect of ours met it, and it alone stands still.
    pub quarantined: Option<Arc<str>>,
}

impl ExecutionRecord {
    /// What is known of an execution by its start alone.
    pub(super) fn of_start(start: Start) -> Self {
        Self {
            status: Status::Running,
            output: None,
            failure: None,
            stop_at: None,
            events: 1,
            redrives: RedriveCount::default(),
            map_run_redrive: start.map_child.as_ref().map_or(0, |child| child.redrive),
            waiting: Vec::new(),
            quarantined: None,
            start: Arc::new(start),
        }
    }

    /// What decides whether it can be redriven.
    pub fn redrive_facts(&self) -> RedriveFacts {
        RedriveFacts { status: self.status, started_at: self.start.at, stopped_at: self.stop_at, events: self.events }
    }
}
