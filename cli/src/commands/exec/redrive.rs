//! `baton exec redrive`: an execution that has not succeeded goes on where it ended.

use serde_json::json;

use super::{exit_of, print_end, resolve, watch};
use crate::args::{Format, OneExecution};
use crate::client::Client;
use crate::exit::{CliError, CliResult};
use crate::output;

pub(crate) async fn run(client: &Client, one: &OneExecution, client_token: Option<String>, wait: bool) -> CliResult {
    let arn = resolve::execution(client, &one.execution).await?;
    let mut body = json!({ "executionArn": arn });
    if let Some(token) = client_token {
        body["clientToken"] = json!(token);
    }
    let redriven = client.call("RedriveExecution", body).await.map_err(|error| with_next_step(error, &arn))?;
    if !wait {
        match one.common.output {
            Format::Json => output::json(&redriven),
            Format::Table => output::line(&format!("redriven {arn} at {}", output::time(&redriven["redriveDate"]))),
        }
        return Ok(());
    }
    if one.common.output == Format::Table {
        watch::follow(client, &arn, watch::AtInterrupt::Detach).await?;
    }
    let ended = client.wait(&arn).await?;
    match one.common.output {
        Format::Json => output::json(&ended),
        Format::Table => print_end(&ended),
    }
    exit_of(&resolve::text(&ended, "status"))
}

/// What can be done about an execution that cannot be redriven depends on why it cannot.
fn with_next_step(error: CliError, arn: &str) -> CliError {
    let Some(reason) = error.message.strip_prefix("ExecutionNotRedrivable: ") else { return error };
    let step = if reason.contains("RUNNING") {
        format!("`baton exec watch {arn}` follows it, `baton exec stop {arn}` ends it")
    } else if reason.contains("SUCCEEDED") {
        "`baton exec list --status FAILED` shows what has failed".to_owned()
    } else {
        "start a new execution with the same input: `baton exec start STATE_MACHINE --input …`".to_owned()
    };
    error.next(step)
}
