//! Test cases of the server's mock configuration: `<state machine ARN>#<test case>` in a start.

use std::sync::Arc;

use baton_engine::TestCase;

use super::resource::StateMachineRef;
use super::{Api, ApiError};
use crate::mock_config::MockConfig;

/// The ARN, and the test case that is named behind it. Without a mock configuration `#` is as wrong in an ARN as it is on AWS.
pub(super) fn split<'a>(api: &Api, arn: &'a str) -> (&'a str, Option<&'a str>) {
    match arn.split_once('#') {
        Some((arn, name)) if api.mock_config().is_some() => (arn, Some(name)),
        Some(_) => {
            tracing::warn!(
                "a test case is asked for and there is no mock configuration: name its file with --mock-config or SFN_MOCK_CONFIG"
            );
            (arn, None)
        }
        None => (arn, None),
    }
}

/// The test case of this name for the state machine.
pub(super) async fn find(api: &Api, target: &StateMachineRef, name: Option<&str>) -> Result<Option<Arc<TestCase>>, ApiError> {
    let (Some(config), Some(name)) = (api.mock_config().cloned(), name.map(str::to_owned)) else { return Ok(None) };
    let case = read(config, target.machine.name.to_string(), name).await?;
    warn_of_unknown_states(target, &case);
    Ok(Some(Arc::new(case)))
}

async fn read(config: MockConfig, state_machine: String, name: String) -> Result<TestCase, ApiError> {
    let read = tokio::task::spawn_blocking(move || config.test_case(&state_machine, &name)).await;
    match read {
        Ok(case) => case.map_err(|error| ApiError::validation(format!("Invalid {error}"))),
        Err(error) => Err(ApiError::InternalFailure(error.to_string())),
    }
}

/// A misspelt state would quietly be done by the real service.
fn warn_of_unknown_states(target: &StateMachineRef, case: &TestCase) {
    let Some(revision) = target.revision.compiled() else { return };
    let is_task = |name: &Arc<str>| {
        revision.machine.states.iter().any(|state| state.name == *name && matches!(state.kind, baton_asl::StateKind::Task(_)))
    };
    for name in case.states.keys().filter(|name| !is_task(name)) {
        tracing::warn!(state_machine = %target.machine.name, test_case = %case.name, "the test case mocks '{name}', which is no Task state of the machine");
    }
}
