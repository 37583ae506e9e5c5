//! What TestState answers.

use baton_asl::{QueryLanguage, State, StateId, StateKind};

use crate::{Failure, Payload, probe::Inspection};

/// `status` of TestState.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatus {
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// RETRIABLE: a retrier would have the work done again.
    Retriable,
    /// CAUGHT_ERROR.
    CaughtError,
}

/// `errorDetails`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// Position of the catcher that takes the error.
    pub catch_index: Option<usize>,
    /// Position of the retrier that names the error, also when its attempts are used up.
    pub retry_index: Option<usize>,
    /// Seconds until its next attempt.
    pub retry_backoff_interval_seconds: Option<i64>,
}

/// How a tested state has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TestResult {
    /// `status`.
    pub status: TestStatus,
    /// What leaves the state.
    pub output: Option<Payload>,
    /// `error` and `cause`, also of an error that is retried or caught.
    pub failure: Option<Failure>,
    /// The state that follows.
    pub next: Option<StateId>,
    /// What was done about the failure.
    pub error_details: Option<ErrorDetails>,
    /// All variables after the state, an object; `None` when there are none.
    pub variables: Option<Payload>,
    /// Intermediate values.
    pub inspection: Inspection,
}

/// Of what was noted, what AWS shows, as recorded: not every value that a state has on its way is among it.
pub(super) fn shown(state: &State, mut seen: Inspection) -> Inspection {
    let (has_path_input, has_work_input) = match &state.kind {
        StateKind::Pass(pass) => (pass.result.is_none(), pass.result.is_none()),
        StateKind::Parallel(_) => (false, false),
        StateKind::Task(_) | StateKind::Map(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {
            (true, true)
        }
    };
    if !has_path_input || state.query_language == QueryLanguage::Jsonata {
        seen.after_input_path = None;
    }
    if !has_work_input {
        seen.after_parameters = None;
        seen.after_arguments = None;
    }
    seen
}
