//! The Map Run of a Distributed Map state: how it begins, and what its end brings.

use std::sync::Arc;

use super::{HistoryFull, Turn};
use crate::{
    Effect, EventKind, Failure, MapRunOutcome, Rejected, ThreadId, Verdict,
    error_handling::{Fault, Origin, size},
    evaluator::Evaluator,
    state::map::distributed::{self, Distribution},
    strand::Strand,
};

impl Turn<'_> {
    /// What can only be told of the state's own data is told before the run begins, as recorded from AWS.
    pub(super) fn distribute(&mut self, thread: ThreadId, previous: u64, distribution: Distribution) -> Result<(), HistoryFull> {
        let state = self.visit(thread).state;
        self.record(thread, previous, EventKind::DistributedMapStarted { state, length: distribution.length() })?;
        match distributed::spec(&Evaluator::new(self, thread), distribution) {
            Ok(spec) => {
                let (previous, map_run_arn) = (self.strand(thread).last, spec.map_run_arn.clone());
                self.record(thread, previous, EventKind::MapRunStarted { state, map_run_arn })?;
                self.out.effects.push(Effect::StartMapRun(Box::new(spec)));
                Ok(())
            }
            Err(fault) => self.fail(thread, fault),
        }
    }

    /// The run goes on with what had not succeeded in it.
    pub(super) fn redrive_map_run(
        &mut self,
        thread: ThreadId,
        previous: u64,
        map_run_arn: Arc<str>,
        redrive_count: u32,
    ) -> Result<(), HistoryFull> {
        let state = self.visit(thread).state;
        self.record(thread, previous, EventKind::MapRunRedriven { state, map_run_arn: map_run_arn.clone(), redrive_count })?;
        self.out.effects.push(Effect::RedriveMapRun { map_run_arn, redrive_count });
        Ok(())
    }

    pub(super) fn map_run_ended(&mut self, map_run_arn: &str, entry: u64, outcome: MapRunOutcome) -> Result<Verdict, Rejected> {
        self.execution.check_running()?;
        let waits = |(_, strand): &(ThreadId, &Strand)| {
            strand.visit().is_some_and(|visit| visit.entry == entry)
                && strand.mapping().is_some_and(|mapping| *mapping.map_run_arn == *map_run_arn)
        };
        let Some(thread) = self.execution.strands.iter().find(waits).map(|(thread, _)| thread) else {
            return Ok(Verdict::Duplicate);
        };
        self.attempt(|turn| match outcome {
            MapRunOutcome::Succeeded { result } => turn.map_run_succeeded(thread, Some(&result)),
            MapRunOutcome::TooLarge => turn.map_run_succeeded(thread, None),
            MapRunOutcome::Failed { failure } => turn.map_run_failed(thread, failure),
        });
        Ok(Verdict::Applied)
    }

    fn map_run_succeeded(&mut self, thread: ThreadId, result: Option<&crate::Payload>) -> Result<(), HistoryFull> {
        let state = self.visit(thread).state;
        let previous = self.strand(thread).last;
        let succeeded = self.record(thread, previous, EventKind::MapRunSucceeded { state })?;
        let Some(result) = result.filter(|result| result.len() <= self.env.limits.payload_bytes_max) else {
            let failure = size::exceeded(&self.machine().state(state).name);
            return self.fail(thread, Fault::of_data(failure));
        };
        self.record(thread, succeeded, EventKind::MapStateSucceeded { state })?;
        self.complete(thread, result)
    }

    fn map_run_failed(&mut self, thread: ThreadId, failure: Failure) -> Result<(), HistoryFull> {
        let (state, previous) = (self.visit(thread).state, self.strand(thread).last);
        self.record(thread, previous, EventKind::MapRunFailed { state, failure: failure.clone() })?;
        self.fail(thread, Fault { failure, origin: Origin::Inner, is_heartbeat: false })
    }
}
