//! Task states: what is to be done, with what, until when, and as whom. Doing it is somebody else's.

use std::sync::Arc;

use baton_asl::{IntegerField, Resource, Task};
use baton_query::{PayloadTemplate, Value};

use super::{Answer, Schedule};
use crate::{
    Payload, data_flow,
    error_handling::{Fault, fault::RUNTIME, size},
    evaluator::Evaluator,
    mock,
};

/// Has an attempt of the task scheduled.
pub(super) fn enter(at: &Evaluator<'_>, task: &Task) -> Result<Answer, Fault> {
    let input = size::checked(at, data_flow::work_input(at)?)?;
    let timeout_seconds = seconds(at, task.timeout.as_ref(), "TimeoutSeconds")?;
    let heartbeat_seconds = seconds(at, task.heartbeat.as_ref(), "HeartbeatSeconds")?;
    let role_arn = task.credentials.as_ref().map(|credentials| role_arn(at, credentials)).transpose()?;
    let mocked = mock::next(at)?;
    if !(mocked.is_some() && is_registered(&task.resource)) {
        check(at, task, &input)?;
    }
    Ok(Answer::Schedule(Schedule { input, timeout_seconds, heartbeat_seconds, role_arn, mocked }))
}

/// Whether the resource itself must be there: a test does without it.
fn is_registered(resource: &Resource) -> bool {
    match resource {
        Resource::Activity { .. } => true,
        Resource::Function { .. } | Resource::Integration(_) => false,
    }
}

/// Fails the state when the service cannot be called with these parameters.
fn check(at: &Evaluator<'_>, task: &Task, input: &Payload) -> Result<(), Fault> {
    at.env.services.check(&task.resource, input).map_err(|refusal| {
        let error = refusal.error.as_deref().unwrap_or(RUNTIME);
        at.fault(error, refusal.cause.as_deref().unwrap_or_default())
    })
}

fn seconds(at: &Evaluator<'_>, field: Option<&IntegerField>, name: &str) -> Result<Option<u64>, Fault> {
    let Some(field) = field else { return Ok(None) };
    let input = data_flow::effective_input(at)?;
    let seconds = data_flow::integer(at, field, name, &input)?;
    data_flow::positive(at, field, name, seconds).map(Some)
}

/// `RoleArn` of `Credentials`.
fn role_arn(at: &Evaluator<'_>, credentials: &PayloadTemplate) -> Result<Arc<str>, Fault> {
    let input = data_flow::effective_input(at)?;
    let rendered = credentials.render(&at.scope(input.value()), "Credentials").map_err(|error| at.query(error))?;
    let role_arn = rendered.get("RoleArn").and_then(Value::as_str);
    role_arn.map(Arc::from).ok_or_else(|| at.runtime("The field 'RoleArn' of 'Credentials' must be a string."))
}
