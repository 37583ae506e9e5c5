//! Limits on sizes, with AWS's texts.

use super::fault::{DATA_LIMIT_EXCEEDED, Fault};
use crate::{Failure, Payload, evaluator::Evaluator};

/// The failure of what is larger than a payload may be. `what` is a state's name, a function's or activity's ARN, or a service.
pub(crate) fn exceeded(what: &str) -> Failure {
    let cause = format!("The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit.");
    Failure::new(DATA_LIMIT_EXCEEDED, cause)
}

/// The payload, if it is not larger than a payload may be.
pub(crate) fn checked(at: &Evaluator<'_>, payload: Payload) -> Result<Payload, Fault> {
    if payload.len() <= at.env.limits.payload_bytes_max { Ok(payload) } else { Err(Fault::of_data(exceeded(&at.state.name))) }
}
