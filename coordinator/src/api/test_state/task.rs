//! A task that is really done: by an execution that has nothing but this task, with the call's input as its own.

use baton_asl::{MachineType, State};
use baton_engine::{Payload, Start};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use super::bring::{Brought, TIME_MAX};
use crate::api::{Api, ApiError};
use crate::cluster::{Revision, Status};

/// The work of a Task state.
pub(super) struct Call<'a> {
    /// The execution that the state seems to be part of.
    pub(super) start: &'a Start,
    pub(super) state: &'a State,
    pub(super) input: Payload,
    pub(super) timeout_seconds: Option<u64>,
}

/// Calls what the task calls, as an execution would.
pub(super) async fn call(api: &Api, call: Call<'_>) -> Result<Brought, ApiError> {
    let start = Start { input: call.input.clone(), ..call.start.clone() };
    let end = api.cluster().run_apart(start, revision(&call)).await?;
    let record = end.record;
    Ok(match record.status {
        Status::Succeeded => Brought::Result(record.output.expect("an execution that has succeeded has an output")),
        Status::Failed | Status::Aborted => Brought::Failure(record.failure.unwrap_or_default()),
        Status::TimedOut | Status::Running => Brought::Nothing,
    })
}

/// A machine of the task alone. What it is called with is the machine's input, computed already; its errors are the state's to handle.
fn revision(call: &Call<'_>) -> Revision {
    let name = &*call.state.name;
    let mut task = json!({"Type": "Task", "Resource": resource(call.state), "Arguments": "{% $states.input %}", "End": true});
    if let Some(seconds) = call.timeout_seconds.filter(|seconds| *seconds < TIME_MAX.as_secs()) {
        task["TimeoutSeconds"] = seconds.into();
    }
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": name, "States": { name: task }}).to_string();
    let machine = baton_asl::parse(&definition, MachineType::Express).expect("a task that is part of a valid machine is valid by itself");
    Revision {
        digest: xxh3_128(definition.as_bytes()),
        definition: definition.into(),
        machine_type: MachineType::Express,
        machine,
        role_arn: call.start.role_arn.clone(),
        logging: None,
    }
}

fn resource(state: &State) -> &str {
    state.kind.resource().expect("only a Task state has work to be done").arn()
}
