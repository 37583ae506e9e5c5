//! Parallel states.

use super::Answer;
use crate::{
    EventKind, Payload, data_flow,
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
    let result = size::checked(at, array(&branches.outputs))?;
    Ok(Answer::Join { succeeded: EventKind::ParallelStateSucceeded { state: at.state.id }, result })
}

/// The outputs as an array, each text as it is.
pub(super) fn array(outputs: &[Option<Payload>]) -> Payload {
    let texts = || outputs.iter().map(|output| output.as_ref().expect("a strand that is through has an output").text());
    let mut array = String::with_capacity(texts().map(|text| text.len() + 1).sum::<usize>() + 2);
    array.push('[');
    for (index, text) in texts().enumerate() {
        if index > 0 {
            array.push(',');
        }
        array.push_str(text);
    }
    array.push(']');
    Payload::from_text(array)
}
