//! A folder's state machines become the server's, through the API like anybody's.

use serde_json::json;

use super::{Machine, Project};
use crate::client::Client;
use crate::exit::CliResult;

/// IAM has no meaning here, but AWS's API asks for a role.
const ROLE: &str = "arn:aws:iam::123456789012:role/baton";

/// Creates or updates every state machine without errors.
pub(crate) async fn all(client: &Client, project: &Project) -> CliResult {
    for machine in project.machines.iter().filter(|machine| !machine.has_errors()) {
        one(client, machine, project).await?;
    }
    Ok(())
}

/// Creates a state machine; one of the same name and another definition is updated instead.
pub(crate) async fn one(client: &Client, machine: &Machine, project: &Project) -> CliResult {
    let kind = if machine.express { "EXPRESS" } else { "STANDARD" };
    let mut body = json!({ "definition": machine.definition, "roleArn": ROLE });
    // Without one in the template, what somebody has set through the API stays.
    if let Some(logging) = &machine.logging {
        body["loggingConfiguration"] = logging.clone();
    }
    let mut update = body.clone();
    body["name"] = json!(machine.name);
    body["type"] = json!(kind);
    let created = client.call("CreateStateMachine", body).await;
    match created {
        Err(error) if error.message.starts_with("StateMachineAlreadyExists") => {
            update["stateMachineArn"] = json!(project.state_machine_arn(&machine.name));
            client.call("UpdateStateMachine", update).await
        }
        created => created,
    }
    .map(drop)
}
