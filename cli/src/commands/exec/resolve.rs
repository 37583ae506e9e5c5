//! Names as people give them: ARNs, names, unique prefixes, `@latest`.

use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::{CliError, CliResult, Exit};

/// How many executions of each state machine are searched for a name.
const SEARCHED_MAX: usize = 1_000;

/// ARN of a state machine given by ARN or name, either with `:` and a version or an alias, and with `#` and a test case of the server's mock
/// configuration.
pub(crate) async fn state_machine(client: &Client, given: &str) -> CliResult<String> {
    if given.starts_with("arn:") {
        return Ok(given.to_owned());
    }
    let (given, behind) = given.find([':', '#']).map_or((given, ""), |at| given.split_at(at));
    let machines = client.pages("ListStateMachines", json!({}), "stateMachines", usize::MAX).await?;
    let named = machines.iter().find(|machine| machine["name"] == given);
    named.map(|machine| text(machine, "stateMachineArn") + behind).ok_or_else(|| {
        let names: Vec<_> = machines.iter().map(|machine| text(machine, "name")).collect();
        let step = if names.is_empty() {
            "there are none: create one (`aws stepfunctions create-state-machine`, Terraform), or start `baton dev DIR` on a folder with definitions".into()
        } else {
            format!("there are: {}", names.join(", "))
        };
        CliError::new(Exit::NotFound, format!("no state machine is called {given}")).next(step)
    })
}

/// ARN of an execution given by ARN, name, unique prefix of a name, `@latest`, `@failed` or `@running`.
pub(crate) async fn execution(client: &Client, given: &str) -> CliResult<String> {
    if given.starts_with("arn:") {
        return Ok(given.to_owned());
    }
    let found = match given {
        "@latest" => recent(client, None, 1).await?.into_iter().next(),
        "@failed" => recent(client, Some("FAILED"), 1).await?.into_iter().next(),
        "@running" => recent(client, Some("RUNNING"), 1).await?.into_iter().next(),
        name => by_name(recent(client, None, SEARCHED_MAX).await?, name)?,
    };
    let step = match given.starts_with('@') {
        true => {
            "`baton exec list` shows what there is; @latest, @failed and @running are short for the newest, the newest failed and the newest running one"
        }
        false => "`baton exec list` shows what there is",
    };
    found
        .map(|execution| text(&execution, "executionArn"))
        .ok_or_else(|| CliError::new(Exit::NotFound, format!("no execution matches {given}")).next(step))
}

/// Executions of all Standard state machines, newest first.
pub(crate) async fn recent(client: &Client, status: Option<&str>, limit: usize) -> CliResult<Vec<Value>> {
    let machines = client.pages("ListStateMachines", json!({}), "stateMachines", usize::MAX).await?;
    let mut all = Vec::new();
    for machine in machines.iter().filter(|machine| machine["type"] == "STANDARD") {
        all.extend(executions_of(client, "stateMachineArn", &text(machine, "stateMachineArn"), status, limit).await?);
    }
    all.sort_by(|a, b| b["startDate"].as_f64().unwrap_or(0.0).total_cmp(&a["startDate"].as_f64().unwrap_or(0.0)));
    all.truncate(limit);
    Ok(all)
}

/// Executions of one state machine or Map Run, newest first; `owner` is the field of ListExecutions that takes its ARN.
pub(crate) async fn executions_of(client: &Client, owner: &str, arn: &str, status: Option<&str>, limit: usize) -> CliResult<Vec<Value>> {
    let mut body = json!({ owner: arn, "maxResults": limit.min(1_000) });
    if let Some(status) = status {
        body["statusFilter"] = json!(status);
    }
    client.pages("ListExecutions", body, "executions", limit).await
}

fn by_name(executions: Vec<Value>, name: &str) -> CliResult<Option<Value>> {
    if let Some(exact) = executions.iter().find(|execution| execution["name"] == name) {
        return Ok(Some(exact.clone()));
    }
    let mut matching: Vec<_> = executions.into_iter().filter(|execution| text(execution, "name").starts_with(name)).collect();
    if matching.len() > 1 {
        let names: Vec<_> = matching.iter().take(5).map(|execution| text(execution, "name")).collect();
        let message = format!("{} executions begin with {name}", matching.len());
        return Err(CliError::new(Exit::Usage, message).next(format!("give more of the name: {}", names.join(", "))));
    }
    Ok(matching.pop())
}

pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}
