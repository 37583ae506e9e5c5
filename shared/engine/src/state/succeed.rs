//! Succeed states.

use super::Answer;
use crate::{Then, data_flow, error_handling::Fault, evaluator::Evaluator};

/// Ends its strand: the execution, or only the branch or iteration that it stands in.
pub(super) fn enter(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    data_flow::pass_on(at, Then::End).map(Answer::GoTo)
}
