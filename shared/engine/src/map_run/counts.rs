//! The account of a Map Run, once for items and once for executions.

use super::ChildOutcome;

/// `itemCounts` or `executionCounts` of DescribeMapRun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
#[allow(missing_docs, reason = "the members have AWS's names")]
pub struct MapRunCounts {
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub aborted: u64,
    pub total: u64,
    pub results_written: u64,
    pub failures_not_redrivable: u64,
    pub pending_redrive: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Tally {
    pub(super) running: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    pub(super) aborted: u64,
    pub(super) results_written: u64,
    pub(super) pending_redrive: u64,
}

impl Tally {
    /// Those that have begun, however they stand.
    pub(super) fn begun(&self) -> u64 {
        self.running + self.ended()
    }

    pub(super) fn ended(&self) -> u64 {
        self.succeeded + self.unsuccessful()
    }

    pub(super) fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    /// What counts against the tolerance, as AWS counts: failed and timed out ones.
    pub(super) fn intolerable(&self) -> u64 {
        self.failed + self.timed_out
    }

    pub(super) fn end(&mut self, outcome: ChildOutcome, count: u64) {
        self.running = self.running.saturating_sub(count);
        *match outcome {
            ChildOutcome::Succeeded => &mut self.succeeded,
            ChildOutcome::Failed => &mut self.failed,
            ChildOutcome::TimedOut => &mut self.timed_out,
            ChildOutcome::Aborted => &mut self.aborted,
        } += count;
    }

    /// Whatever has not succeeded waits to be done again.
    pub(super) fn redrive(&mut self) {
        self.pending_redrive += self.unsuccessful();
        (self.failed, self.timed_out, self.aborted) = (0, 0, 0);
        self.results_written = 0;
    }

    pub(super) fn counts(&self, pending: u64) -> MapRunCounts {
        let Self { running, succeeded, failed, timed_out, aborted, results_written, pending_redrive } = *self;
        let total = pending + self.begun() + pending_redrive;
        MapRunCounts {
            pending,
            running,
            succeeded,
            failed,
            timed_out,
            aborted,
            total,
            results_written,
            failures_not_redrivable: 0,
            pending_redrive,
        }
    }
}
