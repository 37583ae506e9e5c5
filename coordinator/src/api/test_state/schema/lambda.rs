//! Lambda's Invoke.

use super::{Member, Shape, optional};

/// Its response. What the function gives is any JSON by the time it is a task's result.
pub(super) const INVOKE: &[Member] = &[
    optional("StatusCode", Shape::Number(f64::MIN, f64::MAX)),
    optional("FunctionError", Shape::Text(0)),
    optional("LogResult", Shape::Text(0)),
    optional("Payload", Shape::Any),
    optional("ExecutedVersion", Shape::Text(1)),
];
