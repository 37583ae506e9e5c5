//! Executions that are given up: the store holds them, but nobody here can make sense of all of it.
//!
//! Nothing is read back of them, since what the key-value side has may be older than what was acknowledged: an execution that went on from
//! there would do again what it has done. Every input is refused, so their names stay taken.

use std::sync::Arc;

use baton_engine::Start;

use super::live::{History, Live};
use super::step::catching;
use super::stored::StoredGivenUp;
use super::{ExecutionId, ExecutionRecord, ExecutionSummary, Seen, SeenHistory, Shard, World};

/// An execution that is given up.
pub(super) struct GivenUp {
    /// Why.
    reason: Arc<str>,
    /// As it is shown; `None` if only the key-value side can tell.
    record: Option<Box<ExecutionRecord>>,
    /// Its events, when they are in memory.
    history: Option<History>,
    /// Batch of its first event, if that has come since the shard was opened.
    first_seq: u64,
}

impl GivenUp {
    /// One that was in memory and could not be rebuilt.
    pub(super) fn of_live(live: Live, reason: &str) -> Self {
        let reason: Arc<str> = reason.into();
        // A defect may have left anything of the execution, but not of what it started with.
        let record = catching(|| live.record()).unwrap_or_else(|_| ExecutionRecord::of_start(live.execution.started().clone()));
        let record = Box::new(ExecutionRecord { quarantined: Some(reason.clone()), ..record });
        Self { reason, record: Some(record), history: Some(live.history), first_seq: live.first_seq }
    }

    /// One that a recovery met.
    pub(super) fn of_start(start: Option<Start>, reason: &str) -> Self {
        let reason: Arc<str> = reason.into();
        let record = start.map(|start| Box::new(ExecutionRecord { quarantined: Some(reason.clone()), ..ExecutionRecord::of_start(start) }));
        Self { reason, record, history: None, first_seq: 0 }
    }

    /// As the key-value side gets it.
    pub(super) fn stored(&self) -> StoredGivenUp {
        StoredGivenUp { reason: self.reason.clone(), start: self.record.as_ref().map(|record| (*record.start).clone()) }
    }

    /// As DescribeExecution shows it; `None` if only the key-value side can tell.
    pub(super) fn record(&self) -> Option<Box<ExecutionRecord>> {
        self.record.clone()
    }

    /// As DescribeExecution finds it.
    pub(super) fn seen(&self) -> Seen {
        self.record().map_or_else(|| Seen::Elsewhere { set_aside: Some(self.reason.clone()) }, Seen::Here)
    }

    /// Its history, when that is in memory.
    pub(super) fn seen_history(&self) -> Option<SeenHistory> {
        let history = self.history.as_ref()?;
        Some(SeenHistory { record: self.record()?, saved_events: history.saved_events, parts: history.parts() })
    }

    /// The line of the list, unless only the key-value side can tell, or its start is not durable yet.
    pub(super) fn summary(&self, id: ExecutionId, durable_seq: u64) -> Option<ExecutionSummary> {
        let record = self.record.as_ref().filter(|_| self.first_seq <= durable_seq)?;
        let running = ExecutionSummary::running(id, &record.start, record.redrives);
        Some(ExecutionSummary { status: record.status, stop_at: record.stop_at, ..running })
    }
}

impl<W: World> Shard<W> {
    /// The log holds the execution, but nobody can make sense of it. Checkpoints stop, so that the log keeps it for a release that can.
    pub(super) fn give_up(&mut self, id: ExecutionId, live: Live, detail: &str) {
        tracing::error!(execution = %id, shard = %self.id, detail, "an execution cannot be rebuilt from the log; the log is kept");
        self.checkpoint.stop(&format!("execution {id} cannot be rebuilt from the log: {detail}"));
        self.given_up.insert(id, GivenUp::of_live(live, detail));
    }

    /// Executions that are set aside: those that a defect has met, and those that are given up.
    pub fn set_aside_count(&mut self) -> usize {
        let (live, rebuilding) = (&self.live, &self.rebuilding);
        let is_quarantined = |id: &ExecutionId| live.get(id).is_some_and(|live| live.quarantined.is_some()) || rebuilding.contains_key(id);
        self.quarantined.retain(is_quarantined);
        self.quarantined.len() + self.given_up.len()
    }
}
