//! Branches of a Parallel state.

use baton_asl::{FlowId, StateId, StateKind};

use super::Place;
use crate::{
    Execution, Payload, ThreadId,
    strand::{Activity, Branches, Position, Strand, Visit},
    variables::VariableScope,
};

impl Execution {
    pub(super) fn parallel_started(&mut self, at: Place<'_>, state: StateId, input: &Payload) {
        let Some(StateKind::Parallel(parallel)) = at.machine.states.get(state.0 as usize).map(|state| &state.kind) else { return };
        let first = ThreadId(self.next_thread);
        let count = parallel.branches.len();
        let branches = Branches { first, running: count as u32, outputs: vec![None; count], is_settled: false };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.activity = Activity::Branching(branches);
            }
        });
        for (index, flow) in parallel.branches.iter().enumerate() {
            let branch = new_strand(at, index as u64, *flow, input);
            self.add_strand(ThreadId(first.0 + index as u32), branch);
        }
    }

    /// A strand is through. A branch's output goes to its Parallel state; an iteration's stays until its MapIterationSucceeded.
    pub(super) fn branch_ended(&mut self, at: Place<'_>) {
        let Some(Strand { parent: Some(parent), index, position: Position::Ended { output }, .. }) = self.strands.get(at.thread()) else {
            return;
        };
        let (parent, index, output) = (*parent, *index as usize, output.clone());
        if !matches!(self.strands.get(parent).and_then(Strand::visit).map(|visit| &visit.activity), Some(Activity::Branching(_))) {
            return;
        }
        self.remove_strand(at.thread());
        self.change(parent, |strand| {
            strand.last = at.id;
            if let Some(Activity::Branching(branches)) = strand.visit_mut().map(|visit| &mut visit.activity) {
                branches.running = branches.running.saturating_sub(1);
                if let Some(place) = branches.outputs.get_mut(index) {
                    *place = Some(output);
                }
            }
        });
    }

    /// The state's exit chains to what this event chains to, not to the event itself.
    pub(super) fn parallel_succeeded(&mut self, at: Place<'_>) {
        self.change_visit(at.thread(), Visit::settle);
    }
}

/// A strand that begins with the event, inside of the event's strand.
pub(super) fn new_strand(at: Place<'_>, index: u64, flow: FlowId, input: &Payload) -> Strand {
    Strand {
        parent: Some(at.thread()),
        index,
        last: at.id,
        variables: VariableScope::default(),
        position: Position::Entering { state: at.machine.flow(flow).start_at, input: input.clone() },
        is_queued: false,
    }
}
