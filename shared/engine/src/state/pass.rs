//! Pass states.

use baton_asl::{DataFlow, Pass};

use super::{Answer, then};
use crate::{Payload, data_flow, error_handling::Fault, evaluator::Evaluator};

/// Gives its `Result`, or else its effective input after `Parameters`. In JSONata, `Output` makes of the input what it likes.
pub(super) fn enter(at: &Evaluator<'_>, pass: &Pass) -> Result<Answer, Fault> {
    let exit = match &at.state.data {
        DataFlow::Jsonata(_) => data_flow::pass_on(at, then(at)),
        DataFlow::JsonPath(_) => {
            let input = data_flow::work_input(at)?;
            let result = pass.result.as_ref().map_or(input, |result| Payload::from_value(result.clone()));
            data_flow::finish(at, &result, then(at))
        }
    };
    exit.map(Answer::GoTo)
}
