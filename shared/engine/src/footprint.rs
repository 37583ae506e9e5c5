//! What an execution holds in memory: for those who run many that are nowhere else.

use crate::{
    Execution, Payload,
    strand::{Activity, Position, Strand, Visit},
};

impl Execution {
    /// Bytes of all payloads that the execution holds at the moment. What strands share is counted once for each.
    pub fn payload_bytes(&self) -> usize {
        let ends = self.start.input.len() + self.output.as_ref().map_or(0, Payload::len);
        ends + self.variables_bytes + self.strands.iter().map(|(_, strand)| of_strand(strand)).sum::<usize>()
    }

    /// Strands that run: 1 for a machine without Parallel and Map states.
    pub fn strand_count(&self) -> usize {
        self.strands.iter().count()
    }
}

fn of_strand(strand: &Strand) -> usize {
    match &strand.position {
        Position::Entering { input, .. } => input.len(),
        Position::Inside(visit) => of_visit(visit),
        Position::Ended { output } => output.len(),
    }
}

fn of_visit(visit: &Visit) -> usize {
    let gathered = |outputs: &[Option<Payload>]| outputs.iter().flatten().map(Payload::len).sum::<usize>();
    visit.input.len()
        + match &visit.activity {
            Activity::Deciding | Activity::Waiting { .. } | Activity::BackingOff { .. } | Activity::Redriven | Activity::Mapping(_) => 0,
            Activity::Working(work) => work.input.len(),
            Activity::Branching(branches) => gathered(&branches.outputs),
            Activity::Iterating(iterations) => iterations.input.len() + iterations.items.len() + gathered(&iterations.outputs),
        }
}
