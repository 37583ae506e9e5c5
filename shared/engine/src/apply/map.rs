//! Iterations of an inline Map state.

use std::collections::BTreeMap;

use baton_asl::{QueryLanguage, StateKind};

use super::{Place, parallel::new_strand};
use crate::{
    Execution, Payload, ThreadId,
    strand::{Activity, Iterations, Position, Strand, Visit},
};

impl Execution {
    pub(super) fn map_started(&mut self, at: Place<'_>, length: u64, input: &Payload, items: &Payload, is_keyed: bool, concurrency: u32) {
        let iterations = Iterations {
            started: at.id,
            input: input.clone(),
            items: items.clone(),
            is_keyed,
            length,
            concurrency,
            next: 0,
            running: BTreeMap::new(),
            stopped: BTreeMap::new(),
            succeeded: 0,
            last_inner: at.id,
            // Every item takes a byte of text at least.
            outputs: vec![None; items.len().min(length as usize)],
            is_settled: false,
        };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.activity = Activity::Iterating(Box::new(iterations));
            }
        });
    }

    pub(super) fn iteration_started(&mut self, at: Place<'_>, index: u64, iteration: ThreadId, input: &Payload) {
        let state = at.event.kind.state().and_then(|state| at.machine.states.get(state.0 as usize));
        let Some(StateKind::Map(map)) = state.map(|state| &state.kind) else { return };
        self.change_iterations(at, |iterations| {
            iterations.next = index + 1;
            iterations.running.insert(index, iteration);
        });
        self.add_strand(iteration, new_strand(at, index, map.processor, input));
    }

    pub(super) fn iteration_succeeded(&mut self, at: Place<'_>, index: u64) {
        let Some(iteration) = self.iteration(at, index) else { return };
        let Some(Strand { position: Position::Ended { output }, last, .. }) = self.strands.get(iteration) else { return };
        let (output, last) = (output.clone(), *last);
        self.remove_strand(iteration);
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(Activity::Iterating(iterations)) = strand.visit_mut().map(|visit| &mut visit.activity) {
                iterations.running.remove(&index);
                iterations.succeeded += 1;
                iterations.last_inner = last;
                if let Some(place) = iterations.outputs.get_mut(index as usize) {
                    *place = Some(output);
                }
            }
        });
    }

    /// What follows in the Map's own strand chains to the event that made the iteration fail.
    pub(super) fn iteration_failed(&mut self, at: Place<'_>, index: u64) {
        self.stop_iteration(at, index);
        self.change(at.thread(), |strand| strand.last = at.event.previous);
    }

    pub(super) fn iteration_aborted(&mut self, at: Place<'_>, index: u64) {
        self.stop_iteration(at, index);
    }

    /// The state's exit chains to what this event chains to, not to the event itself.
    ///
    /// Of a Distributed Map AWS has it chain to the MapRunSucceeded in the recordings of JSONPath, and to the MapRunStarted in those of JSONata.
    pub(super) fn map_succeeded(&mut self, at: Place<'_>) {
        let state = at.event.kind.state().and_then(|state| at.machine.states.get(state.0 as usize));
        let is_jsonata = state.is_some_and(|state| state.query_language == QueryLanguage::Jsonata);
        self.change(at.thread(), |strand| {
            if let Some(Activity::Mapping(mapping)) = strand.visit().map(|visit| &visit.activity)
                && is_jsonata
            {
                strand.last = mapping.started;
            }
            strand.visit_mut().into_iter().for_each(Visit::settle);
        });
    }

    fn stop_iteration(&mut self, at: Place<'_>, index: u64) {
        let Some(iteration) = self.iteration(at, index) else { return };
        self.rest(iteration);
        self.change_iterations(at, |iterations| {
            iterations.running.remove(&index);
            iterations.stopped.insert(index, iteration);
            // Nothing begins any more: the state fails or begins anew.
            iterations.is_settled = true;
        });
    }

    fn iteration(&self, at: Place<'_>, index: u64) -> Option<ThreadId> {
        match &self.strands.get(at.thread())?.visit()?.activity {
            Activity::Iterating(iterations) => iterations.running.get(&index).copied(),
            _ => None,
        }
    }

    fn change_iterations(&mut self, at: Place<'_>, change: impl FnOnce(&mut Iterations)) {
        self.change_visit(at.thread(), |visit| {
            if let Activity::Iterating(iterations) = &mut visit.activity {
                change(iterations);
            }
        });
    }
}
