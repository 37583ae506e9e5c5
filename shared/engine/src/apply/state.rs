//! Entering, waiting, retrying and leaving.

use std::sync::Arc;

use baton_asl::StateId;

use super::Place;
use crate::{
    Execution, Failure, Payload, Then, Timestamp,
    strand::{Activity, Position, Strand, Visit},
};

impl Execution {
    pub(super) fn state_entered(&mut self, at: Place<'_>, state: StateId, input: &Payload) {
        let visit = Visit {
            state,
            entry: at.id,
            entry_previous: at.event.previous,
            entered_at: at.event.at,
            input: input.clone(),
            retries: Vec::new(),
            attempts: 0,
            activity: Activity::Deciding,
        };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            strand.position = Position::Inside(visit);
        });
    }

    pub(super) fn state_exited(&mut self, at: Place<'_>, output: &Payload, assigned: &[(Arc<str>, Payload)], then: Then) {
        self.remove_children(at.thread());
        self.assign(at, assigned);
        let output = output.clone();
        let position = match then {
            Then::Next(state) => Position::Entering { state, input: output },
            Then::End => Position::Ended { output },
        };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            strand.position = position;
        });
        if then == Then::End {
            self.branch_ended(at);
        }
    }

    fn assign(&mut self, at: Place<'_>, assigned: &[(Arc<str>, Payload)]) {
        let Some(strand) = self.strands.get_mut(at.thread()) else { return };
        for (name, value) in assigned {
            self.variables_bytes -= strand.variables.get(name).map_or(0, Payload::len);
            self.variables_bytes += value.len();
            strand.variables.assign(name, value);
        }
    }

    pub(super) fn evaluation_failed(&mut self, at: Place<'_>) {
        self.change(at.thread(), |strand| strand.last = at.id);
    }

    pub(super) fn wait_started(&mut self, at: Place<'_>, until: Timestamp) {
        self.change_visit(at.thread(), |visit| visit.activity = Activity::Waiting { until });
    }

    /// The state's next attempt chains to what the event names, and what ran inside of the state is gone.
    pub(super) fn retry_scheduled(&mut self, at: Place<'_>, retrier: u32, until: Timestamp, failure: &Failure) {
        self.remove_children(at.thread());
        let activity = Activity::BackingOff { since: at.event.at, until, failure: failure.clone() };
        let retriers = at.event.kind.state().and_then(|state| at.machine.states.get(state.0 as usize)).map_or(0, |state| state.retry.len());
        self.change(at.thread(), |strand| {
            strand.last = at.event.previous;
            if let Some(visit) = strand.visit_mut() {
                visit.retries.resize(retriers, 0);
                if let Some(count) = visit.retries.get_mut(retrier as usize) {
                    *count += 1;
                }
                visit.activity = activity;
            }
        });
    }

    /// A Parallel or Map state gives up: what ran inside of it is at rest.
    pub(super) fn inner_failed(&mut self, at: Place<'_>) {
        let children = self.strands.get(at.thread()).map(Strand::children).unwrap_or_default();
        children.into_iter().for_each(|child| self.rest(child));
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.settle();
            }
        });
    }
}
