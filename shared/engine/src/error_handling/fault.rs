//! Why a state fails.

use std::sync::Arc;

use crate::Failure;

/// Why a state fails, and where that comes from.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    pub(crate) origin: Origin,
    /// A sign of life did not come; survives on the way outwards, where history shows a plain States.Timeout.
    pub(crate) is_heartbeat: bool,
}

/// Where a fault comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// A JSONata expression, shown as EvaluationFailed.
    Evaluation { location: Option<Arc<str>> },
    /// Paths, sizes and other data, or a Fail state: nothing is shown before the failure itself.
    Data,
    /// A task's attempt.
    Work,
    /// A branch or an iteration.
    Inner,
}

impl Fault {
    pub(crate) fn of_data(failure: Failure) -> Self {
        Self { failure, origin: Origin::Data, is_heartbeat: false }
    }

    pub(crate) fn of_work(failure: Failure) -> Self {
        Self { failure, origin: Origin::Work, is_heartbeat: false }
    }

    pub(crate) fn of_timeout(failure: Failure, is_heartbeat: bool) -> Self {
        Self { failure, origin: Origin::Work, is_heartbeat }
    }

    pub(crate) fn of_evaluation(failure: Failure, location: Option<Arc<str>>) -> Self {
        Self { failure, origin: Origin::Evaluation { location }, is_heartbeat: false }
    }

    /// Whether it is a States.Runtime, which nothing retries or catches.
    pub(crate) fn is_runtime(&self) -> bool {
        self.failure.error.as_deref() == Some(RUNTIME)
    }
}

/// Faults of the definition or its data that only a new definition can mend.
pub(crate) const RUNTIME: &str = "States.Runtime";

/// A JSONata expression that fails.
pub(crate) const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";

/// Something is larger than its limit.
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";

/// A time limit has passed.
pub(crate) const TIMEOUT: &str = "States.Timeout";
