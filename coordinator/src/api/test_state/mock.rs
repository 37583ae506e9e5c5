//! `mock` and `stateConfiguration`: whether they fit the state, and each other.

use baton_asl::{Pattern, Resource, StateKind};
use baton_engine::{Failure, Payload};
use serde_json::Value;

use super::refusal::Refusal;
use super::request::{ErrorOutput, MockMember, Request};
use super::schema;
use super::subject::Tested;
use crate::api::json_payload;

/// What stands in for the state's work.
#[derive(Clone, Debug)]
pub(super) enum Mock {
    Result(Payload),
    Failure(Failure),
}

/// The mock, checked; without one, whether the state can do without.
pub(super) fn check(request: &Request, tested: Tested<'_>) -> Result<Option<Mock>, Refusal> {
    match &request.mock {
        None => without(request, tested).map(|()| None),
        Some(mock) => with(request, mock, tested).map(Some),
    }
}

fn without(request: &Request, tested: Tested<'_>) -> Result<(), Refusal> {
    match &tested.state.kind {
        StateKind::Map(_) | StateKind::Parallel(_) => return Err(Refusal::MapOrParallelWithoutMock),
        StateKind::Task(task) if !responds(&task.resource) => return Err(Refusal::PatternWithoutMock),
        StateKind::Task(_) if request.role_arn.is_none() => return Err(Refusal::RoleMissing),
        StateKind::Task(_) | StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {}
    }
    let configuration = &request.configuration;
    let mocked_only = [
        ("Context", request.context.is_some()),
        ("RetrierRetryCount", configuration.has_retries),
        ("ErrorCausedByState", configuration.error_caused_by_state.is_some()),
        ("MapIterationFailureCount", configuration.iteration_failures.is_some()),
        ("MapItemReaderData", configuration.item_reader_data.is_some()),
    ];
    match mocked_only.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Refusal::NeedsMock(name)),
        None => Ok(()),
    }
}

/// Whether the task ends with the answer to its call.
fn responds(resource: &Resource) -> bool {
    match resource {
        Resource::Function { .. } => true,
        Resource::Activity { .. } => false,
        Resource::Integration(integration) => integration.pattern == Pattern::RequestResponse,
    }
}

fn with(request: &Request, mock: &MockMember, tested: Tested<'_>) -> Result<Mock, Refusal> {
    if let Some(name) = unmockable(&tested.state.kind) {
        return Err(Refusal::TypeNotMockable(name));
    }
    if request.reveals_secrets {
        return Err(Refusal::SecretsWithMock);
    }
    let outcome = match (&mock.result, &mock.error_output) {
        (Some(result), None) => Mock::Result(self::result(result, mock, tested)?),
        (None, Some(output)) => Mock::Failure(failure(output)?),
        (Some(_), Some(_)) | (None, None) => return Err(Refusal::NotOneOutcome),
    };
    configuration(request, tested)?;
    Ok(outcome)
}

fn unmockable(kind: &StateKind) -> Option<&'static str> {
    match kind {
        StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_) => None,
        StateKind::Pass(_) => Some("Pass"),
        StateKind::Choice(_) => Some("Choice"),
        StateKind::Wait(_) => Some("Wait"),
        StateKind::Succeed => Some("Succeed"),
        StateKind::Fail(_) => Some("Fail"),
    }
}

fn failure(output: &ErrorOutput) -> Result<Failure, Refusal> {
    let error = output.error.as_deref().ok_or(Refusal::ErrorMissing)?;
    Ok(Failure { error: Some(error.into()), cause: output.cause.as_deref().map(Into::into) })
}

fn result(text: &str, mock: &MockMember, tested: Tested<'_>) -> Result<Payload, Refusal> {
    let result = json_payload(text.to_owned()).map_err(|_| Refusal::ResultNotJson)?;
    match &tested.state.kind {
        StateKind::Map(map) if map.distributed.result_writer.is_some() => match result.value() {
            Value::Object(_) => {}
            _ => return Err(Refusal::ResultNotObject),
        },
        StateKind::Map(_) => {
            result.value().as_array().ok_or(Refusal::ResultNotArray)?;
        }
        StateKind::Parallel(parallel) => {
            let outputs = result.value().as_array().ok_or(Refusal::ResultNotArray)?;
            if outputs.len() != parallel.branches.len() {
                return Err(Refusal::NotOneResultPerBranch);
            }
        }
        StateKind::Task(task) => schema::check(&task.resource, result.value(), mock.validation)?,
        StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {
            unreachable!("states of these types are refused before")
        }
    }
    Ok(result)
}

fn configuration(request: &Request, tested: Tested<'_>) -> Result<(), Refusal> {
    let configuration = &request.configuration;
    let (is_map, is_parallel) = match &tested.state.kind {
        StateKind::Map(_) => (true, false),
        StateKind::Parallel(_) => (false, true),
        StateKind::Task(_) | StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {
            (false, false)
        }
    };
    if configuration.iteration_failures.is_some() && !is_map {
        return Err(Refusal::NotForType { field: "MapIterationFailureCount", types: "Map" });
    }
    if configuration.item_reader_data.is_some() && !is_map {
        return Err(Refusal::NotForType { field: "MapItemReaderData", types: "Map" });
    }
    let Some(name) = &configuration.error_caused_by_state else { return Ok(()) };
    if !(is_map || is_parallel) {
        return Err(Refusal::NotForType { field: "ErrorCausedByState", types: "Map and Parallel" });
    }
    if tested.contains(name) { Ok(()) } else { Err(Refusal::CauseNotInside) }
}
