//! How an execution ends, and how it goes on after that.
//!
//! An execution that has not succeeded keeps its strands as they stood, at rest: nothing is out, nothing is due, nobody wants a turn.
//! ExecutionRedriven wakes them. So that this works inside Parallel and Map states too, what ran in them is set at rest when they
//! fail, and goes only when the state is left or begins anew.

use std::{collections::BTreeMap, sync::Arc};

use super::{Place, task_entry};
use crate::{
    Execution, Failure, Payload, Status, ThreadId, Timestamp,
    error_handling::fault::DATA_LIMIT_EXCEEDED,
    redrive::Redrives,
    strand::{Activity, Position, Strand, Visit},
};

impl Execution {
    pub(super) fn succeed(&mut self, at: Timestamp, output: &Payload) {
        self.stop(at, Status::Succeeded);
        self.output = Some(output.clone());
        self.strands = Default::default();
        self.variables_bytes = 0;
    }

    pub(super) fn fail(&mut self, at: Timestamp, status: Status, failure: &Failure) {
        self.stop(at, status);
        self.failure = Some(failure.clone());
        self.strands.iter_mut().for_each(|(_, strand)| strand.rest());
    }

    fn stop(&mut self, at: Timestamp, status: Status) {
        self.status = status;
        self.stopped_at = Some(at);
        self.ready.clear();
        self.tasks.clear();
        self.timers.clear();
        self.heartbeats.clear();
    }

    /// Sets a strand and all that runs inside of it at rest.
    pub(super) fn rest(&mut self, thread: ThreadId) {
        let mut resting = vec![thread];
        while let Some(thread) = resting.pop() {
            let Some(strand) = self.strands.get_mut(thread) else { continue };
            self.timers.change(thread, strand.due(), None);
            self.heartbeats.set(thread, None);
            task_entry(thread, strand).map(|entry| self.tasks.remove(&entry));
            if strand.is_queued {
                super::leave_queue(&mut self.ready, thread);
            }
            strand.rest();
            resting.extend(strand.children());
        }
    }

    pub(super) fn redriven(&mut self, at: Place<'_>, count: u32, deadline: Option<Timestamp>, token: Option<&Arc<str>>) {
        match self.status {
            Status::Failed | Status::TimedOut | Status::Aborted => {}
            Status::Running | Status::Succeeded => return,
        }
        if self.failure.as_ref().and_then(|failure| failure.error.as_deref()) == Some(DATA_LIMIT_EXCEEDED) {
            self.begin_anew(ThreadId::ROOT);
        }
        self.status = Status::Running;
        self.output = None;
        self.failure = None;
        self.stopped_at = None;
        let before = self.redrives.take().map(|before| *before);
        self.redrives = Some(Box::new(Redrives::after(before, count, at.event.at, deadline, token)));
        for (thread, strand) in self.strands.iter_mut() {
            strand.wake();
            if let Some(entry) = task_entry(thread, strand) {
                self.tasks.insert(entry, thread);
            }
            if strand.is_queued {
                self.ready.push_back(thread);
            }
        }
    }

    /// A Parallel or Map state whose result was too large begins anew, with what had succeeded in it, as AWS does.
    fn begin_anew(&mut self, thread: ThreadId) {
        self.remove_children(thread);
        if let Some(visit) = self.strands.get_mut(thread).and_then(Strand::visit_mut) {
            visit.activity = Activity::Deciding;
        }
    }
}

impl Strand {
    /// Nothing is out, due or wanted any more. Where it stands is kept.
    fn rest(&mut self) {
        self.is_queued = false;
        if let Some(visit) = self.visit_mut() {
            visit.rest();
        }
    }

    /// Goes on after a redrive: what was under way in it is done again.
    fn wake(&mut self) {
        if let Position::Inside(visit) = &mut self.position {
            visit.wake();
            self.last = visit.entry;
        }
        self.is_queued = self.wants_turn();
    }
}

impl Visit {
    /// The state is through with its work, well or not: it wants nothing more of what has run inside of it.
    pub(super) fn settle(&mut self) {
        match &mut self.activity {
            Activity::Branching(branches) => branches.is_settled = true,
            Activity::Iterating(iterations) => {
                iterations.stopped.append(&mut iterations.running);
                iterations.is_settled = true;
            }
            Activity::Mapping(mapping) => mapping.is_settled = true,
            activity => *activity = Activity::Deciding,
        }
    }

    fn rest(&mut self) {
        match &self.activity {
            Activity::Deciding | Activity::Branching(_) | Activity::Iterating(_) => {}
            Activity::Mapping(_) => self.settle(),
            Activity::Waiting { .. } | Activity::Working(_) | Activity::BackingOff { .. } | Activity::Redriven => {
                self.activity = Activity::Deciding;
            }
        }
    }

    /// Retriers count from the beginning, as AWS does. Attempts count on, so that no two are the same.
    fn wake(&mut self) {
        self.retries = Vec::new();
        match &mut self.activity {
            Activity::Branching(branches) => branches.is_settled = false,
            Activity::Iterating(iterations) => {
                let stopped: BTreeMap<u64, ThreadId> = std::mem::take(&mut iterations.stopped);
                iterations.running.extend(stopped);
                iterations.is_settled = false;
            }
            Activity::Mapping(mapping) => mapping.is_redriven = true,
            activity => *activity = Activity::Redriven,
        }
    }
}
