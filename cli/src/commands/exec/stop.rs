//! `baton exec stop`.

use serde_json::json;

use super::resolve;
use crate::args::{Format, OneExecution};
use crate::client::Client;
use crate::exit::{CliError, CliResult, Exit};
use crate::output;

pub(crate) async fn run(client: &Client, one: &OneExecution, error: Option<String>, cause: Option<String>) -> CliResult {
    let arn = resolve::execution(client, &one.execution).await?;
    let before = client.call("DescribeExecution", json!({ "executionArn": arn })).await?;
    if before["status"] != "RUNNING" {
        let message = format!("{arn} is {} already", resolve::text(&before, "status"));
        return Err(CliError::new(Exit::Failed, message).next("only running executions can be stopped: `baton exec list --status RUNNING`"));
    }
    let mut body = json!({ "executionArn": arn });
    for (member, given) in [("error", error), ("cause", cause)] {
        if let Some(text) = given {
            body[member] = json!(text);
        }
    }
    let stopped = client.call("StopExecution", body).await?;
    match one.common.output {
        Format::Json => output::json(&stopped),
        Format::Table => crate::output::line(&format!("stopped {arn} at {}", output::time(&stopped["stopDate"]))),
    }
    Ok(())
}
