//! An event of the engine as AWS's history shows it.
//!
//! The engine has one kind of event where AWS has a family of names: `StateEntered` is `PassStateEntered` or `TaskStateEntered` by
//! the state's type, `TaskStarted` is `LambdaFunctionStarted`, `ActivityStarted` or `TaskStarted` by its resource. The names of the
//! `…EventDetails` members follow from the type again.

use baton_asl::{Resource, StateId, StateKind, StateMachine};
use baton_engine::{Event, EventKind, Failure, Payload, Start};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::epoch::EpochSeconds;

/// What all events of one history have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History<'a> {
    /// The machine that the execution runs.
    pub(crate) machine: &'a StateMachine,
    /// Region of the execution, told by TaskScheduled.
    pub(crate) region: &'a str,
    /// `includeExecutionData`: without it inputs, outputs and parameters are left out.
    pub(crate) data: bool,
}

/// `HistoryEvent`.
#[derive(Debug)]
pub(crate) struct HistoryEvent<'a> {
    id: u64,
    event: &'a Event,
    type_name: &'static str,
    details: Option<(&'static str, Details<'a>)>,
}

/// All members of all `…EventDetails`; each type has a few of them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_variables: Option<Assigned<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_variables_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_credentials: Option<TaskCredentials<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
}

/// The API truncates nothing; only what is logged may be too long.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct DataDetails {
    truncated: bool,
}

impl<'a> HistoryEvent<'a> {
    /// `type`.
    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The members of the event's details; none for types that have none.
    pub(crate) fn into_details(self) -> Details<'a> {
        self.details.map(|(_, details)| details).unwrap_or_default()
    }
}

impl Details<'_> {
    /// Without inputs, outputs, parameters and variables, and without a word about them.
    pub(crate) fn without_data(self) -> Self {
        Self {
            input: None,
            input_details: None,
            output: None,
            output_details: None,
            parameters: None,
            assigned_variables: None,
            assigned_variables_details: None,
            ..self
        }
    }

    /// Without inputs, outputs, parameters and variables, and with the word that they were too long.
    pub(crate) fn truncated(self) -> Self {
        let truncated = |details: Option<DataDetails>| details.map(|_| DataDetails { truncated: true });
        let (input_details, output_details) = (truncated(self.input_details), truncated(self.output_details));
        let assigned_variables_details = truncated(self.assigned_variables_details);
        Self { input_details, output_details, assigned_variables_details, ..self.without_data() }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskCredentials<'a> {
    role_arn: &'a str,
}

/// Names of variables and the JSON text of their values.
#[derive(Debug)]
struct Assigned<'a>(&'a [(std::sync::Arc<str>, Payload)]);

impl Serialize for Assigned<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value.text())))
    }
}

impl Serialize for HistoryEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &EpochSeconds(self.event.at))?;
        map.serialize_entry("type", self.type_name)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("previousEventId", &self.event.previous)?;
        if let Some((member, details)) = &self.details {
            map.serialize_entry(member, details)?;
        }
        map.end()
    }
}

/// Names of a type and of its details: `named!("MapStateStarted", "mapStateStarted")`.
macro_rules! named {
    ($type_name:literal, $member:literal) => {
        ($type_name, Some(concat!($member, "EventDetails")))
    };
    ($type_name:literal) => {
        ($type_name, None)
    };
}

type Names = (&'static str, Option<&'static str>);

impl<'a> History<'a> {
    /// The event with this id as history shows it; `None` for internal events, which have no id.
    pub(crate) fn show(&self, id: u64, event: &'a Event) -> Option<HistoryEvent<'a>> {
        if !event.kind.is_public() {
            return None;
        }
        let (type_name, member) = self.names(&event.kind);
        let details = member.map(|member| (member, self.details(&event.kind)));
        Some(HistoryEvent { id, event, type_name, details })
    }

    fn names(&self, kind: &EventKind) -> Names {
        match kind {
            EventKind::ExecutionStarted(_) => named!("ExecutionStarted", "executionStarted"),
            EventKind::ExecutionSucceeded { .. } => named!("ExecutionSucceeded", "executionSucceeded"),
            EventKind::ExecutionFailed { .. } => named!("ExecutionFailed", "executionFailed"),
            EventKind::ExecutionAborted { .. } => named!("ExecutionAborted", "executionAborted"),
            EventKind::ExecutionTimedOut { .. } => named!("ExecutionTimedOut", "executionTimedOut"),
            EventKind::ExecutionRedriven { .. } => named!("ExecutionRedriven", "executionRedriven"),
            EventKind::StateEntered { state, .. } => (self.entered(*state), Some("stateEnteredEventDetails")),
            EventKind::StateExited { state, .. } => (self.exited(*state), Some("stateExitedEventDetails")),
            EventKind::StateAborted { state } => (self.aborted(*state), None),
            EventKind::EvaluationFailed { .. } => named!("EvaluationFailed", "evaluationFailed"),
            EventKind::TaskScheduled { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionScheduled", "lambdaFunctionScheduled"),
                Resource::Activity { .. } => named!("ActivityScheduled", "activityScheduled"),
                Resource::Integration(_) => named!("TaskScheduled", "taskScheduled"),
            },
            EventKind::TaskRefused { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionScheduleFailed", "lambdaFunctionScheduleFailed"),
                Resource::Activity { .. } => named!("ActivityScheduleFailed", "activityScheduleFailed"),
                Resource::Integration(_) => named!("TaskStartFailed", "taskStartFailed"),
            },
            EventKind::TaskStarted { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionStarted"),
                Resource::Activity { .. } => named!("ActivityStarted", "activityStarted"),
                Resource::Integration(_) => named!("TaskStarted", "taskStarted"),
            },
            EventKind::TaskSubmitted { .. } => named!("TaskSubmitted", "taskSubmitted"),
            EventKind::TaskSucceeded { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionSucceeded", "lambdaFunctionSucceeded"),
                Resource::Activity { .. } => named!("ActivitySucceeded", "activitySucceeded"),
                Resource::Integration(_) => named!("TaskSucceeded", "taskSucceeded"),
            },
            EventKind::TaskFailed { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionFailed", "lambdaFunctionFailed"),
                Resource::Activity { .. } => named!("ActivityFailed", "activityFailed"),
                Resource::Integration(_) => named!("TaskFailed", "taskFailed"),
            },
            EventKind::TaskTimedOut { state, .. } => match self.resource(*state) {
                Resource::Function { .. } => named!("LambdaFunctionTimedOut", "lambdaFunctionTimedOut"),
                Resource::Activity { .. } => named!("ActivityTimedOut", "activityTimedOut"),
                Resource::Integration(_) => named!("TaskTimedOut", "taskTimedOut"),
            },
            EventKind::ParallelStateStarted { .. } => named!("ParallelStateStarted"),
            EventKind::ParallelStateSucceeded { .. } => named!("ParallelStateSucceeded"),
            EventKind::ParallelStateFailed { .. } => named!("ParallelStateFailed"),
            EventKind::MapStateStarted { .. } => named!("MapStateStarted", "mapStateStarted"),
            EventKind::MapIterationStarted { .. } => named!("MapIterationStarted", "mapIterationStarted"),
            EventKind::MapIterationSucceeded { .. } => named!("MapIterationSucceeded", "mapIterationSucceeded"),
            EventKind::MapIterationFailed { .. } => named!("MapIterationFailed", "mapIterationFailed"),
            EventKind::MapIterationAborted { .. } => named!("MapIterationAborted", "mapIterationAborted"),
            EventKind::DistributedMapStarted { .. } => named!("MapStateStarted", "mapStateStarted"),
            EventKind::MapRunStarted { .. } => named!("MapRunStarted", "mapRunStarted"),
            EventKind::MapRunSucceeded { .. } => named!("MapRunSucceeded"),
            EventKind::MapRunFailed { .. } => named!("MapRunFailed", "mapRunFailed"),
            EventKind::MapRunAborted { .. } => named!("MapRunAborted"),
            EventKind::MapRunRedriven { .. } => named!("MapRunRedriven", "mapRunRedriven"),
            EventKind::MapStateSucceeded { .. } => named!("MapStateSucceeded"),
            EventKind::MapStateFailed { .. } => named!("MapStateFailed"),
            EventKind::WaitStarted { .. } | EventKind::RetryScheduled { .. } | EventKind::TaskRegranted { .. } => {
                unreachable!("internal events are not shown")
            }
        }
    }

    fn details(&self, kind: &'a EventKind) -> Details<'a> {
        match kind {
            EventKind::ExecutionStarted(start) => self.started(start),
            EventKind::ExecutionSucceeded { output } => self.output(Details::default(), output),
            EventKind::ExecutionFailed { failure } | EventKind::ExecutionAborted { failure } | EventKind::ExecutionTimedOut { failure } => {
                failed(Details::default(), failure)
            }
            EventKind::ExecutionRedriven { redrive_count, .. } => Details { redrive_count: Some(*redrive_count), ..Details::default() },
            EventKind::StateEntered { state, input } => self.input(self.named(*state), input),
            EventKind::StateExited { state, output, assigned, .. } => {
                let details = self.output(self.named(*state), output);
                let assigned = if assigned.is_empty() { None } else { Some(Assigned(assigned)) };
                let assigned_variables_details = assigned.as_ref().map(|_| DataDetails::default());
                Details { assigned_variables: assigned.filter(|_| self.data), assigned_variables_details, ..details }
            }
            EventKind::EvaluationFailed { state, failure, location } => {
                let state = Some(&*self.machine.state(*state).name);
                failed(Details { state, location: location.as_deref(), ..Details::default() }, failure)
            }
            EventKind::TaskScheduled { .. } => self.scheduled(kind),
            EventKind::TaskRefused { state, failure }
            | EventKind::TaskFailed { state, failure }
            | EventKind::TaskTimedOut { state, failure, .. } => failed(self.integration(*state), failure),
            EventKind::TaskStarted { state, claim } => match self.resource(*state) {
                Resource::Function { .. } => Details::default(),
                Resource::Activity { .. } => Details { worker_name: claim.worker_name.as_deref(), ..Details::default() },
                Resource::Integration(_) => self.integration(*state),
            },
            EventKind::TaskSubmitted { state, output } | EventKind::TaskSucceeded { state, output } => {
                self.output(self.integration(*state), output)
            }
            EventKind::DistributedMapStarted { length, .. } | EventKind::MapStateStarted { length, .. } => {
                Details { length: Some(*length), ..Details::default() }
            }
            EventKind::MapRunStarted { map_run_arn, .. } => Details { map_run_arn: Some(map_run_arn), ..Details::default() },
            EventKind::MapRunFailed { failure, .. } => failed(Details::default(), failure),
            EventKind::MapRunRedriven { map_run_arn, redrive_count, .. } => {
                Details { map_run_arn: Some(map_run_arn), redrive_count: Some(*redrive_count), ..Details::default() }
            }
            EventKind::MapIterationStarted { state, index, .. }
            | EventKind::MapIterationSucceeded { state, index }
            | EventKind::MapIterationFailed { state, index }
            | EventKind::MapIterationAborted { state, index } => Details { index: Some(*index), ..self.named(*state) },
            EventKind::StateAborted { .. }
            | EventKind::ParallelStateStarted { .. }
            | EventKind::ParallelStateSucceeded { .. }
            | EventKind::ParallelStateFailed { .. }
            | EventKind::MapStateSucceeded { .. }
            | EventKind::MapStateFailed { .. }
            | EventKind::MapRunSucceeded { .. }
            | EventKind::MapRunAborted { .. }
            | EventKind::WaitStarted { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::TaskRegranted { .. } => Details::default(),
        }
    }

    fn started(&self, start: &'a Start) -> Details<'a> {
        let details = Details {
            role_arn: Some(&start.role_arn),
            state_machine_alias_arn: start.alias_arn.as_deref(),
            state_machine_version_arn: start.version_arn.as_deref(),
            ..Details::default()
        };
        self.input(details, &start.input)
    }

    fn scheduled(&self, kind: &'a EventKind) -> Details<'a> {
        let EventKind::TaskScheduled { state, input, timeout_seconds, heartbeat_seconds, role_arn, .. } = kind else {
            unreachable!("only TaskScheduled is scheduled")
        };
        let details = Details {
            timeout_in_seconds: *timeout_seconds,
            heartbeat_in_seconds: *heartbeat_seconds,
            task_credentials: role_arn.as_deref().map(|role_arn| TaskCredentials { role_arn }),
            ..Details::default()
        };
        match self.resource(*state) {
            Resource::Function { arn } => {
                let details = Details { resource: Some(arn.to_string()), heartbeat_in_seconds: None, ..details };
                self.input(details, input)
            }
            Resource::Activity { arn } => self.input(Details { resource: Some(arn.to_string()), task_credentials: None, ..details }, input),
            Resource::Integration(_) => {
                let Details { resource_type, resource, .. } = self.integration(*state);
                let parameters = Some(input.text()).filter(|_| self.data);
                Details { resource_type, resource, region: Some(self.region), parameters, ..details }
            }
        }
    }

    /// `resourceType` and `resource` of an integration; functions and activities tell neither after they are scheduled.
    fn integration(&self, state: StateId) -> Details<'a> {
        match self.resource(state) {
            Resource::Function { .. } | Resource::Activity { .. } => Details::default(),
            Resource::Integration(integration) => {
                Details { resource_type: Some(&integration.service), resource: Some(integration.resource()), ..Details::default() }
            }
        }
    }

    fn named(&self, state: StateId) -> Details<'a> {
        Details { name: Some(&self.machine.state(state).name), ..Details::default() }
    }

    fn input(&self, details: Details<'a>, input: &'a Payload) -> Details<'a> {
        let input = Some(input.text()).filter(|_| self.data);
        Details { input, input_details: Some(DataDetails::default()), ..details }
    }

    fn output(&self, details: Details<'a>, output: &'a Payload) -> Details<'a> {
        let output = Some(output.text()).filter(|_| self.data);
        Details { output, output_details: Some(DataDetails::default()), ..details }
    }

    fn resource(&self, state: StateId) -> &'a Resource {
        match &self.machine.state(state).kind {
            StateKind::Task(task) => &task.resource,
            StateKind::Pass(_)
            | StateKind::Choice(_)
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail(_)
            | StateKind::Parallel(_)
            | StateKind::Map(_) => unreachable!("only Task states have work events"),
        }
    }

    fn entered(&self, state: StateId) -> &'static str {
        match self.machine.state(state).kind {
            StateKind::Pass(_) => "PassStateEntered",
            StateKind::Task(_) => "TaskStateEntered",
            StateKind::Choice(_) => "ChoiceStateEntered",
            StateKind::Wait(_) => "WaitStateEntered",
            StateKind::Succeed => "SucceedStateEntered",
            StateKind::Fail(_) => "FailStateEntered",
            StateKind::Parallel(_) => "ParallelStateEntered",
            StateKind::Map(_) => "MapStateEntered",
        }
    }

    fn exited(&self, state: StateId) -> &'static str {
        match self.machine.state(state).kind {
            StateKind::Pass(_) => "PassStateExited",
            StateKind::Task(_) => "TaskStateExited",
            StateKind::Choice(_) => "ChoiceStateExited",
            StateKind::Wait(_) => "WaitStateExited",
            StateKind::Succeed => "SucceedStateExited",
            StateKind::Fail(_) => unreachable!("a Fail state is never exited"),
            StateKind::Parallel(_) => "ParallelStateExited",
            StateKind::Map(_) => "MapStateExited",
        }
    }

    fn aborted(&self, state: StateId) -> &'static str {
        match self.machine.state(state).kind {
            StateKind::Task(_) => "TaskStateAborted",
            StateKind::Wait(_) => "WaitStateAborted",
            StateKind::Parallel(_) => "ParallelStateAborted",
            StateKind::Map(_) => "MapStateAborted",
            StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => {
                unreachable!("a state that never waits is never aborted")
            }
        }
    }
}

fn failed<'a>(details: Details<'a>, failure: &'a Failure) -> Details<'a> {
    Details { error: failure.error.as_deref(), cause: failure.cause.as_deref(), ..details }
}

#[cfg(test)]
mod tests;
