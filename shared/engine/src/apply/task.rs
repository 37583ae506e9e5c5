//! A task's attempt: scheduled, started, submitted, ended.

use std::sync::Arc;

use baton_asl::StateId;

use super::Place;
use crate::{
    Claim, Execution, Failure, Payload, closed_tasks,
    execution::{heartbeat_due, milliseconds},
    strand::{Activity, Strand, Work},
};

impl Execution {
    /// The tasks of a mocked state are numbered by their schedules.
    pub(super) fn mocked_scheduled(&mut self, at: Place<'_>, state: StateId) {
        if self.start.test_case.is_some()
            && let Some(state_of) = at.machine.states.get(state.0 as usize)
        {
            self.count_mocked(state, &state_of.name);
        }
    }

    pub(super) fn task_scheduled(
        &mut self,
        at: Place<'_>,
        attempt: u32,
        input: &Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        role_arn: &Option<Arc<str>>,
    ) {
        let work = Work {
            input: input.clone(),
            scheduled_at: at.event.at,
            started_at: None,
            deadline: timeout_seconds.map(|seconds| at.event.at.saturating_add(milliseconds(seconds))),
            heartbeat_seconds,
            role_arn: role_arn.clone(),
            claim: None,
            is_submitted: false,
        };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.attempts = attempt;
                visit.activity = Activity::Working(work);
            }
        });
    }

    pub(super) fn task_started(&mut self, at: Place<'_>, claim: &Claim) {
        self.change_work(at, |work| {
            work.claim = Some(claim.clone());
            work.started_at = Some(at.event.at);
        });
        self.renew_heartbeat(at);
    }

    pub(super) fn task_regranted(&mut self, at: Place<'_>, claim: &Claim) {
        self.change(at.thread(), |strand| {
            if let Some(work) = strand.visit_mut().and_then(|visit| visit.work_mut()) {
                work.claim = Some(claim.clone());
            }
        });
        // Whoever takes it has the whole interval; nobody gives no sign of life.
        let due = self.strands.get(at.thread()).and_then(|strand| heartbeat_due(at.machine, strand, at.event.at));
        self.heartbeats.set(at.thread(), due);
    }

    pub(super) fn task_submitted(&mut self, at: Place<'_>) {
        self.change_work(at, |work| work.is_submitted = true);
        self.renew_heartbeat(at);
    }

    pub(super) fn task_succeeded(&mut self, at: Place<'_>, output: &Payload) {
        self.close(at, closed_tasks::of_output(output));
        self.task_ended(at);
    }

    pub(super) fn task_failed(&mut self, at: Place<'_>, failure: &Failure) {
        self.close(at, closed_tasks::of_failure(failure));
        self.task_ended(at);
    }

    pub(super) fn task_ended(&mut self, at: Place<'_>) {
        self.heartbeats.set(at.thread(), None);
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.activity = Activity::Deciding;
            }
        });
    }

    fn close(&mut self, at: Place<'_>, outcome: u64) {
        if let Some(task) = self.strands.get(at.thread()).and_then(Strand::task) {
            self.closed.remember(task, outcome);
        }
    }

    fn change_work(&mut self, at: Place<'_>, change: impl FnOnce(&mut Work)) {
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(work) = strand.visit_mut().and_then(|visit| visit.work_mut()) {
                change(work);
            }
        });
    }

    fn renew_heartbeat(&mut self, at: Place<'_>) {
        let due = self.strands.get(at.thread()).and_then(|strand| heartbeat_due(at.machine, strand, at.event.at));
        if due.is_some() {
            self.heartbeats.set(at.thread(), due);
        }
    }
}
