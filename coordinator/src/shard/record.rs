//! An execution as DescribeExecution shows it.

use std::sync::Arc;

use baton_engine::{Failure, Payload, Start, Status, Timestamp, Waiting};

/// An execution as it stands.
#[derive(Clone, Debug)]
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
    /// What a running execution waits for, oldest first.
    pub waiting: Vec<Waiting>,
    /// Why this execution is set aside: a defect of ours met it, and it alone stands still.
    pub quarantined: Option<Arc<str>>,
}
