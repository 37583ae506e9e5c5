//! Parallel states.

use super::Answer;
use crate::{
    EventKind, data_flow,
    error_handling::{Fault, size},
    evaluator::Evaluator,
    strand::Activity,
};

/// All branches begin with the effective input.
pub(super) fn enter(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    let input = size::checked(at, data_flow::work_input(at)?)?;
    Ok(Answer::Branch { input })
}

/// All branches are through: the result is their outputs in the order of the branches.
pub(super) fn advance(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    let Activity::Branching(branches) = &at.visit.activity else {
        unreachable!("a Parallel state that wants a turn runs branches");
    };
    let result = size::array(at, &branches.outputs)?;
    Ok(Answer::Join { succeeded: EventKind::ParallelStateSucceeded { state: at.state.id }, result })
}
