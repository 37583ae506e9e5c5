//! Names of errors as labels: users make up as many as they like.

/// AWS's reserved names that executions fail with.
const RESERVED: [&str; 14] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// The class of an error: a reserved name is its own, errors of a Lambda service are `Lambda`, those of functions and Fail states
/// `application`, and `none` is one without a name.
pub fn error_class(error: Option<&str>) -> &'static str {
    let Some(error) = error else { return "none" };
    match RESERVED.iter().find(|reserved| **reserved == error) {
        Some(reserved) => reserved,
        None if error.starts_with("Lambda.") => "Lambda",
        None => "application",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_few() {
        assert_eq!(error_class(Some("States.Timeout")), "States.Timeout");
        assert_eq!(error_class(Some("Lambda.TooManyRequestsException")), "Lambda");
        assert_eq!(error_class(Some("States.MadeUp")), "application");
        assert_eq!(error_class(None), "none");
    }
}
